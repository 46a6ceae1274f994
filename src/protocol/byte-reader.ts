/** Reads lines and exact bodies from a byte stream, each wait within its limit. */
import type { Readable } from 'node:stream';
import { PeerClosed, PeerTimeout, ProtocolError } from './errors.ts';
import { monotonicMs, timerMs } from './timer.ts';

const LF = 0x0a;
const EMPTY = Buffer.alloc(0);
/** W4: bytes by which a body must advance within each idle limit. */
export const LEAST_PROGRESS = 64;
/** A command line must be complete within this many idle limits, so that nobody trickles it for ever. */
const LINE_IDLE_LIMITS = 3;

/** One reader per connection; callers ask for one thing at a time. */
export class ByteReader {
  readonly #stream: Readable;
  readonly #idleMs: number;
  #buffer: Buffer = EMPTY;
  #bodyLeft = 0;
  #ended = false;
  #failure: Error | undefined;
  #wake: (() => void) | undefined;
  readonly #onReadable = (): void => this.#wake?.();

  /**
   * Takes over a paused stream. Errors of the stream are kept until somebody reads, so none goes unheard.
   * @param idleMs the idle limit for every wait, in milliseconds (W4)
   */
  constructor(stream: Readable, idleMs: number) {
    this.#stream = stream;
    this.#idleMs = idleMs;
    // One that was read from before, for a PROXY header, may have told of its end already.
    this.#ended = stream.readableEnded;
    if (stream.destroyed) this.#fail(new PeerClosed('connection closed'));
    stream.on('readable', this.#onReadable);
    stream.on('end', () => {
      this.#ended = true;
      this.#wake?.();
    });
    stream.on('error', (error) => {
      this.#fail(new PeerClosed(`connection lost: ${error.message}`, { cause: error }));
    });
    stream.on('close', () => {
      this.#fail(new PeerClosed('connection closed'));
    });
  }

  /** Whether somebody waits for the peer's bytes right now. */
  get waiting(): boolean {
    return this.#wake !== undefined;
  }

  /** Whether nothing more can be read: of a peer that only ended its side, all that it said first can. */
  get closed(): boolean {
    return this.#failure !== undefined || (this.#ended && this.#buffer.length === 0);
  }

  /** Makes the pending read and every later one fail with this error. */
  abort(error: Error): void {
    this.#fail(error);
  }

  /**
   * Lets go of the stream, which is paused then. Nothing may be asked for any more.
   * @returns what was read ahead; it cannot be put back into a stream that has ended
   */
  release(): Buffer {
    this.#stream.off('readable', this.#onReadable).pause();
    return this.#buffer;
  }

  /** Whether bytes have come that nobody has asked for yet. */
  get ahead(): boolean {
    return this.#buffer.length > 0 || this.#stream.readableLength > 0;
  }

  /** Bytes of the body in progress that have not been taken. */
  get bodyLeft(): number {
    return this.#bodyLeft;
  }

  /** The next byte without taking it, or undefined at the end of the stream. */
  async peek(): Promise<number | undefined> {
    const deadline = monotonicMs() + this.#idleMs;
    while (this.#buffer.length === 0) if (!(await this.#more(deadline))) return undefined;
    return this.#buffer[0];
  }

  /**
   * The next line as latin-1, without its LF (W1), or undefined if the stream ends before its first byte.
   * @param limit the longest line allowed, in bytes, LF included (W2)
   * @throws ProtocolError for a longer line, PeerClosed in mid-line, PeerTimeout (W4)
   */
  async readLine(limit: number): Promise<string | undefined> {
    const latest = monotonicMs() + LINE_IDLE_LIMITS * this.#idleMs;
    let searched = 0;
    for (;;) {
      const end = this.#buffer.indexOf(LF, searched);
      // Also on complete lines: a long one may arrive together with its LF.
      if (end >= limit || (end < 0 && this.#buffer.length >= limit)) {
        throw new ProtocolError(`a line of over ${String(limit)} bytes`);
      }
      if (end >= 0) {
        const line = this.#buffer.toString('latin1', 0, end);
        this.#buffer = this.#buffer.subarray(end + 1);
        return line;
      }
      searched = this.#buffer.length;
      if (!(await this.#more(Math.min(monotonicMs() + this.#idleMs, latest)))) {
        if (this.#buffer.length === 0) return undefined;
        throw new PeerClosed('connection closed in the middle of a line');
      }
    }
  }

  /**
   * Exactly `size` bytes, in chunks as they arrive; nothing is read before it is asked for.
   * @throws PeerClosed when the stream ends early, PeerTimeout when it does not advance (W4)
   */
  async *body(size: number): AsyncGenerator<Buffer, void, undefined> {
    this.#bodyLeft = size;
    // Only waiting for the peer counts, not the time our own disk takes.
    let patience = this.#idleMs;
    let progress = 0;
    while (this.#bodyLeft > 0) {
      if (this.#buffer.length === 0) {
        const start = monotonicMs();
        if (!(await this.#more(start + patience))) {
          throw new PeerClosed(`connection closed with ${String(this.#bodyLeft)} bytes of a file missing`);
        }
        patience -= monotonicMs() - start;
        progress += this.#buffer.length;
        if (progress >= LEAST_PROGRESS) {
          patience = this.#idleMs;
          progress = 0;
        }
      }
      const chunk = this.#buffer.subarray(0, this.#bodyLeft);
      this.#buffer = this.#buffer.subarray(chunk.length);
      this.#bodyLeft -= chunk.length;
      yield chunk;
    }
  }

  /** Reads and drops what is left of the body in progress, so that the conversation stays in step. */
  async skipRest(): Promise<void> {
    const rest = this.body(this.#bodyLeft);
    while ((await rest.next()).done !== true);
  }

  /**
   * Waits for bytes to be buffered; false at the end of the stream.
   * @param deadline on the monotonic clock, which no clock change moves; milliseconds
   */
  async #more(deadline: number): Promise<boolean> {
    for (;;) {
      if (this.#failure !== undefined) throw this.#failure;
      const chunk = this.#stream.read() as Buffer | null;
      if (chunk !== null) {
        this.#buffer = this.#buffer.length === 0 ? chunk : Buffer.concat([this.#buffer, chunk]);
        return true;
      }
      if (this.#ended) return false;
      await this.#event(deadline - monotonicMs());
    }
  }

  /** Resolves when the stream has news; rejects after `ms` milliseconds without any. */
  #event(ms: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#wake = undefined;
        reject(new PeerTimeout('timed out'));
      }, timerMs(ms));
      this.#wake = () => {
        this.#wake = undefined;
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    this.#wake?.();
  }
}
