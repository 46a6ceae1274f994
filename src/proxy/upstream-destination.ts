/** The servers of proxy_ip as the destination of a queue: files are sent by the client's side of the protocol. */
import type { TentacleClient } from '../client/client.ts';
import { endpointText, type HostPort } from '../client/endpoint.ts';
import { ClientError, LocalFileError, RefusedError } from '../client/errors.ts';
import type { Answer, Destination, Line } from './destination.ts';
import { stateText } from './upstream.ts';
import type { Reached, Upstreams } from './upstreams.ts';
import type { QueuedFile } from '../store/queue-directory.ts';
import type { Outgoing } from '../store/store.ts';

/** Must end by itself in time; the password has been accepted when it resolves. The signal ends the attempt. */
export type Connect = (server: HostPort, signal: AbortSignal) => Promise<TentacleClient>;

export class UpstreamDestination implements Destination {
  readonly #upstreams: Upstreams;
  readonly #connect: Connect;

  constructor(upstreams: Upstreams, connect: Connect) {
    this.#upstreams = upstreams;
    this.#connect = connect;
  }

  async reach(attempt: AbortSignal, stopping: AbortSignal): Promise<Line> {
    return new UpstreamLine(
      await this.#upstreams.reach((server) => this.#connect(server, attempt), stopping),
    );
  }

  changed(ms: number, signal: AbortSignal): Promise<void> {
    return this.#upstreams.changed(ms, signal);
  }

  get state(): string {
    return `upstream ${this.#upstreams.states.map(stateText).join('; ')}`;
  }
}

/** A name that is of this data alone: whoever has a file of that name has this one. */
const NUMBERED = /\.[0-9]+\.data$/;
const EXISTS = 'file already exists';
/** Refusals that are about the upstream's disk, not about the file. */
const TEMPORARY: readonly string[] = ['not enough space', 'cannot store file'];

class UpstreamLine implements Line {
  readonly to: string;
  readonly #reached: Reached<TentacleClient>;

  constructor(reached: Reached<TentacleClient>) {
    this.#reached = reached;
    this.to = endpointText(reached.server);
  }

  get isOver(): boolean {
    return this.#client.stream.destroyed;
  }

  async send({ name }: QueuedFile, outgoing: Outgoing, otherTaken: boolean): Promise<Answer> {
    try {
      await this.#client.send({ name, size: outgoing.size, content: () => outgoing.content() });
      return { kind: 'taken', already: false };
    } catch (error) {
      const already = error instanceof RefusedError && error.reason === EXISTS && NUMBERED.test(name);
      if (already && !otherTaken) return { kind: 'taken', already: true };
      return this.#judge(error as Error);
    }
  }

  quit(): Promise<void> {
    return this.#client.quit();
  }

  close(): void {
    this.#client.close();
  }

  release(): void {
    this.#reached.release();
  }

  broke(error: Error): void {
    this.#reached.broke(error);
  }

  get #client(): TentacleClient {
    return this.#reached.value;
  }

  #judge(error: Error): Answer {
    if (error instanceof RefusedError) {
      const reason = error.reason === '' ? 'it gave no reason' : error.reason;
      return { kind: TEMPORARY.includes(reason) ? 'refused' : 'unwanted', reason };
    }
    if (error instanceof LocalFileError) {
      // The client ends its connection when a file changes on the way; a name that no line can hold, it does not even say.
      if (this.isOver) return { kind: 'unreadable', error };
      return { kind: 'unwanted', reason: 'the protocol has no names with control characters' };
    }
    return { kind: error instanceof ClientError ? 'broken' : 'unreadable', error };
  }
}
