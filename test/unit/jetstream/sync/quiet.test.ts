/** A file is taken when nobody writes to it any more. */
import { expect, test } from 'vitest';
import { Quiet } from '../../../../src/jetstream/sync/quiet.ts';

const facts = (size: number): { size: number; mtimeMs: number; ino: number } => ({
  size,
  mtimeMs: size,
  ino: 1,
});

test('a file that grows is waited for, until it was the same for 200 ms', () => {
  const quiet = new Quiet();
  const left = (size: number, atMs: number): number => quiet.leftMs('a', facts(size), { atMs, ageMs: 0 });
  expect(left(1, 0)).toBe(202);
  expect(left(2, 202)).toBe(202);
  expect(left(2, 302)).toBe(102);
  expect(left(2, 404)).toBe(0);
  // The next change begins anew.
  expect(left(3, 500)).toBe(202);
});

test('an old file is whole at once; clocks that differ by seconds make none old', () => {
  const quiet = new Quiet();
  expect(quiet.leftMs('a', facts(1), { atMs: 0, ageMs: 10_001 })).toBe(0);
  expect(quiet.leftMs('b', facts(1), { atMs: 0, ageMs: 9000 })).toBe(202);
  expect(quiet.leftMs('c', facts(1), { atMs: 0, ageMs: -9000 })).toBe(202);
});
