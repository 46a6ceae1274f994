/** Proves how many workers there are where nobody says it. */
import { expect, test } from 'vitest';
import { workersOf } from '../../../src/settings/workers.ts';

const NONE = { workers: 0, max_connections_per_ip: 0, max_rate_per_ip: 0, max_bytes_per_ip: 0 };
type Values = Parameters<typeof workersOf>[0];
const workers = (values: Partial<Values>, processors: number): number =>
  workersOf({ ...NONE, ...values } as Values, processors);

test('two, where there are as many processors', () => {
  expect([1, 2, 64].map((processors) => workers({}, processors))).toEqual([1, 2, 2]);
});

test.each(['max_connections_per_ip', 'max_rate_per_ip', 'max_bytes_per_ip'])(
  'one, where %s is to be exact',
  (limit) => {
    expect(workers({ [limit]: 10 }, 8)).toBe(1);
  },
);

test('as many as somebody says', () => {
  expect(workers({ workers: 5, max_rate_per_ip: 10 }, 1)).toBe(5);
});
