/** Parses the token `filters` (N2). Pure. */
import { posix } from 'node:path';
import { RE2JS } from 're2js';
import { error, type Problem, type Source, textOf, trimBlanks, warning } from './assignment.ts';
import type { Filter, Permissions } from './settings.ts';

/** A directory, and what may be done there. */
const PLACE = /^(.*?)(?:[ \t]*=[ \t]*(r|w|rw))?$/s;
/** What was meant for permissions, perhaps, and is none. */
const LIKE_PERMISSIONS = /=([^=/]*)\/?$/;

/**
 * `regexp:dir;regexp:dir=r`: malformed entries are skipped with a warning, as the reference skips them;
 * a directory outside the spool is an error. Expressions see names as bytes, as Perl's did.
 */
export function parseFilters(text: string, source: Source): { filters: Filter[]; problems: Problem[] } {
  const filters: Filter[] = [];
  const problems: Problem[] = [];
  for (const entry of text.split(';')) {
    if (trimBlanks(entry) === '') continue;
    // The last colon: no name can hold one (N1), but `(?:...)` does.
    const colon = entry.lastIndexOf(':');
    const expression = entry.slice(0, colon);
    const [, directory = '', permissions] = PLACE.exec(trimBlanks(entry.slice(colon + 1))) ?? [];
    if (colon < 1 || directory === '') {
      problems.push(warning(source, `filter "${textOf(entry)}" skipped: it is not REGEXP:DIR`));
      continue;
    }
    const inside = posix.normalize(`./${directory}`).replace(/\/$/, '');
    if (inside === '..' || inside.startsWith('../')) {
      problems.push(error(source, `filter "${textOf(entry)}": ${textOf(directory)} leaves the spool`));
      continue;
    }
    if (permissions === undefined) problems.push(...judgePermissions(directory, entry, source));
    const matches = compile(expression, (text) =>
      problems.push(warning(source, `filter "${textOf(entry)}" ${text}`)),
    );
    if (matches !== undefined)
      filters.push({
        matches,
        directory: inside === '.' ? '' : inside,
        permissions: (permissions ?? 'rw') as Permissions,
      });
  }
  return { filters, problems };
}

/** A directory may have an `=` in its name; whoever mistyped permissions must hear of it. */
function judgePermissions(directory: string, entry: string, source: Source): Problem[] {
  const letters = LIKE_PERMISSIONS.exec(directory)?.[1];
  if (letters === undefined) return [];
  const text =
    `filter "${textOf(entry)}": "=${textOf(letters)}" is none of =r, =w and =rw, so it counts as part of the ` +
    "directory's name, where clients may send and fetch; if it is, end it in =rw";
  return [warning(source, text)];
}

/** Linear in time by RE2 where it can be; JavaScript's backtracking for what RE2 has not. */
function compile(expression: string, warn: (text: string) => void): Filter['matches'] | undefined {
  try {
    const re2 = RE2JS.compile(expression);
    return (name) => re2.matcher(name).find();
  } catch {
    // Not RE2: look-ahead, back-references, or no expression at all.
  }
  try {
    // u: escapes that only Perl has are errors rather than letters.
    const backtracking = new RegExp(expression, 'u');
    warn('is beyond the linear-time syntax of RE2: a hostile name can make it slow');
    return (name) => backtracking.test(name);
  } catch (cause) {
    warn(`skipped: ${(cause as Error).message}`);
    return undefined;
  }
}
