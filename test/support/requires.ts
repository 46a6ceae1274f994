/** Skips tests aloud where a program or a right they need is missing; in CI that is a failure. */
import { spawnSync } from 'node:child_process';
import { test } from 'vitest';

type TestFunction = () => void | Promise<void>;

/** Whether a program is in PATH. */
export function has(program: string): boolean {
  return spawnSync('sh', ['-c', 'command -v "$1"', 'sh', program]).status === 0;
}

/** Whether this process is root, which some file system tests need. */
export const isRoot = process.geteuid?.() === 0;

/** What is missing, to be told; undefined when nothing is. */
export function missing(needs: readonly string[]): string | undefined {
  const absent = needs.filter((need) => (need === 'root' ? !isRoot : !has(need)));
  return absent.length === 0 ? undefined : `missing: ${absent.join(', ')}`;
}

/**
 * A test that needs other programs, or `root`. Without them it is skipped and its name says why; with CI=true it fails.
 */
export function testWith(needs: readonly string[], name: string, run: TestFunction, timeout?: number): void {
  const reason = missing(needs);
  if (reason === undefined) test(name, run, timeout);
  else if (process.env.CI === 'true') {
    test(name, () => {
      throw new Error(`CI must not skip this test: ${reason}`);
    });
  } else test.skip(`${name} [${reason}]`, run);
}
