/** Proves what an administrator reads about an upstream in trouble, and how seldom. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { UpstreamTroubles } from '../../../src/proxy/upstream-troubles.ts';
import { recordLog, type RecordedLog } from '../../support/log.ts';

const NEXT = { host: '10.0.0.2', port: 41121 };
const REFUSED = 'connection refused: nothing listens there';
const NAME = 'Upstream 10.0.0.1 port 41121';
const ASIDE = `warning: ${NAME}: ${REFUSED}; it is set aside, trying 10.0.0.2 port 41121`;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

function troubled(): RecordedLog & { troubles: UpstreamTroubles } {
  const recorded = recordLog();
  return { ...recorded, troubles: new UpstreamTroubles({ host: '10.0.0.1', port: 41121 }, recorded.log) };
}

function times(number: number, act: () => void): void {
  for (let i = 0; i < number; i++) act();
}

test('an outage: at once, then once a minute with how long and how often, then the return', () => {
  const { troubles, lines } = troubled();
  troubles.setAside(REFUSED, NEXT);
  expect(lines).toEqual([ASIDE]);
  times(3, () => {
    times(411, () => {
      troubles.failed(REFUSED);
    });
    vi.advanceTimersByTime(60_000);
  });
  troubles.back();
  expect(lines.slice(1)).toEqual([
    `warning: ${NAME}: ${REFUSED}, for 1 minute: 412 connections failed`,
    `warning: ${NAME}: ${REFUSED}, for 2 minutes: 823 connections failed`,
    `warning: ${NAME}: ${REFUSED}, for 3 minutes: 1234 connections failed`,
    `notice: ${NAME} is back after 3 minutes; 1234 connections failed meanwhile`,
  ]);
});

test('no other upstream left', () => {
  const { troubles, lines } = troubled();
  troubles.setAside(REFUSED, undefined);
  expect(lines).toEqual([
    `warning: ${NAME}: ${REFUSED}; no other upstream is left, so the next connection tries it again`,
  ]);
});

test('who comes seldom finds the same outage, not a new one', () => {
  const { troubles, lines } = troubled();
  troubles.setAside(REFUSED, NEXT);
  vi.advanceTimersByTime(300_000);
  troubles.failed(REFUSED);
  vi.advanceTimersByTime(1000);
  expect(lines.slice(1)).toEqual([`warning: ${NAME}: ${REFUSED}, for 5 minutes: 2 connections failed`]);
});

test('another reason is told at once, and counted by itself', () => {
  const { troubles, lines } = troubled();
  troubles.setAside(REFUSED, NEXT);
  vi.advanceTimersByTime(30_000);
  times(2, () => {
    troubles.failed('connection timed out');
  });
  expect(lines.slice(1)).toEqual([`warning: ${NAME}: connection timed out; it has been away for 30 seconds`]);
  vi.advanceTimersByTime(60_000);
  expect(lines.slice(2)).toEqual([
    `warning: ${NAME}: connection timed out, for 1 minute: 2 connections failed`,
  ]);
  troubles.back();
  expect(lines.slice(3)).toEqual([`notice: ${NAME} is back after 1 minute; 3 connections failed meanwhile`]);
});

test('what the return has told is not told again', () => {
  const { troubles, lines } = troubled();
  troubles.setAside(REFUSED, NEXT);
  troubles.failed(REFUSED);
  vi.advanceTimersByTime(2000);
  troubles.back();
  expect(lines[1]).toBe(`notice: ${NAME} is back after 2 seconds; 2 connections failed meanwhile`);
  vi.advanceTimersByTime(600_000);
  expect(lines.length).toBe(2);
});

test('the next outage is a new one', () => {
  const { troubles, lines } = troubled();
  times(2, () => {
    troubles.setAside(REFUSED, NEXT);
    vi.advanceTimersByTime(60_000);
    troubles.back();
  });
  const back = `notice: ${NAME} is back after 1 minute; 1 connection failed meanwhile`;
  expect(lines).toEqual([ASIDE, back, ASIDE, back]);
});

test('one that comes and goes does not fill the log', () => {
  const { troubles, lines } = troubled();
  times(119, () => {
    troubles.setAside(REFUSED, NEXT);
    vi.advanceTimersByTime(500);
    troubles.back();
  });
  vi.advanceTimersByTime(500);
  expect(lines).toEqual([
    ASIDE,
    `notice: ${NAME} is back after 0 seconds; 1 connection failed meanwhile`,
    `warning: ${NAME}: ${REFUSED}, for 59 seconds: 118 connections failed; it is up now`,
  ]);
});

test('away once more and for good: told within a minute, and so is its return', () => {
  const { troubles, lines } = troubled();
  troubles.setAside(REFUSED, NEXT);
  troubles.back();
  vi.advanceTimersByTime(10_000);
  troubles.setAside(REFUSED, NEXT);
  vi.advanceTimersByTime(50_000);
  troubles.back();
  expect(lines.slice(2)).toEqual([
    `warning: ${NAME}: ${REFUSED}, for 50 seconds: 1 connection failed`,
    `notice: ${NAME} is back after 50 seconds; 1 connection failed meanwhile`,
  ]);
});

test('the return from an absence that was not told is not told, whatever else was', () => {
  const { troubles, lines } = troubled();
  troubles.setAside(REFUSED, NEXT);
  troubles.back();
  troubles.setAside(REFUSED, NEXT);
  troubles.broke('connection reset');
  troubles.back();
  expect(lines.slice(2)).toEqual([`warning: ${NAME}: a connection broke: connection reset`]);
});

test('broken connections are told, then counted, while it stays up', () => {
  const { troubles, lines } = troubled();
  times(57, () => {
    troubles.broke('connection reset');
  });
  vi.advanceTimersByTime(60_000);
  expect(lines).toEqual([
    `warning: ${NAME}: a connection broke: connection reset`,
    `warning: ${NAME}: connection reset, for 1 minute: 57 connections broke`,
  ]);
  expect(troubles.absence).toBeUndefined();
  vi.advanceTimersByTime(60_000);
  troubles.broke('connection reset');
  expect(lines.slice(2)).toEqual([`warning: ${NAME}: a connection broke: connection reset`]);
});

test('texts that differ each time are told and kept a few at a time', () => {
  const { troubles, lines } = troubled();
  let number = 0;
  times(1000, () => {
    troubles.broke(`error ${String(number++)}`);
  });
  expect(lines.length).toBe(9);
  expect(lines[8]).toBe(`warning: ${NAME}: a connection broke: error 8`);
  vi.advanceTimersByTime(60_000);
  expect(lines.slice(9)).toEqual([
    `warning: ${NAME}: many different troubles, for 1 minute: 992 connections broke`,
  ]);
  vi.advanceTimersByTime(60_000);
  troubles.broke('error 1000');
  expect(lines.slice(10)).toEqual([`warning: ${NAME}: a connection broke: error 1000`]);
});

test('for programs: event, upstream, reason, connections', () => {
  const recorded = recordLog();
  const troubles = new UpstreamTroubles({ host: '::1', port: 41121 }, recorded.log);
  troubles.setAside(REFUSED, NEXT);
  troubles.back();
  expect(recorded.records).toMatchObject([
    { event: 'upstream', upstream: '[::1]:41121', reason: REFUSED, connections: 1 },
    { event: 'upstream', upstream: '[::1]:41121', connections: 1 },
  ]);
});
