/** Proves that workers together never have more places than there are, and that nobody goes without for good. */
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type Holder, Places } from '../../../src/server/places.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** A worker that uses so many of its places, and gives the others back when it is asked. */
class Guesthouse implements Holder {
  places: number;
  used = 0;
  recalls: boolean[] = [];
  readonly #of: Places;

  constructor(of: Places, share: number) {
    this.#of = of;
    this.places = of.join(this, share);
  }

  grant(places: number): void {
    this.places += places;
  }

  recall(urgently: boolean): void {
    this.recalls.push(urgently);
    const spare = Math.max(this.places - this.used, 0);
    if (spare === 0) return;
    const given = Math.ceil(spare / 2);
    this.places -= given;
    this.#of.returned(this, given);
  }

  fill(): void {
    this.used = this.places;
  }
}

function houses(total: number, ...shares: readonly number[]): [Places, ...Guesthouse[]] {
  const places = new Places();
  places.setTotal(total);
  return [places, ...shares.map((share) => new Guesthouse(places, share))];
}

test('who comes first gets its share, who comes late gets what is left', () => {
  const [, one, two, three] = houses(10, 5, 4, 5);
  expect([one?.places, two?.places, three?.places]).toEqual([5, 4, 1]);
});

test('who wants places gets free ones at once, a few at a time', () => {
  const [places, one, two] = houses(100, 10, 10);
  if (one === undefined || two === undefined) throw new Error('no houses');
  places.want(one, false);
  expect(one.places).toBe(23);
  expect(two.recalls).toEqual([]);
});

test('places that others do not use come over', () => {
  const [places, one, two] = houses(10, 5, 5);
  if (one === undefined || two === undefined) throw new Error('no houses');
  one.fill();
  places.want(one, false);
  expect(one.places).toBeGreaterThan(5);
  expect(one.places + two.places).toBeLessThanOrEqual(10);
});

test('who goes without is asked for again until there is a place', () => {
  const [places, one, two] = houses(2, 2, 1);
  if (one === undefined || two === undefined) throw new Error('no houses');
  one.fill();
  expect(two.places).toBe(0);
  places.want(two, false);
  expect(one.recalls).toEqual([false]);
  places.want(two, true);
  vi.advanceTimersByTime(100);
  expect(one.recalls).toEqual([false, true]);
  one.used = 1;
  vi.advanceTimersByTime(100);
  expect([one.places, two.places]).toEqual([1, 1]);
  vi.advanceTimersByTime(10_000);
  expect(one.recalls).toHaveLength(3);
});

test('the places of a worker that is gone go to those who want some', () => {
  const [places, one, two] = houses(4, 4, 4);
  if (one === undefined || two === undefined) throw new Error('no houses');
  one.fill();
  places.want(two, false);
  expect(two.places).toBe(0);
  places.leave(one);
  expect(two.places).toBeGreaterThan(0);
});

test('a smaller total grants nothing until enough came back', () => {
  const [places, one, two] = houses(10, 10, 0);
  if (one === undefined || two === undefined) throw new Error('no houses');
  one.fill();
  places.setTotal(4);
  places.want(two, false);
  one.places = 4;
  places.returned(one, 6);
  expect(two.places).toBe(0);
  one.places = 3;
  places.returned(one, 1);
  expect(two.places).toBe(1);
});

test('whatever happens, no more places are held than there are', () => {
  const step = fc.record({ who: fc.nat(3), what: fc.constantFrom('want', 'fill', 'empty', 'wait') });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 20 }), fc.array(step, { maxLength: 40 }), (total, steps) => {
      const [places, ...all] = houses(total, 3, 3, 3, 3);
      for (const { who, what } of steps) {
        const house = all[who];
        if (house === undefined) throw new Error('no house');
        if (what === 'want') places.want(house, false);
        else if (what === 'fill') house.fill();
        else if (what === 'empty') house.used = 0;
        else vi.advanceTimersByTime(100);
        expect(all.reduce((sum, each) => sum + each.places, 0)).toBeLessThanOrEqual(total);
      }
    }),
  );
});
