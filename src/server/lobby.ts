/** Where clients stand until they have said something: whoever is silent holds no place. */
import { type Link, Row } from './row.ts';
import type { ByteReader } from '../protocol/byte-reader.ts';
import { PassedBy, PeerClosed, PeerTimeout } from '../protocol/errors.ts';

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
  readonly #standing = new Row<() => void>();

  constructor(options: LobbyOptions) {
    this.#options = options;
  }

  get standing(): number {
    return this.#standing.size;
  }

  /**
   * Waits for the first words, and leaves them in the reader. One that ends without a word is let in, too.
   * @param evict closes the socket, for another client
   * @throws PeerTimeout, PeerClosed, PassedBy
   */
  async firstWords(reader: ByteReader, evict: () => void): Promise<void> {
    const { idleMs, isEnough, texts } = this.#options;
    const link = this.#enter(evict);
    try {
      if (await reader.until(isEnough, idleMs)) return;
    } catch (error) {
      if (error instanceof PeerTimeout) throw new PeerTimeout(texts.late);
      const text = 'connection closed before its first command';
      throw reader.ahead ? new PeerClosed(text, { cause: error }) : new PassedBy(text, { cause: error });
    } finally {
      this.#standing.remove(link);
    }
    if (reader.ahead) throw new PeerClosed(texts.brokenOff);
  }

  /** Whoever came first leaves. @returns whether there was anybody */
  dismissFirst(): boolean {
    const { first } = this.#standing;
    if (first === undefined) return false;
    // At once, so that one who leaves late is not told twice.
    this.#standing.remove(first);
    first.value();
    return true;
  }

  #enter(evict: () => void): Link<() => void> {
    const link = this.#standing.add(evict);
    if (this.#standing.size > this.#options.capacity) {
      this.dismissFirst();
      this.#options.onEvicted?.();
    }
    return link;
  }
}
