/** Rates and points of the charts. */
import { expect, test } from 'vitest';
import { Chronicle, type Sample } from '../../../src/status/history.ts';

const START = 1_000_000;
/** Everything grows evenly: 5 files, 100 bytes and 2 connections a second. */
function sample(seconds: number, more: Partial<Sample> = {}): Sample {
  return {
    at: START + seconds * 1000,
    files: 5 * seconds,
    bytes: 100 * seconds,
    connections: 2 * seconds,
    refused: 0,
    open: 1,
    ...more,
  };
}

test('a server that has just begun has no rates and no points', () => {
  const chronicle = new Chronicle();
  expect(chronicle.rates).toEqual({ files: 0, bytes: 0, connections: 0 });
  chronicle.add(sample(0));
  expect(chronicle.rates).toEqual({ files: 0, bytes: 0, connections: 0 });
  expect(chronicle.history).toEqual({ stepSeconds: 10, points: [] });
});

test('rates are those of the last ten seconds', () => {
  const chronicle = new Chronicle();
  for (let seconds = 0; seconds <= 60; seconds += 2) chronicle.add(sample(seconds));
  expect(chronicle.rates).toEqual({ files: 5, bytes: 100, connections: 2 });
  // Nothing more happens.
  for (let seconds = 62; seconds <= 74; seconds += 2)
    chronicle.add({ ...sample(60), at: sample(seconds).at });
  expect(chronicle.rates.files).toBe(0);
});

test('a point for ten seconds: rates, the most open connections, what was refused', () => {
  const chronicle = new Chronicle();
  for (let seconds = 0; seconds <= 20; seconds += 2)
    chronicle.add(sample(seconds, { open: seconds === 6 ? 40 : 3, refused: seconds >= 14 ? 7 : 0 }));
  expect(chronicle.history.points).toEqual([
    { at: START + 10_000, files: 5, bytes: 100, connections: 2, open: 40, refused: 0 },
    { at: START + 20_000, files: 5, bytes: 100, connections: 2, open: 3, refused: 7 },
  ]);
});

test('an hour is kept', () => {
  const chronicle = new Chronicle();
  for (let seconds = 0; seconds <= 3 * 3600; seconds += 2) chronicle.add(sample(seconds));
  const { points, stepSeconds } = chronicle.history;
  expect(points.length * stepSeconds).toBe(3600);
  expect(points.at(-1)?.at).toBe(START + 3 * 3_600_000);
});

test('a clock that is set back begins anew, and no rate is negative', () => {
  const chronicle = new Chronicle();
  for (let seconds = 100; seconds <= 130; seconds += 2) chronicle.add(sample(seconds));
  chronicle.add(sample(131, { at: START }));
  expect(chronicle.history.points).toEqual([]);
  chronicle.add(sample(141, { at: START + 10_000 }));
  expect(chronicle.rates.files).toBe(5);
  // A crashed worker's last moments may be lost.
  chronicle.add({ ...sample(0), at: START + 12_000 });
  expect(chronicle.rates.files).toBe(0);
});
