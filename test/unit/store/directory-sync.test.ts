/** Proves that whoever waits for a directory waits for a call that began after they came, and shares it. */
import { expect, test } from 'vitest';
import { DirectorySync, type OpenDirectory } from '../../../src/store/directory-sync.ts';

interface Call {
  readonly fd: number;
  readonly end: (error?: Error) => void;
}

/** A disk whose calls come to their end when a test says so. */
class Calls {
  readonly all: Call[] = [];
  readonly sync = new DirectorySync(
    (fd) =>
      new Promise((resolve, reject) => {
        const end = (error?: Error): void => {
          if (error === undefined) resolve();
          else reject(error);
        };
        this.all.push({ fd, end });
      }),
  );

  /** Has a call in progress, for the descriptor 1. */
  async fill(): Promise<{ readonly over: Promise<unknown> }> {
    const over = this.sync.sync(opened(1));
    await this.begun();
    return { over };
  }

  /** Those in progress, and that were, once what was asked for has begun. */
  async begun(): Promise<readonly Call[]> {
    await new Promise(setImmediate);
    return this.all;
  }
}

function opened(fd: number, ino = 1): OpenDirectory {
  return { fd, facts: { dev: 1, ino } };
}

function systemError(code: string): Error {
  return Object.assign(new Error(code), { code });
}

test('N3 whoever comes while a call is in progress waits for the next, and all who come share it', async () => {
  const calls = new Calls();
  const filled = await calls.fill();
  let over = 0;
  const later = [2, 3, 4].map((fd) => calls.sync.sync(opened(fd)).then(() => over++));
  expect(await calls.begun()).toHaveLength(1);
  calls.all[0]?.end();
  await filled.over;
  expect((await calls.begun()).map(({ fd }) => fd)).toEqual([1, 2]);
  expect(over).toBe(0);
  calls.all[1]?.end();
  await Promise.all(later);
  expect(await calls.begun()).toHaveLength(2);
});

test('those who come in the same moment share the first call', async () => {
  const calls = new Calls();
  const both = [1, 2].map((fd) => calls.sync.sync(opened(fd)));
  expect(await calls.begun()).toHaveLength(1);
  calls.all[0]?.end();
  await Promise.all(both);
});

test('N3 a directory that was replaced while others wait is synced by itself', async () => {
  const calls = new Calls();
  const filled = await calls.fill();
  const both = [calls.sync.sync(opened(2)), calls.sync.sync(opened(3, 7))];
  expect((await calls.begun()).map(({ fd }) => fd)).toEqual([1, 3]);
  for (const { end } of calls.all) end();
  await filled.over;
  expect((await calls.begun()).map(({ fd }) => fd)).toEqual([1, 3, 2]);
  calls.all[2]?.end();
  await Promise.all(both);
});

test('an error is that of all who waited for the call, and of nobody else', async () => {
  const calls = new Calls();
  const filled = await calls.fill();
  const failing = Promise.allSettled([2, 3].map((fd) => calls.sync.sync(opened(fd))));
  calls.all[0]?.end();
  await filled.over;
  await calls.begun();
  const last = calls.sync.sync(opened(4));
  calls.all[1]?.end(systemError('EIO'));
  expect((await failing).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  expect((await calls.begun()).map(({ fd }) => fd)).toEqual([1, 2, 4]);
  calls.all[2]?.end();
  await last;
});

test('N4 where directories cannot be synced there is nothing to wait for', async () => {
  for (const code of ['EINVAL', 'ENOTSUP', 'EOPNOTSUPP']) {
    await new DirectorySync(() => Promise.reject(systemError(code))).sync(opened(1));
  }
});
