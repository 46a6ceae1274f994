/** What is counted of the log, and how it is added up. */
import { expect, test } from 'vitest';
import {
  Counter,
  DURATION_BOUNDS,
  filesMoved,
  filesReceived,
  filesSent,
  NOTHING,
  sum,
  total,
} from '../../../src/server/counts.ts';
import type { Fields, Logger } from '../../../src/log/logger.ts';

const silent = (): void => undefined;
const SILENT: Logger = { error: silent, warning: silent, notice: silent, event: silent, detail: silent };

function counted(...events: Fields[]): Counter {
  const counter = new Counter();
  const log = counter.counting(SILENT);
  for (const fields of events) log.event('said', fields);
  return counter;
}

test('each event is counted by what it was', () => {
  const counts = counted(
    { event: 'connected' },
    { event: 'connected' },
    { event: 'closed' },
    { event: 'ended', reason: 'timeout' },
    { event: 'turned away', reason: 'allow_from' },
    { event: 'tls', version: 'TLSv1.3' },
    { event: 'tls failed', reason: 'closed' },
    { event: 'received', command: 'SEND', bytes: 100, ms: 3 },
    { event: 'received', command: 'ZSEND', bytes: 50, ms: 70_000 },
    { event: 'sent', command: 'RECV', bytes: 7, ms: 0 },
    { event: 'not sent', command: 'MV', bytes: 7, ms: 0 },
    { event: 'refused', command: 'SEND', reason: 'file already exists' },
    { event: 'forwarded' },
    { event: 'relayed', bytes: 1000, answered: 10 },
  ).counts(1);
  expect(counts).toMatchObject({
    open: 1,
    connections: 2,
    ended: { completed: 2, timeout: 1 },
    turnedAway: { allow_from: 1 },
    handshakes: { 'TLSv1.3 completed': 1, 'none closed': 1 },
    files: { 'SEND received': 1, 'ZSEND received': 1, 'RECV sent': 1, 'MV declined': 1, 'SEND refused': 1 },
    refusals: { 'file already exists': 1 },
    forwarded: { forwarded: 1 },
    bytesReceived: 1150,
    bytesSent: 17,
  });
  expect(filesReceived(counts)).toBe(2);
  expect(filesSent(counts)).toBe(1);
  expect(counts.cpuSeconds).toBeGreaterThan(0);
});

test('files of JetStream are counted by what became of them, with their bytes', () => {
  const counts = counted(
    { event: 'delivered', bytes: 10 },
    { event: 'delivery', outcome: 'not delivered' },
    { event: 'taken', bytes: 5 },
    { event: 'given', bytes: 2 },
    { event: 'deleted' },
    { event: 'conflict' },
  ).counts(0);
  expect(counts).toMatchObject({
    delivered: { delivered: 1, 'not delivered': 1 },
    synced: { taken: 1, given: 1, deleted: 1, conflict: 1 },
    bytesMoved: 17,
  });
  expect(filesMoved(counts)).toBe(3);
});

test('a transfer is counted once, in the first class that it fits, or beyond all', () => {
  const took = (ms: number): Fields => ({ event: 'received', command: 'SEND', bytes: 1, ms });
  const { durations, transferSeconds } = counted(took(1), took(2), took(60_000), took(60_001)).counts(0);
  expect(durations).toHaveLength(DURATION_BOUNDS.length + 1);
  expect([durations[0], durations[1], durations.at(-2), durations.at(-1)]).toEqual([1, 1, 1, 1]);
  expect(transferSeconds).toBeCloseTo(120.004);
});

test('the sum of many has every word of each, and leaves them as they are', () => {
  const one = counted({ event: 'refused', command: 'SEND', reason: 'file is too big' }).counts(1);
  const other = counted(
    { event: 'refused', command: 'SEND', reason: 'not permitted' },
    { event: 'received', command: 'SEND', bytes: 5, ms: 1 },
  ).counts(2);
  const before = structuredClone(one);
  const all = sum([one, other, NOTHING]);
  expect(all).toMatchObject({
    open: 3,
    refusals: { 'file is too big': 1, 'not permitted': 1 },
    files: { 'SEND refused': 2, 'SEND received': 1 },
  });
  expect(all.durations).toHaveLength(DURATION_BOUNDS.length + 1);
  expect(total(all.refusals)).toBe(2);
  expect(one).toEqual(before);
});
