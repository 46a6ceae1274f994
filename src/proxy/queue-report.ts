/** Tells the log once a minute how much waits, and for whom. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Destination } from './destination.ts';
import type { Queue } from './queue.ts';
import { byteCount } from '../log/byte-count.ts';
import { count, duration } from '../log/count.ts';
import type { Logger } from '../log/logger.ts';

const INTERVAL_MS = 60_000;

export interface Reported {
  readonly queue: Pick<Queue, 'look' | 'totals'>;
  readonly destination: Pick<Destination, 'state'>;
  readonly log: Logger;
  /** Between two lines, in milliseconds. */
  readonly intervalMs?: number;
}

/** Resolves when the signal is aborted. */
export async function reportQueue(
  { queue, destination, log, intervalMs = INTERVAL_MS }: Reported,
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    await sleep(intervalMs, undefined, { signal }).catch(() => undefined);
    if (signal.aborted) return;
    // Others store into the directory, too.
    await queue.look();
    const { files, bytes, oldestMs = Date.now() } = queue.totals;
    if (files === 0) continue;
    const age = duration(Math.max(Date.now() - oldestMs, 0));
    log.notice(
      `Queue: ${count(files, 'file')} (${byteCount(bytes)}), the oldest ${age} old; ${destination.state}`,
      {
        event: 'queue',
        files,
        bytes,
      },
    );
  }
}
