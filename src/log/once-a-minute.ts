/** Counts what comes in floods, so that the log hears of the first at once, and once a minute of how many followed. */

const INTERVAL_MS = 60_000;

export class OnceAMinute {
  readonly #tellMore: (times: number) => void;
  #more = 0;
  #isPaused = false;

  /** @param tellMore told once a minute how many there were in it, if any */
  constructor(tellMore: (times: number) => void) {
    this.#tellMore = tellMore;
  }

  /** @returns whether this one is to be told by itself; else it is counted */
  take(): boolean {
    if (this.#isPaused) {
      this.#more++;
      return false;
    }
    this.#pause();
    return true;
  }

  #pause(): void {
    this.#isPaused = true;
    setTimeout(() => {
      this.#isPaused = false;
      if (this.#more === 0) return;
      this.#tellMore(this.#more);
      this.#more = 0;
      this.#pause();
    }, INTERVAL_MS).unref();
  }
}
