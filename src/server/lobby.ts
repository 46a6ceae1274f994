/** Where clients stand until they have said something: whoever is silent holds no place. */
import type { Socket } from 'node:net';
import { PeerClosed, PeerTimeout } from '../protocol/errors.ts';
import { timerMs } from '../protocol/timer.ts';

export interface LobbyOptions {
  /** Clients at a time; the one that came first leaves for one more. */
  readonly capacity: number;
  /** How long one may stand here (W4). Milliseconds. */
  readonly idleMs: number;
  /** Whether these bytes are enough to be let in with. */
  readonly isEnough: (bytes: Buffer) => boolean;
  /** What is told of one that was too late, and of one that ended in the middle. */
  readonly texts: { readonly late: string; readonly brokenOff: string };
  /** Hears of every client that had to leave for another. */
  readonly onEvicted?: () => void;
}

/** Nothing else in this server is so cheap to hold as a client that stands here: a socket, a timer and a few bytes. */
export class Lobby {
  readonly #options: LobbyOptions;
  /** How each is told to leave, in the order in which they came. */
  readonly #standing = new Set<() => void>();

  constructor(options: LobbyOptions) {
    this.#options = options;
  }

  get standing(): number {
    return this.#standing.size;
  }

  /**
   * Waits for the first words of a paused socket, puts them back, and leaves the socket paused. One that ends without a
   * word is let in, too. Like any socket that was read from, it may have told of its end by then: see `readProxyHeader`.
   * @param evict closes the socket, for another client
   * @throws PeerTimeout, PeerClosed
   */
  firstWords(socket: Socket, evict: () => void): Promise<void> {
    const { idleMs, isEnough, texts } = this.#options;
    return new Promise((resolve, reject) => {
      let bytes: Buffer | undefined;
      const letGo = (): void => {
        this.#standing.delete(evict);
        clearTimeout(timer);
        // Before the listener goes: without one, a flowing stream drops what comes.
        socket.pause();
        socket.off('data', read).off('end', ended).off('close', closed);
      };
      const enough = (): void => {
        letGo();
        // At once: in the next turn the stream may have ended, and takes nothing back.
        if (bytes !== undefined) socket.unshift(bytes);
        resolve();
      };
      const fail = (error: Error): void => {
        letGo();
        reject(error);
      };
      const closed = (): void => {
        fail(new PeerClosed('connection closed before its first command'));
      };
      const ended = (): void => {
        if (bytes === undefined) enough();
        else fail(new PeerClosed(texts.brokenOff));
      };
      const read = (chunk: Buffer): void => {
        bytes = bytes === undefined ? chunk : Buffer.concat([bytes, chunk]);
        if (isEnough(bytes)) enough();
      };
      const timer = setTimeout(() => {
        fail(new PeerTimeout(texts.late));
      }, timerMs(idleMs));
      socket.on('data', read).on('end', ended).on('close', closed);
      this.#enter(evict);
      if (socket.destroyed) closed();
      else if (socket.readableEnded) ended();
      else socket.resume();
    });
  }

  /** Whoever came first leaves. @returns whether there was anybody */
  dismissFirst(): boolean {
    const [first] = this.#standing;
    if (first === undefined) return false;
    // At once, so that one who leaves late is not told twice.
    this.#standing.delete(first);
    first();
    return true;
  }

  #enter(evict: () => void): void {
    this.#standing.add(evict);
    if (this.#standing.size <= this.#options.capacity) return;
    this.dismissFirst();
    this.#options.onEvicted?.();
  }
}
