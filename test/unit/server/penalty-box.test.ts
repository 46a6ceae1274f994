/** Proves that guessing passwords is slow, and costs nobody else anything. */
import { once } from 'node:events';
import { Socket } from 'node:net';
import { afterEach, beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { PenaltyBox } from '../../../src/server/penalty-box.ts';

const MOST = 1000;
const DELAY_MS = 1000;

/** Sockets that never connect: all that counts here is when they are closed. */
function sockets(count: number): Socket[] {
  const made = Array.from({ length: count }, () => new Socket());
  onTestFinished(() => {
    for (const socket of made) socket.destroy();
  });
  return made;
}

function closedOf(held: readonly Socket[]): number {
  return held.filter(({ destroyed }) => destroyed).length;
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
});
afterEach(() => {
  vi.useRealTimers();
});

test('a socket is closed after a second, not before', () => {
  const box = new PenaltyBox();
  const held = sockets(1);
  for (const socket of held) box.hold(socket);
  vi.advanceTimersByTime(DELAY_MS - 1);
  expect(closedOf(held)).toBe(0);
  vi.advanceTimersByTime(1);
  expect(closedOf(held)).toBe(1);
});

test('of 1,005 at once 1,000 are held, and the others closed at once', () => {
  const box = new PenaltyBox();
  const [held, others] = [sockets(MOST), sockets(5)];
  for (const socket of [...held, ...others]) box.hold(socket);
  expect([closedOf(held), closedOf(others)]).toEqual([0, 5]);
  vi.advanceTimersByTime(DELAY_MS);
  expect(closedOf(held)).toBe(MOST);
});

test('who closes before makes room for another, and leaves no timer', async () => {
  const box = new PenaltyBox();
  const [held, others] = [sockets(MOST), sockets(2)];
  for (const socket of held) box.hold(socket);
  const [leaving] = held;
  leaving?.destroy();
  if (leaving !== undefined) await once(leaving, 'close');
  expect(vi.getTimerCount()).toBe(MOST - 1);
  for (const socket of others) box.hold(socket);
  expect(others.map(({ destroyed }) => destroyed)).toEqual([false, true]);
});

test('after the second the box is empty again', async () => {
  const box = new PenaltyBox();
  const [held, next] = [sockets(MOST), sockets(MOST)];
  for (const socket of held) box.hold(socket);
  const closed = held.map((socket) => once(socket, 'close'));
  vi.advanceTimersByTime(DELAY_MS);
  await Promise.all(closed);
  for (const socket of next) box.hold(socket);
  expect(closedOf(next)).toBe(0);
});

test('a socket that is closed already takes no place', () => {
  const box = new PenaltyBox();
  const [gone, held] = [sockets(3), sockets(MOST)];
  for (const socket of gone) socket.destroy();
  for (const socket of [...gone, ...held]) box.hold(socket);
  expect(closedOf(held)).toBe(0);
  expect(vi.getTimerCount()).toBe(MOST);
});
