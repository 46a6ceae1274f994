/** Proves that room is promised once, and given back. */
import { statfsSync } from 'node:fs';
import { expect, test } from 'vitest';
import { FreeSpace } from '../../../src/store/free-space.ts';
import { temporaryDirectory } from '../../support/temporary.ts';

/** A tenth of what is free: far more than others use or free while a test runs. */
function tenth(directory: string): number {
  const { bavail, bsize } = statfsSync(directory);
  return Math.floor((bavail * bsize) / 10);
}

test('what is promised to one is not promised to another', async () => {
  const directory = temporaryDirectory();
  const space = new FreeSpace(0);
  const path = Buffer.from(directory);
  const most = await space.reserve(path, 7 * tenth(directory));
  await expect(space.reserve(path, 6 * tenth(directory))).rejects.toMatchObject({
    reason: 'not enough space',
  });
  most.end();
  const again = await space.reserve(path, 6 * tenth(directory));
  again.end();
});

test('of two at once that do not fit together, one is refused', async () => {
  const directory = temporaryDirectory();
  const space = new FreeSpace(0);
  const both = [0, 1].map(() => space.reserve(Buffer.from(directory), 7 * tenth(directory)));
  const outcomes = await Promise.allSettled(both);
  expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
});

test('written bytes are given back one for one, and no more than were promised', async () => {
  const directory = temporaryDirectory();
  const path = Buffer.from(directory);
  const space = new FreeSpace(0);
  const part = 7 * tenth(directory);
  const reservation = await space.reserve(path, part);
  reservation.used(part - 1);
  reservation.used(part);
  reservation.end();
  reservation.end();
  // Had more been given back than promised, this would leave room for more than there is.
  const again = await space.reserve(path, part);
  await expect(space.reserve(path, part)).rejects.toThrow('do not fit');
  again.end();
});

test('min_free_space stays free', async () => {
  const directory = temporaryDirectory();
  const space = new FreeSpace(6 * tenth(directory));
  await expect(space.reserve(Buffer.from(directory), 6 * tenth(directory))).rejects.toThrow('min_free_space');
  (await space.reserve(Buffer.from(directory), 2 * tenth(directory))).end();
});

test('a directory that is missing is said as it is', async () => {
  await expect(new FreeSpace(0).reserve(Buffer.from('/nonexistent'), 1)).rejects.toMatchObject({
    code: 'ENOENT',
  });
});
