/** Judges whether memory is flat: the last third of a soak against the third before it, for each process. */
import { median } from '../bench/statistics.ts';
import { round, type Row } from '../bench/tables.ts';
import type { Census, Holding } from './census.ts';

/** Shorter ones say nothing: a heap takes minutes to find its size. */
export const LEAST_MINUTES = 9;
/** How much more the last third may hold. */
const LIMIT = 1.05;

export interface Flatness {
  readonly rows: readonly Row[];
  /** One for each process that grew. */
  readonly growing: readonly string[];
}

/** Only processes that live through both thirds are compared. */
export function flatnessOf(censuses: readonly Census[]): Flatness {
  const third = Math.floor(censuses.length / 3);
  const before = censuses.slice(censuses.length - 2 * third, censuses.length - third);
  const last = censuses.slice(censuses.length - third);
  if (third === 0) return { rows: [], growing: [] };
  const steady = (censuses.at(-1)?.holdings ?? []).filter(({ pid }) =>
    [...before, ...last].every(({ holdings }) => holdings.some((holding) => holding.pid === pid)),
  );
  const compared = steady.map((holding) => ({
    holding,
    rss: [medianOf(before, holding, 'rss'), medianOf(last, holding, 'rss')] as const,
    pss: [medianOf(before, holding, 'pss'), medianOf(last, holding, 'pss')] as const,
  }));
  return {
    rows: compared.map(({ holding, rss, pss }) => ({
      '': `${holding.site} ${holding.role} ${String(holding.pid)}`,
      'RSS before, MB': round(rss[0]),
      'RSS last, MB': round(rss[1]),
      'RSS, %': percent(rss),
      'PSS before, MB': round(pss[0]),
      'PSS last, MB': round(pss[1]),
      'PSS, %': percent(pss),
    })),
    growing: compared
      .filter(({ rss: [earlier, later] }) => !(later <= earlier * LIMIT))
      .map(
        ({ holding, rss }) => `memory of the ${holding.role} of ${holding.site} grew by ${percent(rss)} %`,
      ),
  };
}

function medianOf(censuses: readonly Census[], { pid }: Holding, of: 'rss' | 'pss'): number {
  return median(
    censuses.flatMap(({ holdings }) => holdings.filter((each) => each.pid === pid).map((each) => each[of])),
  );
}

function percent([before, after]: readonly [number, number]): string {
  return ((after / before - 1) * 100).toFixed(1);
}
