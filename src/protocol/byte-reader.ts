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

/** So much may have come that nobody has asked for; then the stream is paused until somebody does. Bytes. */
const MOST_AHEAD = 64 * 1024;

/** What waits for the peer, and until when on the monotonic clock. */
interface Wait {
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
  readonly deadline: number;
}

/**
 * One reader per connection; callers ask for one thing at a time. On the way of every file: it listens once, makes no
 * error before somebody hears it, and moves no timer with each wait.
 */
export class ByteReader {
  readonly #stream: Readable;
  readonly #idleMs: number;
  #buffer: Buffer = EMPTY;
  #bodyLeft = 0;
  #ended = false;
  #closed = false;
  #aborted: Error | undefined;
  /** TLS tells of some errors that neither close the stream nor stay in it. */
  #lost: Error | undefined;
  #wait: Wait | undefined;
  /** Armed once and looked at when it is due. */
  #timer: NodeJS.Timeout | undefined;
  #due = 0;

  /**
   * Takes over a paused stream. Errors of the stream are kept until somebody reads, so none goes unheard.
   * @param idleMs the idle limit for every wait, in milliseconds (W4)
   */
  constructor(stream: Readable, idleMs: number) {
    this.#stream = stream;
    this.#idleMs = idleMs;
    // One that was read from before, for a PROXY header, may have told of its end already.
    this.#ended = stream.readableEnded;
    this.#closed = stream.destroyed;
    // Nothing flows before it is asked for.
    stream.pause();
    stream
      .on('data', this.#onData)
      .on('end', this.#onEnd)
      .on('close', this.#onClose)
      .on('error', this.#onError);
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#buffer = this.#buffer.length === 0 ? chunk : Buffer.concat([this.#buffer, chunk]);
    if (this.#wait !== undefined) this.#wake();
    else if (this.#buffer.length >= MOST_AHEAD) this.#stream.pause();
  };

  readonly #onEnd = (): void => {
    this.#ended = true;
    this.#wake();
  };

  readonly #onClose = (): void => {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#wake();
  };

  readonly #onError = (error: Error): void => {
    this.#lost ??= error;
    this.#wake();
  };

  /** Whether somebody waits for the peer's bytes right now. */
  get waiting(): boolean {
    return this.#wait !== undefined;
  }

  /** Whether nothing more can be read: of a peer that only ended its side, all that it said first can. */
  get closed(): boolean {
    return this.#isOver || (this.#ended && this.#buffer.length === 0);
  }

  get #isOver(): boolean {
    return this.#closed || this.#aborted !== undefined || this.#lost !== undefined;
  }

  /** Makes the pending read and every later one fail with this error. */
  abort(error: Error): void {
    this.#aborted ??= error;
    this.#wake();
  }

  /**
   * Lets go of the stream, which is paused then. Nothing may be asked for any more.
   * @returns what was read ahead; it can be put back into the stream in the same turn only
   */
  release(): Buffer {
    clearTimeout(this.#timer);
    const stream = this.#stream.pause();
    stream.off('data', this.#onData).off('end', this.#onEnd).off('close', this.#onClose);
    // Whoever takes over listens for errors; until then they must not go unheard.
    return this.#buffer;
  }

  /** Whether bytes have come that nobody has asked for yet. */
  get ahead(): boolean {
    return this.#buffer.length > 0 || this.#stream.readableLength > 0;
  }

  /**
   * Waits until what has come is enough, and takes nothing; false when the stream ends before.
   * @param ms how long all of it may take, in milliseconds
   * @throws PeerClosed, PeerTimeout
   */
  async until(isEnough: (bytes: Buffer) => boolean, ms: number): Promise<boolean> {
    const deadline = monotonicMs() + ms;
    for (;;) {
      const had = this.#buffer.length;
      if (had > 0 && isEnough(this.#buffer)) return true;
      while (this.#mustWait(had)) await this.#news(deadline);
      if (this.#buffer.length === had) return false;
    }
  }

  /** Bytes of the body in progress that have not been taken. */
  get bodyLeft(): number {
    return this.#bodyLeft;
  }

  /** The next byte without taking it, or undefined at the end of the stream. */
  async peek(): Promise<number | undefined> {
    if (this.#buffer.length > 0) return this.#buffer[0];
    const deadline = monotonicMs() + this.#idleMs;
    while (this.#mustWait(0)) await this.#news(deadline);
    return this.#buffer[0];
  }

  /**
   * The next line as latin-1, without its LF (W1), or undefined if the stream ends before its first byte.
   * @param limit the longest line allowed, in bytes, LF included (W2)
   * @throws ProtocolError for a longer line, PeerClosed in mid-line, PeerTimeout (W4)
   */
  async readLine(limit: number): Promise<string | undefined> {
    let latest = Infinity;
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
      const now = monotonicMs();
      latest = Math.min(latest, now + LINE_IDLE_LIMITS * this.#idleMs);
      while (this.#mustWait(searched)) await this.#news(Math.min(now + this.#idleMs, latest));
      if (this.#buffer.length > searched) continue;
      if (searched === 0) return undefined;
      throw new PeerClosed('connection closed in the middle of a line');
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
      if (this.#isEmpty()) {
        const start = monotonicMs();
        while (this.#mustWait(0)) await this.#news(start + patience);
        if (this.#isEmpty()) {
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

  #isEmpty(): boolean {
    return this.#buffer.length === 0;
  }

  /** Whether there are no more bytes than there were, but may yet be. @throws what ended the stream before its end */
  #mustWait(had: number): boolean {
    if (this.#isOver) throw this.#failure();
    return this.#buffer.length === had && !this.#ended;
  }

  /**
   * Resolves when the stream has news; rejects at the deadline.
   * @param deadline on the monotonic clock, which no clock change moves; milliseconds
   */
  #news(deadline: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#wait = { resolve, reject, deadline };
      if (this.#timer === undefined || deadline < this.#due) this.#arm(deadline);
      if (this.#stream.isPaused()) this.#stream.resume();
    });
  }

  #wake(): void {
    const wait = this.#wait;
    this.#wait = undefined;
    wait?.resolve();
  }

  #arm(deadline: number): void {
    clearTimeout(this.#timer);
    this.#due = deadline;
    this.#timer = setTimeout(
      () => {
        this.#timer = undefined;
        this.#look();
      },
      timerMs(Math.ceil(deadline - monotonicMs())),
    );
  }

  /** The wait that the timer was armed for may be long over, and another one be on. */
  #look(): void {
    const wait = this.#wait;
    if (wait === undefined) return;
    if (monotonicMs() < wait.deadline) {
      this.#arm(wait.deadline);
      return;
    }
    // After a stall of this process timers come before what has arrived meanwhile: that is looked at first.
    setImmediate(() => {
      if (this.#wait !== wait) return;
      this.#wait = undefined;
      wait.reject(new PeerTimeout('timed out'));
    });
  }

  /** Made only for somebody who reads: most streams are closed when all is said. */
  #failure(): Error {
    if (this.#aborted !== undefined) return this.#aborted;
    // A stream that was over before told nobody, but keeps it.
    const cause = this.#lost ?? this.#stream.errored ?? undefined;
    return cause === undefined
      ? new PeerClosed('connection closed')
      : new PeerClosed(`connection lost: ${cause.message}`, { cause });
  }
}
