/** Passes bytes on between a client and an upstream, both ways, until both are done (P1). */
import type { Socket } from 'node:net';
import { reasonOf } from '../log/errno.ts';
import { PeerClosed, PeerTimeout, UpstreamLost } from '../protocol/errors.ts';
import { timerMs } from '../protocol/timer.ts';

export interface RelayOptions {
  /** What the client has said already, and nobody has passed on. */
  readonly head: Buffer;
  /** Silence in both directions that ends it, in milliseconds (W4). */
  readonly silenceMs: number;
  /** The same once the upstream has said its last word: some clients never close. */
  readonly idleMs: number;
  /** Hears from time to time that bytes have moved. */
  readonly progress: () => void;
}

/** Whoever moves bytes is told of no more often. */
const PROGRESS_MS = 100;

/** Both sockets are paused when it begins, and destroyed when it has ended. */
export class Relay {
  /** Resolves when both sides are done. Rejects with PeerClosed, PeerTimeout or UpstreamLost. */
  readonly ended: Promise<void>;
  readonly #client: Socket;
  readonly #upstream: Socket;
  readonly #options: RelayOptions;
  readonly #settle: (error?: Error) => void;
  #silenceMs: number;
  #movedAt = performance.now();
  #toldAt = 0;
  #timer: NodeJS.Timeout;
  #up = 0;
  #down = 0;
  #isUpstreamsTurn = false;
  /** Both have ended, and have all that was said to them. */
  #isDone = false;

  constructor(client: Socket, upstream: Socket, options: RelayOptions) {
    this.#client = client;
    this.#upstream = upstream;
    this.#options = options;
    this.#silenceMs = options.silenceMs;
    let settle: (error?: Error) => void = () => undefined;
    this.ended = new Promise((resolve, reject) => {
      settle = (error) => {
        if (error === undefined) resolve();
        else reject(error);
      };
    });
    this.#settle = settle;
    this.#timer = this.#watch(this.#silenceMs);
    if (options.head.length > 0) this.#say(options.head);
    this.#pump(client, upstream, (chunk) => this.#say(chunk));
    this.#pump(upstream, client, (chunk) => this.#answer(chunk));
    this.#listen();
  }

  /** Bytes passed on from the client to the upstream. */
  get up(): number {
    return this.#up;
  }

  /** Bytes passed on from the upstream to the client. */
  get down(): number {
    return this.#down;
  }

  /** Whether the client is to say or to read something; before the first answer it has proved nothing. */
  get isAwaited(): boolean {
    return this.#down === 0 || !this.#isUpstreamsTurn || this.#client.writableNeedDrain;
  }

  /** From now on the silence of one idle limit is enough to end it. */
  shorten(): void {
    if (this.#client.closed && this.#upstream.closed) return;
    this.#silenceMs = Math.min(this.#silenceMs, this.#options.idleMs);
    clearTimeout(this.#timer);
    this.#look();
  }

  #say(chunk: Buffer): boolean {
    this.#up += chunk.length;
    this.#isUpstreamsTurn = true;
    return this.#upstream.write(chunk);
  }

  #answer(chunk: Buffer): boolean {
    this.#down += chunk.length;
    this.#isUpstreamsTurn = false;
    return this.#client.write(chunk);
  }

  /**
   * Backpressure: nothing more is read from one than the other takes. Not pipe(): it makes a
   * dozen listeners, for every connection.
   */
  #pump(from: Socket, to: Socket, pass: (chunk: Buffer) => boolean): void {
    const drained = (): void => {
      this.#moved();
      from.resume();
    };
    from.on('data', (chunk: Buffer) => {
      this.#moved();
      if (pass(chunk)) return;
      from.pause();
      to.once('drain', drained);
    });
    const ended = (): void => {
      this.#passEnd(from, to);
    };
    // It may have ended before it was handed over.
    if (from.readableEnded) ended();
    else from.on('end', ended).resume();
  }

  /** Half a close is passed on as half a close, and the second one closes both. */
  #passEnd(from: Socket, to: Socket): void {
    if (from === this.#upstream && wasReset(from)) {
      from.destroy(new Error('connection reset'));
      return;
    }
    if (to.readableEnded && isFlushed(from) && isFlushed(to)) {
      this.#isDone = true;
      from.destroy();
      to.destroy();
      return;
    }
    to.end();
    if (from === this.#upstream) this.shorten();
  }

  /** Each end may fail at any time; the other one gets what has come so far, and is closed. */
  #listen(): void {
    const [client, upstream] = [this.#client, this.#upstream];
    let failure: Error | undefined;
    client.on('error', (cause) => {
      failure ??= cause instanceof PeerTimeout ? cause : new PeerClosed(`connection lost: ${cause.message}`);
    });
    upstream.on('error', (cause) => {
      failure ??= new UpstreamLost(reasonOf(cause), { cause });
    });
    onClosed(client, () => {
      if (!this.#isDone && !isDone(client)) failure ??= new PeerClosed('connection closed');
      upstream.destroySoon();
      this.#closed(failure);
    });
    onClosed(upstream, () => {
      if (!this.#isDone && !isDone(upstream)) failure ??= new UpstreamLost('it closed the connection');
      client.destroySoon();
      this.#closed(failure);
    });
  }

  #closed(failure: Error | undefined): void {
    if (!this.#client.closed || !this.#upstream.closed) return;
    clearTimeout(this.#timer);
    this.#settle(failure);
  }

  #moved(): void {
    const now = performance.now();
    this.#movedAt = now;
    if (now - this.#toldAt < PROGRESS_MS) return;
    this.#toldAt = now;
    this.#options.progress();
  }

  /** Armed once and looked at when it is due, not moved with every byte. */
  #watch(ms: number): NodeJS.Timeout {
    return setTimeout(() => {
      this.#look();
    }, timerMs(ms));
  }

  #look(): void {
    const left = this.#movedAt + this.#silenceMs - performance.now();
    if (left > 0) {
      this.#timer = this.#watch(left);
      return;
    }
    const seconds = String(Math.round(this.#silenceMs / 1000));
    // The last word was said and taken: nobody but a client that never closes is late.
    if (this.#upstream.readableEnded && this.#client.writableFinished) this.#settle();
    this.#client.destroy(new PeerTimeout(`was silent in both directions for ${seconds} s`));
    this.#upstream.destroy();
  }
}

/** One that has closed before it was handed over tells nobody any more. */
function onClosed(socket: Socket, closed: () => void): void {
  if (socket.closed) closed();
  else socket.once('close', closed);
}

function isDone({ readableEnded, writableFinished }: Socket): boolean {
  return readableEnded && writableFinished;
}

/**
 * Whether the system has all that was said to it: its close then sends the end, and need not be preceded by a shutdown,
 * which costs as much as a read. TLS says goodbye in its own words.
 */
function isFlushed(socket: Socket): boolean {
  return socket.writableLength === 0 && !('encrypted' in socket);
}

/**
 * Whether what looks like an end is a reset behind the last bytes: libuv reports that as an end. The system then has
 * no peer any more, which is also so after an end on both sides.
 */
function wasReset(socket: Socket): boolean {
  return !socket.writableEnded && socket.remoteAddress === undefined;
}
