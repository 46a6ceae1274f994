/** Proves that the oldest files of a directory are found, and that rejected ones are kept. */
import { readdirSync, readFileSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { QueueDirectory } from '../../../src/store/queue-directory.ts';
import { temporarySpool } from '../../support/temporary.ts';

const YEAR_2020 = Date.UTC(2020, 0, 1);

/** Writes a file so many seconds after the beginning of 2020. */
function put(spool: string, name: string | Buffer, seconds: number, text = 'data'): void {
  const path = Buffer.concat([Buffer.from(`${spool}/`), Buffer.from(name)]);
  writeFileSync(path, text);
  utimesSync(path, new Date(), new Date(YEAR_2020 + seconds * 1000));
}

test('a scan lists regular files, oldest first, and nothing else', async () => {
  const spool = temporarySpool('rejected', 'conf');
  put(spool, 'young', 30, 'abc');
  put(spool, Buffer.from('f\xfcnf', 'latin1'), 10);
  put(spool, 'rejected/a', 1);
  put(spool, '.tentacle.1.part', 2);
  put(spool, 'other', 20, '');
  symlinkSync('young', join(spool, 'link'));
  symlinkSync('nowhere', join(spool, 'dangling'));
  expect(await new QueueDirectory(spool).scan(10)).toEqual({
    oldest: [
      { name: 'f\xfcnf', size: 4, mtimeMs: YEAR_2020 + 10_000 },
      { name: 'other', size: 0, mtimeMs: YEAR_2020 + 20_000 },
      { name: 'young', size: 3, mtimeMs: YEAR_2020 + 30_000 },
    ],
    files: 3,
    bytes: 7,
    oldestMs: YEAR_2020 + 10_000,
  });
});

test('a scan keeps the oldest of many and counts all', async () => {
  const spool = temporarySpool();
  // 1499 is prime: every second from 0 to 1498 once, in no order.
  for (let index = 0; index < 1499; index++) put(spool, `f${String(index)}`, (index * 389) % 1499);
  const directory = new QueueDirectory(spool);
  const { oldest, ...totals } = await directory.scan(10);
  expect(oldest.map(({ mtimeMs }) => (mtimeMs - YEAR_2020) / 1000)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  expect(totals).toEqual({ files: 1499, bytes: 4 * 1499, oldestMs: YEAR_2020 });
  expect((await directory.scan(0)).oldest).toEqual([]);
});

test('an empty directory has no oldest file, one that is not there cannot be scanned', async () => {
  const spool = temporarySpool();
  expect(await new QueueDirectory(spool).scan(10)).toEqual({
    oldest: [],
    files: 0,
    bytes: 0,
    oldestMs: undefined,
  });
  await expect(new QueueDirectory(join(spool, 'nowhere')).scan(10)).rejects.toThrow('ENOENT');
});

test('N5 rejected files are kept, each under a name of its own', async () => {
  const umask = process.umask(0o007);
  onTestFinished(() => {
    process.umask(umask);
  });
  const spool = temporarySpool();
  const directory = new QueueDirectory(spool);
  const long = 'n'.repeat(255);
  for (const text of ['first', 'second', 'third']) {
    put(spool, 'a.data', 0, text);
    put(spool, long, 0, text);
    const number = { first: '', second: '.1', third: '.2' }[text] ?? '';
    expect(await directory.reject('a.data')).toBe(`a.data${number}`);
    expect(await directory.reject(long)).toBe(long.slice(0, 255 - number.length) + number);
  }
  expect(readdirSync(spool)).toEqual(['rejected']);
  expect(readFileSync(join(spool, 'rejected/a.data'), 'utf8')).toBe('first');
  expect(readFileSync(join(spool, 'rejected/a.data.2'), 'utf8')).toBe('third');
  expect(readdirSync(join(spool, 'rejected'))).toHaveLength(6);
  expect((statSync(join(spool, 'rejected')).mode & 0o7777).toString(8)).toBe('2770');
});

test('a file that is gone cannot be rejected, and that is no error', async () => {
  const spool = temporarySpool();
  expect(await new QueueDirectory(spool).reject('a.data')).toBeUndefined();
});

test('a file that cannot be moved stays', async () => {
  const spool = temporarySpool();
  put(spool, 'rejected', 0);
  put(spool, 'a.data', 0);
  await expect(new QueueDirectory(spool).reject('a.data')).rejects.toThrow('ENOTDIR');
  expect(readFileSync(join(spool, 'a.data'), 'utf8')).toBe('data');
});
