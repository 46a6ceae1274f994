/** Whether files wait in the stream that came before a receiver could hear of them, or longer ago than it remembers. */
import type { Cluster } from '../cluster.ts';
import { monotonicMs } from '../../protocol/timer.ts';

const EVERY_MS = 5000;
/** What waits for longer may be forgotten by those who heard of it. */
const SHORT_MS = 30_000;
/** An answer that is older says nothing. */
const STALE_MS = 12_000;

interface Seen {
  readonly atMs: number;
  /** The last message that was ever stored by then. */
  readonly last: number;
}

export class WaitingSince {
  readonly #cluster: Cluster;
  readonly #timer: NodeJS.Timeout;
  /** The first one is the newest of those that are as old as SHORT_MS, if any is. */
  #seen: Seen[] = [];
  #isListening = false;
  #isShort = false;
  #saidMs = -Infinity;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
    this.#timer = setInterval(() => void this.#look(), EVERY_MS);
    this.#timer.unref();
  }

  /** All that waits came while this one listened, and a short time ago. */
  get isShort(): boolean {
    return this.#isShort && monotonicMs() - this.#saidMs < STALE_MS;
  }

  /** From now on announcements are heard. */
  begin(): void {
    this.#isListening = true;
    void this.#look();
  }

  /** Announcements may have been missed. */
  forget(): void {
    this.#isListening = false;
    this.#isShort = false;
    this.#seen = [];
  }

  close(): void {
    clearInterval(this.#timer);
    this.forget();
  }

  /** Never throws: without an answer nothing is known. */
  async #look(): Promise<void> {
    const seen = this.#seen;
    if (!this.#isListening) return;
    try {
      const { stream } = this.#cluster.settings;
      const { state } = await this.#cluster.use(({ jsm }) => jsm.streams.info(stream));
      if (seen !== this.#seen) return;
      const atMs = monotonicMs();
      seen.push({ atMs, last: state.last_seq });
      while (seen[1] !== undefined && seen[1].atMs <= atMs - SHORT_MS) seen.shift();
      this.#isShort = state.messages === 0 || state.first_seq > (seen[0]?.last ?? 0);
      this.#saidMs = atMs;
    } catch {
      // What is remembered of then may be forgotten by now, or was never heard.
      this.#seen = [];
      this.#isShort = false;
    }
  }
}
