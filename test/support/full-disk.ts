/** Disks that are small, and full when a test says so. */
import { execFileSync } from 'node:child_process';
import { closeSync, openSync, writeSync } from 'node:fs';
import { onTestFinished } from 'vitest';
import { temporaryDirectory } from './temporary.ts';

const MIB = 1024 * 1024;

/** Writes a file until not one byte more fits. */
export function fill(path: string): void {
  const file = openSync(path, 'a');
  try {
    for (let size = MIB; size >= 1; size = Math.floor(size / 4)) {
      for (;;) if (writeSync(file, Buffer.alloc(size, 1)) < size) break;
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
  } finally {
    closeSync(file);
  }
}

/** A file system of this size, such as `16m`, for the current test; needs root and mount. */
export function smallDisk(size: string): string {
  const directory = temporaryDirectory();
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tentacle-test', directory]);
  onTestFinished(() => {
    execFileSync('umount', ['--lazy', directory]);
  });
  return directory;
}
