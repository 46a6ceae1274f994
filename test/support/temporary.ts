/** Directories that go when their test is over. */
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

/** A new empty directory, removed when the current test is over. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'tentacle-test-'));
  onTestFinished(() => {
    rmSync(directory, { recursive: true, force: true });
  });
  // Others may pass through: some tests run programs as another user.
  chmodSync(directory, 0o755);
  return directory;
}

/** A new spool with these sub-directories. */
export function temporarySpool(...subdirectories: readonly string[]): string {
  const spool = join(temporaryDirectory(), 'data_in');
  mkdirSync(spool);
  for (const name of subdirectories) mkdirSync(join(spool, name));
  return spool;
}
