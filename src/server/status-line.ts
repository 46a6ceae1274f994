/** Says in one line what a server does. */
import type { Status } from './supervisor.ts';
import { count, duration } from '../log/count.ts';

/** @param upMs how long it has been running, in milliseconds */
export function statusLine({ generation, workers, draining, counts }: Status, upMs: number): string {
  const parts = [
    `up ${duration(upMs)}`,
    `generation ${String(generation)}`,
    `${count(workers.length, 'worker')} (${workers.join(', ')})`,
    ...(draining.length === 0 ? [] : [`${String(draining.length)} draining (${draining.join(', ')})`]),
    `${count(counts.open, 'connection')} open`,
    `${String(counts.connections)} served`,
    `${count(counts.filesReceived, 'file')} received (${bytes(counts.bytesReceived)})`,
    `${String(counts.filesSent)} sent`,
    `${count(counts.refused, 'command')} refused`,
  ];
  return `Status: ${parts.join(', ')}`;
}

function bytes(number: number): string {
  const units = ['bytes', 'KB', 'MB', 'GB', 'TB'];
  const step = number < 1024 ? 0 : Math.min(Math.floor(Math.log2(number) / 10), units.length - 1);
  const digits = step === 0 ? 0 : 1;
  return `${(number / 1024 ** step).toFixed(digits)} ${units[step] ?? ''}`;
}
