/** Counts things and time in words. */

/** `1 file`, `2 files`. */
export function count(number: number, noun: string): string {
  return `${String(number)} ${noun}${number === 1 ? '' : 's'}`;
}

const UNITS = [
  ['day', 86_400],
  ['hour', 3600],
  ['minute', 60],
  ['second', 1],
] as const;

/**
 * In its largest unit, as people say it: `3 minutes`.
 * @param ms milliseconds
 */
export function duration(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  const [unit, length] = UNITS.find(([, length]) => seconds >= length) ?? UNITS[3];
  return count(Math.floor(seconds / length), unit);
}
