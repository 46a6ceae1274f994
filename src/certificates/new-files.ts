/** Writes files that were not there, all of them or none: an existing one is never touched. */
import { randomUUID } from 'node:crypto';
import {
  closeSync,
  fchmodSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { codeOf, reasonOf } from '../log/errno.ts';

export interface NewFile {
  /** Absolute. */
  readonly path: string;
  readonly content: string;
  readonly mode: number;
}

/**
 * Makes a directory that only its owner may enter, unless it is there.
 * @throws Error when it is not there and cannot be made, or is something else
 */
export function ensureDirectory(path: string): void {
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (cause) {
    if (statSync(path, { throwIfNoEntry: false })?.isDirectory() === true) return;
    const code = codeOf(cause);
    const why =
      code === 'EEXIST'
        ? 'it is no directory'
        : code === 'ENOENT'
          ? `${dirname(path)} does not exist`
          : reasonOf(cause);
    throw new Error(`cannot make the directory ${path}: ${why}`, { cause });
  }
}

/**
 * Each is written whole and to the disk before any gets its name.
 * @throws Error when one is there already or cannot be written; then none of them is there
 */
export function writeNewFiles(files: readonly NewFile[]): void {
  const linked: string[] = [];
  const staged: string[] = [];
  try {
    for (const file of files) staged.push(stage(file));
    for (const [index, { path }] of files.entries()) {
      attempt(path, () => {
        // Unlike a rename it fails where a file is.
        linkSync(staged[index] ?? '', path);
      });
      linked.push(path);
    }
    for (const directory of new Set(files.map(({ path }) => dirname(path)))) syncDirectory(directory);
  } catch (cause) {
    for (const path of linked) rmSync(path, { force: true });
    throw cause;
  } finally {
    for (const path of staged) rmSync(path, { force: true });
  }
}

/** @returns the name that it has for now */
function stage({ path, content, mode }: NewFile): string {
  const staged = join(dirname(path), `.${basename(path)}.${randomUUID()}`);
  attempt(path, () => {
    const file = openSync(staged, 'wx', 0o600);
    try {
      writeFileSync(file, content);
      // Whatever the umask says.
      fchmodSync(file, mode);
      fsyncSync(file);
    } catch (cause) {
      rmSync(staged, { force: true });
      throw cause;
    } finally {
      closeSync(file);
    }
  });
  return staged;
}

function syncDirectory(path: string): void {
  const directory = openSync(path, 'r');
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}

function attempt(path: string, write: () => void): void {
  try {
    write();
  } catch (cause) {
    const why = codeOf(cause) === 'EEXIST' ? 'it exists already' : reasonOf(cause);
    throw new Error(`cannot write ${path}: ${why}; nothing was changed`, { cause });
  }
}
