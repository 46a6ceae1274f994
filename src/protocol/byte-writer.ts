/** Writes replies and bodies to a byte stream, waiting for the peer within the idle limit. */
import type { Writable } from 'node:stream';
import { PeerClosed, PeerTimeout } from './errors.ts';
import { timerMs } from './timer.ts';

/** The largest piece handed to the stream at once: what a slow peer must take within one idle limit. */
const PIECE = 16 * 1024;

export class ByteWriter {
  readonly #stream: Writable;
  readonly #idleMs: number;
  #waiting = 0;
  /** TLS tells of some errors that neither close the stream nor fail a write. */
  #lost: Error | undefined;
  #pending: Pending | undefined;

  /** @param idleMs how long the peer may take for each piece, in milliseconds (W4) */
  constructor(stream: Writable, idleMs: number) {
    this.#stream = stream;
    this.#idleMs = idleMs;
    stream.on('error', this.#onError);
  }

  readonly #onError = (error: Error): void => {
    this.#lost ??= error;
    this.#pending?.settle?.(error);
  };

  /** Whether the peer has yet to take what was written. */
  get waiting(): boolean {
    return this.#waiting > 0;
  }

  /**
   * Sends one reply in one write of its own (W2).
   * @throws PeerClosed, PeerTimeout
   */
  async reply(line: string): Promise<void> {
    await this.#write(line);
  }

  /**
   * Sends bytes of a body; resolves when the stream has taken them, so memory stays flat with a slow peer.
   * @throws PeerClosed, PeerTimeout
   */
  async bytes(chunk: Buffer): Promise<void> {
    for (let start = 0; start < chunk.length; start += PIECE) {
      await this.#write(chunk.subarray(start, start + PIECE));
    }
  }

  /** @returns undefined when the system has taken it at once, as it does nearly always: nobody then has to wait */
  #write(piece: Buffer | string): Promise<void> | undefined {
    const stream = this.#stream;
    if (this.#isOver()) return Promise.reject(this.#failure());
    const pending: Pending = {};
    stream.write(piece, 'latin1', (error) => pending.settle?.(error ?? undefined));
    if (stream.writableLength === 0 && !this.#isOver()) return undefined;
    return this.#settled(pending);
  }

  async #settled(pending: Pending): Promise<void> {
    const stream = this.#stream;
    let timer: NodeJS.Timeout | undefined;
    const closed = (): void => pending.settle?.(undefined);
    this.#waiting++;
    this.#pending = pending;
    try {
      const error = await new Promise<Error | undefined>((resolve, reject) => {
        pending.settle = resolve;
        stream.once('close', closed);
        timer = setTimeout(() => {
          // After a stall of this process timers come before what the peer has taken meanwhile.
          setImmediate(() => {
            reject(new PeerTimeout('timed out: the peer does not read'));
          });
        }, timerMs(this.#idleMs));
      });
      if (error !== undefined || this.#isOver()) throw this.#failure(error);
    } finally {
      this.#waiting--;
      this.#pending = undefined;
      clearTimeout(timer);
      stream.off('close', closed);
    }
  }

  #isOver(): boolean {
    // A write that fails at once is known of before the stream is destroyed for it.
    return this.#stream.destroyed || this.#stream.errored !== null || this.#lost !== undefined;
  }

  #failure(error?: Error): PeerClosed {
    const cause = error ?? this.#lost ?? this.#stream.errored ?? undefined;
    return cause === undefined
      ? new PeerClosed('connection closed')
      : new PeerClosed(`connection lost: ${cause.message}`, { cause });
  }
}

/** A write that the system has not taken yet. */
interface Pending {
  /** @param error why it never will */
  settle?: (error: Error | undefined) => void;
}
