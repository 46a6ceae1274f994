/** Chooses the sub-directory of a file by its name, and knows what clients may do there (N2). */
import { Refusal } from '../protocol/errors.ts';
import type { Filter } from '../settings/settings.ts';

/** What clients may do: r: fetch, w: send; to take a file away needs both. */
export type Place = Pick<Filter, 'directory' | 'permissions'>;

const SPOOL: Place = { directory: '', permissions: 'rw' };

/** N2: the place of the first filter that matches, else the spool itself, where everything may be done. */
export function route(name: string, filters: readonly Filter[]): Place {
  return filters.find((filter) => filter.matches(name)) ?? SPOOL;
}

/** @throws Refusal when clients may not do there what needs these permissions */
export function demand(needed: Filter['permissions'], { directory, permissions }: Place): void {
  if (permissions === 'rw' || permissions === needed) return;
  const where = directory === '' ? 'the spool' : directory;
  throw new Refusal('not permitted', `filters give ${where} only =${permissions}`);
}
