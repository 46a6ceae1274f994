/** Waits and the clock that they are measured by. */

/** Beyond this, setTimeout fires at once. 24 days. */
const LONGEST_MS = 2 ** 31 - 1;

/** The same wait, or the longest there is. Milliseconds. */
export function timerMs(ms: number): number {
  return Math.min(Math.max(ms, 0), LONGEST_MS);
}

/** The monotonic clock, which no clock change moves. Milliseconds. */
export function monotonicMs(): number {
  // Not performance.now(): that loads perf_hooks, which the client would wait for at every start.
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1000 + nanoseconds / 1e6;
}
