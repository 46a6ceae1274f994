/** JetStream as the destination of a queue: what waited goes there once it is back. */
import { JetStreamAway } from '../away.ts';
import type { Quorum } from './quorum.ts';
import { FileChanged, NoUpstream, Refusal, type RefusalReason } from '../../protocol/errors.ts';
import type { Answer, Destination, Line } from '../../proxy/destination.ts';
import type { QueuedFile } from '../../store/queue-directory.ts';
import type { Outgoing, Store } from '../../store/store.ts';

/** Refusals that are about the cluster's disks, not about the file. */
const TEMPORARY: readonly RefusalReason[] = ['not enough space', 'cannot store file'];

export interface JetStreamDestinationOptions {
  /** Knows that what it receives waited in a queue. */
  readonly store: Pick<Store, 'receive'>;
  readonly quorum: Pick<Quorum, 'trouble' | 'lost' | 'changed'>;
  /** What it is called in the log. */
  readonly name: string;
}

export class JetStreamDestination implements Destination {
  readonly #options: JetStreamDestinationOptions;

  constructor(options: JetStreamDestinationOptions) {
    this.#options = options;
  }

  get state(): string {
    const { quorum, name } = this.#options;
    return quorum.trouble === undefined ? `${name} is there` : `${name} is away: ${quorum.trouble}`;
  }

  reach(): Promise<Line> {
    const { trouble } = this.#options.quorum;
    if (trouble !== undefined) return Promise.reject(new NoUpstream(trouble));
    return Promise.resolve(new JetStreamLine(this.#options));
  }

  changed(ms: number, signal: AbortSignal): Promise<void> {
    return this.#options.quorum.changed(ms, signal);
  }
}

class JetStreamLine implements Line {
  readonly to: string;
  readonly #options: JetStreamDestinationOptions;
  #isOver = false;

  constructor(options: JetStreamDestinationOptions) {
    this.#options = options;
    this.to = options.name;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** The same name with the same bytes is known to be the same file, whatever was taken before. */
  async send({ name }: QueuedFile, outgoing: Outgoing): Promise<Answer> {
    try {
      const incoming = await this.#options.store.receive(name, outgoing.size);
      try {
        for await (const chunk of outgoing.content()) await incoming.write(chunk);
        await incoming.commit();
      } finally {
        await incoming.discard();
      }
      return { kind: 'taken', already: false };
    } catch (error) {
      return this.#judge(error as Error);
    }
  }

  quit(): Promise<void> {
    this.#isOver = true;
    return Promise.resolve();
  }

  close(): void {
    this.#isOver = true;
  }

  release(): void {
    // The connection is everybody's.
  }

  broke(): void {
    // The quorum tells.
  }

  #judge(error: Error): Answer {
    if (error instanceof JetStreamAway) {
      this.#options.quorum.lost(error);
      this.#isOver = true;
      return { kind: 'broken', error };
    }
    if (error instanceof FileChanged || !(error instanceof Refusal)) return { kind: 'unreadable', error };
    const reason = error.message === error.reason ? error.reason : `${error.reason}: ${error.message}`;
    return { kind: TEMPORARY.includes(error.reason) ? 'refused' : 'unwanted', reason };
  }
}
