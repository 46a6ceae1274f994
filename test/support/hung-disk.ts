/** Disks that hang when a test says so. */
import { execFileSync, spawnSync } from 'node:child_process';
import { truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { missing } from './requires.ts';
import { temporaryDirectory } from './temporary.ts';

/** Why there are none here, to be told; undefined when there are. */
export function noLoopMounts(): string | undefined {
  const absent = missing(['root', 'losetup', 'mkfs.ext4', 'mount', 'fsfreeze']);
  if (absent !== undefined) return absent;
  // Containers have the programs, but not always the devices.
  return spawnSync('losetup', ['--find']).status === 0 ? undefined : 'missing: loop devices';
}

export interface HungDisk {
  readonly directory: string;
  /** Whoever writes waits until `thaw`. */
  readonly freeze: () => void;
  readonly thaw: () => void;
}

/** A file system in a file, for the current test; see noLoopMounts. */
export function hungDisk(): HungDisk {
  const image = join(temporaryDirectory(), 'disk');
  writeFileSync(image, '');
  truncateSync(image, 64 * 1024 * 1024);
  execFileSync('mkfs.ext4', ['-q', image]);
  const directory = temporaryDirectory();
  execFileSync('mount', ['-o', 'loop', image, directory]);
  const thaw = (): void => {
    // It complains when nothing is frozen.
    spawnSync('fsfreeze', ['--unfreeze', directory]);
  };
  onTestFinished(() => {
    thaw();
    execFileSync('umount', ['--lazy', directory]);
  });
  return {
    directory,
    freeze: () => {
      execFileSync('fsfreeze', ['--freeze', directory]);
    },
    thaw,
  };
}
