/** Has an upstream send one file, over a connection of its own, as fast as somebody takes it. */
import type { Sink, TentacleClient } from '../client/client.ts';
import { endpointText, type HostPort } from '../client/endpoint.ts';
import { RefusedError } from '../client/errors.ts';
import type { Reached, Upstreams } from './upstreams.ts';
import { FileChanged } from '../protocol/errors.ts';

export interface Way {
  readonly upstreams: Upstreams;
  /** Must end by itself in time; the password has been accepted when it resolves. */
  readonly connect: (server: HostPort) => Promise<TentacleClient>;
}

/** `move` has the upstream delete its file when it hears another command (W16). */
export interface Wanted {
  readonly name: string;
  readonly purpose: 'read' | 'move';
}

/** The upstream has begun to send. */
interface Begun {
  readonly size: number;
  readonly content: AsyncIterable<Buffer>;
}

export class Fetch {
  readonly #reached: Reached<TentacleClient>;
  /** Bytes. */
  readonly size: number;
  readonly #content: AsyncIterable<Buffer>;
  /** Tells the client that nobody takes more of it. */
  readonly #settle: () => void;
  /** Resolves when the client is satisfied. */
  readonly #over: Promise<void>;
  #closed = false;

  /** @throws NoUpstream, and what the client throws when the upstream does not want to, or is lost */
  static async begin(wanted: Wanted, { upstreams, connect }: Way): Promise<Fetch> {
    const reached = await upstreams.reach(connect);
    let settle = (): void => undefined;
    const held = new Promise<void>((resolve) => {
      settle = resolve;
    });
    try {
      const { begun, over } = await ask(wanted, reached.value, held);
      return new Fetch(reached, begun, { settle, over });
    } catch (error) {
      if (!(error instanceof RefusedError)) reached.broke(error as Error);
      reached.value.close();
      reached.release();
      throw error;
    }
  }

  private constructor(
    reached: Reached<TentacleClient>,
    { size, content }: Begun,
    { settle, over }: { readonly settle: () => void; readonly over: Promise<void> },
  ) {
    this.#reached = reached;
    this.size = size;
    this.#content = content;
    this.#settle = settle;
    this.#over = over;
  }

  /**
   * The bytes, once.
   * @throws FileChanged when the upstream is lost, or gives up: going on would corrupt the framing
   */
  async *content(): AsyncGenerator<Buffer, void, undefined> {
    try {
      yield* this.#content;
      this.#settle();
      await this.#over;
    } catch (cause) {
      if (!this.#closed) this.#reached.broke(cause as Error);
      const upstream = endpointText(this.#reached.server);
      throw new FileChanged(`upstream ${upstream} did not send a file whole: ${(cause as Error).message}`, {
        cause,
      });
    }
  }

  /** Ends the conversation as it should be ended. @throws Error when the upstream has ended it before */
  async quit(): Promise<void> {
    const { value: client, server } = this.#reached;
    if (this.#closed || client.stream.destroyed) {
      throw new Error(`upstream ${endpointText(server)} has closed the connection`);
    }
    await client.quit();
    this.close();
  }

  /** Drops the connection: an upstream that was to delete its file keeps it. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#reached.value.close();
    this.#settle();
    this.#reached.release();
  }
}

/** The client hands out the content while it waits for `held`. */
async function ask(
  { name, purpose }: Wanted,
  client: TentacleClient,
  held: Promise<void>,
): Promise<{ readonly begun: Begun; readonly over: Promise<void> }> {
  let over: Promise<void> = held;
  const begun = await new Promise<Begun>((resolve, reject) => {
    const sink: Sink = (content, size) => {
      resolve({ size, content });
      return held;
    };
    over = purpose === 'move' ? client.move(name, sink) : client.receive(name, sink);
    // Once it has begun, whoever takes the content hears of its end.
    over.catch(reject);
  });
  return { begun, over };
}
