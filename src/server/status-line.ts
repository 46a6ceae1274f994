/** Says in one line what a server does. */
import { filesReceived, filesSent, total } from './counts.ts';
import type { Status } from './supervisor.ts';
import { byteCount } from '../log/byte-count.ts';
import { count, duration } from '../log/count.ts';

/** @param upMs how long it has been running, in milliseconds */
export function statusLine({ generation, workers, counts }: Status, upMs: number): string {
  const [serving, draining] = (['serving', 'draining'] as const).map((state) =>
    workers.filter((worker) => worker.state === state).map(({ pid }) => pid),
  ) as [number[], number[]];
  const [forwarded, turnedAway] = [counts.forwarded.forwarded ?? 0, total(counts.turnedAway)];
  const parts = [
    `up ${duration(upMs)}`,
    `generation ${String(generation)}`,
    `${count(serving.length, 'worker')} (${serving.join(', ')})`,
    ...(draining.length === 0 ? [] : [`${String(draining.length)} draining (${draining.join(', ')})`]),
    `${count(counts.open, 'connection')} open`,
    `${String(counts.connections)} served`,
    `${count(filesReceived(counts), 'file')} received (${byteCount(counts.bytesReceived)})`,
    `${String(filesSent(counts))} sent`,
    ...(forwarded === 0 ? [] : [`${String(forwarded)} forwarded`]),
    `${count(total(counts.refusals), 'command')} refused`,
    ...(turnedAway === 0 ? [] : [`${count(turnedAway, 'connection')} refused`]),
  ];
  return `Status: ${parts.join(', ')}`;
}
