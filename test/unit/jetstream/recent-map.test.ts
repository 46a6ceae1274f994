/** What is new is remembered, what is old is forgotten, whoever looks. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { RecentMap } from '../../../src/jetstream/recent-map.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['hrtime'] });
});
afterEach(() => {
  vi.useRealTimers();
});

test('an entry is remembered for the time at least, and for twice the time at most', () => {
  for (const startMs of [0, 1, 500, 999]) {
    const map = new RecentMap<string>(1000);
    vi.advanceTimersByTime(startMs);
    map.set('a', 'one');
    vi.advanceTimersByTime(1000);
    expect(map.get('a')).toBe('one');
    expect(map.get('b')).toBeUndefined();
    vi.advanceTimersByTime(1000);
    expect(map.get('a')).toBeUndefined();
  }
});

test('the last value counts, also where an older one is remembered', () => {
  const map = new RecentMap<number>(1000);
  map.set('a', 1);
  vi.advanceTimersByTime(1000);
  map.set('a', 2);
  expect(map.get('a')).toBe(2);
  vi.advanceTimersByTime(1000);
  expect(map.get('a')).toBe(2);
});

test('after a long time nothing is left', () => {
  const map = new RecentMap<number>(1000);
  map.set('a', 1);
  vi.advanceTimersByTime(60_000);
  expect(map.get('a')).toBeUndefined();
  map.set('a', 3);
  expect(map.get('a')).toBe(3);
});
