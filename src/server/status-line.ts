/** Says in one line what a server does. */
import type { Status } from './supervisor.ts';
import { byteCount } from '../log/byte-count.ts';
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
    `${count(counts.filesReceived, 'file')} received (${byteCount(counts.bytesReceived)})`,
    `${String(counts.filesSent)} sent`,
    ...(counts.filesForwarded === 0 ? [] : [`${String(counts.filesForwarded)} forwarded`]),
    `${count(counts.refused, 'command')} refused`,
    ...(counts.turnedAway === 0 ? [] : [`${count(counts.turnedAway, 'connection')} refused`]),
  ];
  return `Status: ${parts.join(', ')}`;
}
