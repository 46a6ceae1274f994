/** Tries again what a cluster cannot answer for now: leaders are elected within seconds. */
import { setTimeout as sleep } from 'node:timers/promises';
import { JetStreamAway } from '../away.ts';
import { monotonicMs } from '../../protocol/timer.ts';

const PAUSE_MS = 100;
/** A server that died without a word is not waited for until the end. */
const LONGEST_ATTEMPT_MS = 2000;

/**
 * Does what can be done twice without harm, again and again while JetStream is away.
 * @param patienceMs how long in all, in milliseconds
 * @param work is told how many milliseconds this attempt may take
 * @throws JetStreamAway in the end, and at once whatever else the work throws
 */
export async function persist<T>(patienceMs: number, work: (timeoutMs: number) => Promise<T>): Promise<T> {
  const deadline = monotonicMs() + patienceMs;
  for (;;) {
    const leftMs = Math.max(deadline - monotonicMs(), 1);
    try {
      return await work(Math.min(leftMs, LONGEST_ATTEMPT_MS));
    } catch (cause) {
      if (!(cause instanceof JetStreamAway) || monotonicMs() + PAUSE_MS >= deadline) throw cause;
    }
    await sleep(PAUSE_MS);
  }
}
