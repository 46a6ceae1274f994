/** What files wait, where it is known from theory. */
import { expect, test } from 'vitest';
import { drainSeconds, percentile, randomFrom, serve, utilisation } from '../../bench/queueing.ts';

/** So many a second at random, for this time. */
function randomArrivals(offered: number, seconds: number): Float64Array {
  const random = randomFrom(1);
  return Float64Array.from({ length: offered * seconds }, () => random() * seconds).sort();
}

function mean(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

test('a fleet that does as much as it can is used to 1', () => {
  expect(utilisation({ servers: 4, rate: 250 }, 500)).toBe(0.5);
  expect(utilisation({ servers: 1, rate: 250 }, 500)).toBe(2);
});

test('who comes alone waits for nobody', () => {
  const { latencies, atOnce, end } = serve(Float64Array.from([0, 1, 2]), { servers: 1, rate: 10 });
  expect([...latencies].map((each) => each.toFixed(3))).toEqual(['0.100', '0.100', '0.100']);
  expect([atOnce, end.toFixed(1)]).toEqual([1, '2.1']);
});

test('a queue drains at the known rate', () => {
  const { latencies, atOnce, end } = serve(new Float64Array(1000), { servers: 4, rate: 25 });
  expect(end).toBeCloseTo(10);
  expect(percentile(latencies, 0.5)).toBeCloseTo(5, 1);
  expect(percentile(latencies, 1)).toBeCloseTo(10);
  expect(atOnce).toBe(1000);
});

test.each([0.5, 0.8, 0.9])('M/D/1: at %d of its capacity a file waits as long as theory says', (load) => {
  const { latencies } = serve(randomArrivals(load * 1000, 1000), { servers: 1, rate: 1000 });
  const waiting = mean(latencies) - 1 / 1000;
  const expected = load / (2 * 1000 * (1 - load));
  expect(waiting / expected).toBeGreaterThan(0.9);
  expect(waiting / expected).toBeLessThan(1.1);
});

test('M/D/2: one queue for two is shorter than two queues', () => {
  const arrivals = randomArrivals(800, 1000);
  const together = mean(serve(arrivals, { servers: 2, rate: 500 }).latencies) - 1 / 500;
  const apart = 0.8 / (2 * 500 * (1 - 0.8));
  // Half of it, and some (Cosmetatos' approximation: 0.55 at this load).
  expect(together / apart).toBeGreaterThan(0.45);
  expect(together / apart).toBeLessThan(0.6);
});

test('a backlog is worked off with what new files leave', () => {
  expect(drainSeconds({ servers: 2, rate: 50 }, 1000, 50)).toBe(20);
  expect(drainSeconds({ servers: 1, rate: 50 }, 1000, 50)).toBe(Infinity);
});
