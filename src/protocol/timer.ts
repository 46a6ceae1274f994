/** Keeps waits within what a timer can hold. */

/** Beyond this, setTimeout fires at once. 24 days. */
const LONGEST_MS = 2 ** 31 - 1;

/** The same wait, or the longest there is. Milliseconds. */
export function timerMs(ms: number): number {
  return Math.min(Math.max(ms, 0), LONGEST_MS);
}
