/** Tells the log once a minute how much waits, and for whom. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Queue } from './queue.ts';
import { stateText } from './upstream.ts';
import type { Upstreams } from './upstreams.ts';
import { byteCount } from '../log/byte-count.ts';
import { count, duration } from '../log/count.ts';
import type { Logger } from '../log/logger.ts';

const INTERVAL_MS = 60_000;

export interface Reported {
  readonly queue: Pick<Queue, 'look' | 'totals'>;
  readonly upstreams: Pick<Upstreams, 'states'>;
  readonly log: Logger;
  /** Between two lines, in milliseconds. */
  readonly intervalMs?: number;
}

/** Resolves when the signal is aborted. */
export async function reportQueue(
  { queue, upstreams, log, intervalMs = INTERVAL_MS }: Reported,
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
    const states = upstreams.states.map(stateText).join('; ');
    log.notice(
      `Queue: ${count(files, 'file')} (${byteCount(bytes)}), the oldest ${age} old; upstream ${states}`,
      {
        event: 'queue',
        files,
        bytes,
      },
    );
  }
}
