/** What is said of several measurements of the same thing. */

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? NaN;
}

/** How one fared against another: the median of the ratios of each round, since a noisy moment meets both alike. */
export function ratio(these: readonly number[], those: readonly number[]): number {
  return median(these.map((value, round) => value / (those[round] ?? NaN)));
}
