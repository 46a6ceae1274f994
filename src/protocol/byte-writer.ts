/** Writes replies and bodies to a byte stream, waiting for the peer within the idle limit. */
import type { Writable } from 'node:stream';
import { PeerClosed, PeerTimeout } from './errors.ts';
import { timerMs } from './timer.ts';

/** The largest piece handed to the stream at once: what a slow peer must take within one idle limit. */
const PIECE = 16 * 1024;

export class ByteWriter {
  readonly #stream: Writable;
  readonly #idleMs: number;
  #pending: ((error: Error) => void) | undefined;
  #failure: Error | undefined;
  #waiting = 0;

  /** @param idleMs how long the peer may take for each piece, in milliseconds (W4) */
  constructor(stream: Writable, idleMs: number) {
    this.#stream = stream;
    this.#idleMs = idleMs;
    // Not every stream tells a write that it has failed: TLS forgets those behind an alert of the peer.
    stream.on('error', (error) => {
      this.#fail(new PeerClosed(`connection lost: ${error.message}`, { cause: error }));
    });
    stream.on('close', () => {
      this.#fail(new PeerClosed('connection closed'));
    });
  }

  /** Whether the peer has yet to take what was written. */
  get waiting(): boolean {
    return this.#waiting > 0;
  }

  /**
   * Sends one reply in one write of its own (W2).
   * @throws PeerClosed, PeerTimeout
   */
  async reply(line: string): Promise<void> {
    await this.#write(Buffer.from(line, 'latin1'));
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

  #fail(error: Error): void {
    this.#failure ??= error;
    this.#pending?.(this.#failure);
  }

  #write(piece: Buffer): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    this.#waiting++;
    return new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => {
        reject(new PeerTimeout('timed out: the peer does not read'));
      }, timerMs(this.#idleMs));
      this.#pending = (error) => {
        clearTimeout(timer);
        reject(error);
      };
      this.#stream.write(piece, (error) => {
        clearTimeout(timer);
        if (error) reject(new PeerClosed(`connection lost: ${error.message}`, { cause: error }));
        else resolve();
      });
    }).finally(() => {
      this.#waiting--;
    });
  }
}
