/** How many is many, in a full run of the benchmark and in a short one. */

export interface Sizes {
  /** Clients at once, and open connections, where there are many. */
  readonly crowd: number;
  readonly relays: number;
  /** Files that are in a spool already, where there are many. */
  readonly spooled: number;
}

export const FULL: Sizes = { crowd: 5000, relays: 1000, spooled: 1_000_000 };
export const QUICK: Sizes = { crowd: 500, relays: 100, spooled: 10_000 };
