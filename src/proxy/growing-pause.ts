/** A pause that doubles each time that it did not help. */
import { monotonicMs } from '../protocol/timer.ts';

export interface PauseLimits {
  readonly firstMs: number;
  readonly longestMs: number;
}

/** How long the pause after so many failures is, 1 being the first. Milliseconds. */
export function pauseMs(failures: number, { firstMs, longestMs }: PauseLimits): number {
  return Math.min(firstMs * 2 ** (failures - 1), longestMs);
}

/** A pause of the same length for everybody who takes part. */
export class GrowingPause {
  readonly #limits: PauseLimits;
  #failures = 0;
  #until = -Infinity;

  constructor(limits: PauseLimits) {
    this.#limits = limits;
  }

  /** What is left of the pause, in milliseconds; 0 when there is none. */
  get leftMs(): number {
    return Math.max(this.#until - monotonicMs(), 0);
  }

  /**
   * Begins the next, longer pause, unless one is under way: several failures at a time are one. A part of it is left to
   * chance, so that many hosts do not come at once.
   */
  begin(): void {
    if (this.leftMs > 0) return;
    const longest = pauseMs(++this.#failures, this.#limits);
    const { firstMs } = this.#limits;
    this.#until = monotonicMs() + Math.max(firstMs, longest / 2 + (Math.random() * longest) / 2);
  }

  /** It helped. */
  end(): void {
    this.#failures = 0;
    this.#until = -Infinity;
  }
}
