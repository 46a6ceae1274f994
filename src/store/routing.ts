/** Chooses the sub-directory of a file by its name (N2). */
import type { Filter } from '../settings/settings.ts';

/** N2: the directory of the first filter that matches, '' for the spool itself. */
export function route(name: string, filters: readonly Filter[]): string {
  return filters.find((filter) => filter.matches(name))?.directory ?? '';
}
