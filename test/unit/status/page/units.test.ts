/** Figures, sizes and times as a person reads them. */
import { expect, test } from 'vitest';
import { ago, byteRate, decimal, isoTime, span, whole } from '../../../../src/status/page/units.ts';

test.each([
  [0, '0'],
  [0.04, '0'],
  [0.26, '0.3'],
  [12.44, '12.4'],
  [99.96, '100'],
  [1234.5, '1,235'],
])('a rate of %d is %s', (rate, text) => {
  expect(decimal(rate)).toBe(text);
});

test('large numbers are grouped, bytes are rounded', () => {
  expect(whole(61_402_118)).toBe('61,402,118');
  expect(byteRate(0.4)).toBe('0 bytes/s');
  expect(byteRate(4.5 * 1024 ** 2)).toBe('4.5 MB/s');
});

test.each([
  [-5, '0 s'],
  [0.9, '0 s'],
  [59.9, '59 s'],
  [60, '1 min'],
  [7199, '1 h'],
  [86_400 * 1500, '1,500 d'],
])('%d seconds are %s', (seconds, text) => {
  expect(span(seconds)).toBe(text);
});

test('an age names its exact time, which Date reads as the same; of the future it is just now', () => {
  const at = Date.UTC(2026, 10, 29, 21, 3, 5);
  expect(Date.parse(isoTime(at))).toBe(at);
  expect(isoTime(at)).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d$/);
  expect(ago(at, at + 12_000).markup).toBe(
    `<time datetime="${isoTime(at)}" title="${isoTime(at)}">12 s ago</time>`,
  );
  expect(ago(at, at - 12_000).markup).toContain('>just now<');
});

test.each(['America/St_Johns', 'Asia/Kathmandu', 'UTC'])('the time of %s is the same moment', (zone) => {
  const before = process.env.TZ;
  process.env.TZ = zone;
  try {
    const at = Date.UTC(2026, 10, 29, 21, 3, 5);
    expect(Date.parse(isoTime(at))).toBe(at);
    expect(isoTime(at).slice(11, 16)).toBe(new Date(at).toTimeString().slice(0, 5));
  } finally {
    if (before === undefined) delete process.env.TZ;
    else process.env.TZ = before;
  }
});
