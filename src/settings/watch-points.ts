/** Finds the directories in which a change of a file shows itself. */
import { lstat, readlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

/** The names to look for in each directory; directories are real paths, without symlinks. */
export type WatchPoints = ReadonlyMap<string, ReadonlySet<string>>;

/** As many as Linux follows. */
const MOST_SYMLINKS = 40;

/**
 * The directory of each file and of every symlink on the way to it; where something is missing, the directory in
 * which it would appear. A directory's own name is among its names: so the system reports its removal.
 * @param paths absolute
 */
export async function watchPoints(paths: readonly string[]): Promise<WatchPoints> {
  const points = new Map<string, Set<string>>();
  for (const path of paths) {
    for (const step of await stepsTo(path)) {
      const directory = dirname(step);
      const names = points.get(directory) ?? new Set([basename(directory)]);
      points.set(directory, names.add(basename(step)));
    }
  }
  return points;
}

/** The symlinks on the way to a file, and at the end the file itself or what is missing. */
async function stepsTo(path: string): Promise<string[]> {
  const steps: string[] = [];
  const words = wordsOf(path);
  let here = '/';
  for (let word = words.shift(); word !== undefined; word = words.shift()) {
    // Here is no symlink, so its parent is where `..` leads.
    const next = word === '..' ? dirname(here) : join(here, word);
    const found = await kindOf(next);
    if (found.kind === 'directory' && words.length > 0) {
      here = next;
      continue;
    }
    steps.push(next);
    if (found.kind !== 'symlink' || steps.length > MOST_SYMLINKS) break;
    words.unshift(...wordsOf(found.target));
    if (found.target.startsWith('/')) here = '/';
  }
  return steps;
}

function wordsOf(path: string): string[] {
  return path.split('/').filter((word) => word !== '' && word !== '.');
}

type Kind = { readonly kind: 'directory' | 'other' } | { readonly kind: 'symlink'; readonly target: string };

async function kindOf(path: string): Promise<Kind> {
  try {
    const found = await lstat(path);
    if (found.isSymbolicLink()) return { kind: 'symlink', target: await readlink(path) };
    return { kind: found.isDirectory() ? 'directory' : 'other' };
  } catch {
    return { kind: 'other' };
  }
}
