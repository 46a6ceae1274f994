/** The charts: their scale, their gaps, and what they say in words. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ceiling, chart, inWords, type Series } from '../../../../src/status/page/chart.ts';

const NOW = 10_000_000;

function series(points: readonly (readonly [secondsAgo: number, value: number])[]): Series {
  return {
    label: 'Files per second',
    points: points.map(([ago, value]) => ({ at: NOW - ago * 1000, value })),
    now: NOW,
    stepSeconds: 30,
    kilo: 1000,
    show: String,
  };
}

function lineOf(chart: string): string | undefined {
  return /class="line" d="([^"]*)"/.exec(chart)?.[1];
}

test('an hour goes from the left edge to the right one, zero lies at the bottom and the highest within', () => {
  const full = series(Array.from({ length: 121 }, (_, index) => [3600 - index * 30, index === 60 ? 10 : 0]));
  const line = lineOf(chart(full).markup);
  expect(line).toMatch(/^M0 160L6 160.*L360 0L.*L720 160$/);
});

test('where figures are missing the line is interrupted, and one alone is a dot', () => {
  const line = lineOf(
    chart(
      series([
        [600, 1],
        [570, 1],
        [300, 1],
        [0, 1],
      ]),
    ).markup,
  );
  expect(line).toBe('M600 0L606 0M660 0h0M720 0h0');
});

test('what is older than an hour is not drawn, and nothing at all draws nothing', () => {
  expect(lineOf(chart(series([[4000, 1]])).markup)).toBe('');
  expect(lineOf(chart(series([])).markup)).toBe('');
});

test('it says in words what it shows', () => {
  expect(
    inWords(
      series([
        [60, 2],
        [30, 7],
        [0, 3],
      ]),
    ),
  ).toBe('Files per second over the last hour: now 3, highest 7, average 4');
  expect(inWords(series([]))).toBe('Files per second: no figures yet');
});

test.each([
  [0, 1],
  [0.03, 0.03],
  [1, 1],
  [7, 8],
  [41, 50],
  [108, 150],
  [1000, 1000],
])('the scale for %d ends at %d', (value, top) => {
  expect(ceiling(value, 1000)).toBeCloseTo(top);
});

test('the scale of bytes ends at a round number of their unit', () => {
  expect(ceiling(1.9 * 1024 ** 2, 1024)).toBe(2 * 1024 ** 2);
  expect(ceiling(700 * 1024, 1024)).toBe(800 * 1024);
});

test('the scale always holds the value, and is never more than twice as high', () => {
  fc.assert(
    fc.property(
      fc.double({ min: 1e-6, max: 1e15, noNaN: true }),
      fc.constantFrom(1000, 1024),
      (value, kilo) => {
        const top = ceiling(value, kilo);
        expect(top).toBeGreaterThanOrEqual(value * 0.999_999);
        expect(top).toBeLessThanOrEqual(value * 2.0001);
      },
    ),
  );
});
