/** Fills a disk to the brim. */
import { closeSync, openSync, writeSync } from 'node:fs';

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
