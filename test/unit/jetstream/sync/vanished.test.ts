/** Files that are gone: deleted, or a directory that was emptied by mistake. */
import { expect, test } from 'vitest';
import { Vanished } from '../../../../src/jetstream/sync/vanished.ts';

function gone(count: number, atMs = 0): Vanished {
  const vanished = new Vanished();
  for (let file = 0; file < count; file++) vanished.note(String(file), atMs);
  return vanished;
}
const free = (size: number): { size: number; isHeld: boolean } => ({ size, isHeld: false });

test('one may come back at once, as editors write files, and is then deleted', () => {
  const vanished = gone(1);
  expect(vanished.judge('0', free(100), 50)).toEqual({ kind: 'wait', ms: 150 });
  expect(vanished.judge('0', free(100), 200)).toEqual({ kind: 'delete' });
});

test('of many, none is judged until no more follow', () => {
  const vanished = gone(15);
  expect(vanished.judge('0', free(100), 1500)).toEqual({ kind: 'wait', ms: 500 });
  vanished.note('later', 1500);
  expect(vanished.judge('0', free(100), 2000)).toEqual({ kind: 'wait', ms: 1500 });
  expect(vanished.judge('0', free(100), 3500)).toEqual({ kind: 'delete' });
});

test('more than half of at least twenty wait for the operator', () => {
  const at = (count: number, known: number): string => gone(count).judge('0', free(known), 5000).kind;
  expect(at(11, 20)).toBe('hold');
  expect(at(10, 20)).toBe('delete');
  expect(at(19, 19)).toBe('delete');
  expect(at(500, 1000)).toBe('delete');
  expect(at(501, 1000)).toBe('hold');
});

test('what is being deleted does not become too many on the way', () => {
  const vanished = gone(500);
  for (let file = 0; file < 500; file++) {
    expect(vanished.judge(String(file), free(1000 - file), 5000).kind).toBe('delete');
    vanished.settle(String(file));
  }
});

test('once held, all wait until it is confirmed, and only what was gone then is deleted', () => {
  const vanished = gone(3);
  const held = { size: 100, isHeld: true };
  expect(vanished.judge('0', held, 5000)).toEqual({ kind: 'hold' });
  vanished.confirm();
  expect(vanished.judge('0', held, 5000)).toEqual({ kind: 'delete' });
  vanished.note('later', 5000);
  expect(vanished.judge('later', held, 9000)).toEqual({ kind: 'hold' });
});
