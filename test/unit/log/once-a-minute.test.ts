/** What comes in floods is told of once at once, and then counted. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { OnceAMinute } from '../../../src/log/once-a-minute.ts';

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

test('the first is told, those of the next minute are counted, and after a quiet one the next is a first', () => {
  const told: number[] = [];
  const flood = new OnceAMinute((times) => told.push(times));
  expect([1, 2, 3].map(() => flood.take())).toEqual([true, false, false]);
  vi.advanceTimersByTime(59_000);
  expect(told).toEqual([]);
  vi.advanceTimersByTime(2000);
  expect(told).toEqual([2]);
  expect(flood.take()).toBe(false);
  vi.advanceTimersByTime(60_000);
  expect(told).toEqual([2, 1]);
  vi.advanceTimersByTime(60_000);
  expect(told).toEqual([2, 1]);
  expect(flood.take()).toBe(true);
});
