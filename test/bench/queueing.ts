/** Arithmetic of files that wait for servers which all take the same time for each. */

/** Servers behind a balancer that gives each in turn the next connection. */
export interface Fleet {
  readonly servers: number;
  /** Files that one of them stores in a second. */
  readonly rate: number;
}

export interface Served {
  /** Seconds from the arrival to the confirmation, sorted. */
  readonly latencies: Float64Array;
  /** Connections at once, over all servers, at most. */
  readonly atOnce: number;
  /** When the last one was confirmed. */
  readonly end: number;
}

/** Part of the capacity that is used; from 1 on the queue grows for ever. */
export function utilisation({ servers, rate }: Fleet, offered: number): number {
  return offered / (servers * rate);
}

/**
 * Lets files wait for their turn. As each takes the same time, giving them to the servers in turn is the same as one queue
 * for all (M/D/c when arrivals are random), and they are confirmed in the order in which they came.
 * @param arrivals seconds, sorted
 */
export function serve(arrivals: Float64Array, { servers, rate }: Fleet): Served {
  const ends = new Float64Array(arrivals.length);
  const latencies = new Float64Array(arrivals.length);
  let [confirmed, atOnce] = [0, 0];
  arrivals.forEach((arrival, index) => {
    const end = Math.max(arrival, ends[index - servers] ?? 0) + 1 / rate;
    ends[index] = end;
    latencies[index] = end - arrival;
    while ((ends[confirmed] ?? Infinity) <= arrival && confirmed < index) confirmed++;
    atOnce = Math.max(atOnce, index - confirmed + 1);
  });
  return { latencies: latencies.sort(), atOnce, end: ends.at(-1) ?? 0 };
}

/** The value that this part of them does not exceed. */
export function percentile(sorted: Float64Array, part: number): number {
  return sorted[Math.min(Math.floor(part * sorted.length), sorted.length - 1)] ?? NaN;
}

/** Seconds until a backlog is gone while new files go on coming; Infinity when they alone are too many. */
export function drainSeconds({ servers, rate }: Fleet, backlog: number, offered: number): number {
  const spare = servers * rate - offered;
  return spare > 0 ? backlog / spare : Infinity;
}

/** Random numbers from 0 to 1 that are the same in each run (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
