/** Says in one line what a server does. */
import { filesReceived, filesSent, total } from './counts.ts';
import type { Status, WorkerState } from './supervisor.ts';
import { byteCount } from '../log/byte-count.ts';
import { count, duration } from '../log/count.ts';

/** @param upMs how long it has been running, in milliseconds */
export function statusLine({ generation, workers, counts }: Status, upMs: number): string {
  const of = (state: WorkerState): number[] =>
    workers.filter((worker) => worker.state === state).map(({ pid }) => pid);
  const [serving, draining, silent] = [of('serving'), of('draining'), of('silent')];
  const [forwarded, turnedAway] = [counts.forwarded.forwarded ?? 0, total(counts.turnedAway)];
  const parts = [
    `up ${duration(upMs)}`,
    `generation ${String(generation)}`,
    `${count(serving.length, 'worker')} (${serving.join(', ')})`,
    ...(draining.length === 0 ? [] : [`${String(draining.length)} draining (${draining.join(', ')})`]),
    ...(silent.length === 0 ? [] : [`${String(silent.length)} not answering (${silent.join(', ')})`]),
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
