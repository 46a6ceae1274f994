/** Proves that refusals are told one by one to those who ask for it, and counted for all others. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createLogger } from '../../../src/log/logger.ts';
import { Counter } from '../../../src/server/counts.ts';
import { turnedAwayLog } from '../../../src/server/turned-away.ts';

const MINUTE = 60_000;
const PEER = { address: '192.0.2.1', port: 5000, subject: undefined, commonName: undefined };

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

test('one line for each at verbose 1, a warning of each kind at most once a minute', () => {
  const lines: string[] = [];
  const counter = new Counter();
  const log = counter.counting(
    createLogger({ level: 'event', format: 'text' }, { write: (line) => lines.push(line) }),
  );
  const warnings = (): string[] => {
    return lines.splice(0).flatMap((line) => /Warning: (.*)\.$/m.exec(line)?.[1] ?? []);
  };
  const refuse = turnedAwayLog(log);

  refuse('allow_from', PEER);
  expect(lines.join('')).toContain(
    'Connection from 192.0.2.1 port 5000 refused: its address is not in allow_from',
  );
  expect(warnings()).toEqual(['1 connection refused: its address is not in allow_from']);
  for (let count = 0; count < 1234; count++) refuse('allow_from', PEER);
  refuse('max_rate_per_ip', PEER);
  expect(lines).toHaveLength(1234 + 2);
  expect(warnings()).toEqual([expect.stringMatching(/^1 connection refused: .*max_rate_per_ip$/)]);
  vi.advanceTimersByTime(MINUTE);
  expect(warnings()).toEqual([
    '1234 connections refused in the last minute: its address is not in allow_from',
  ]);
  vi.advanceTimersByTime(10 * MINUTE);
  expect(lines).toEqual([]);
  refuse('allow_from', PEER);
  expect(warnings()).toEqual(['1 connection refused: its address is not in allow_from']);
  expect(counter.counts(0)).toMatchObject({
    turnedAway: { allow_from: 1236, max_rate_per_ip: 1 },
    refusals: {},
    connections: 0,
  });
});
