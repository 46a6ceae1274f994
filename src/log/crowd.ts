/** Warns of a crowd: at once, and then once a minute of how many had to go. */
import type { Logger } from './logger.ts';

const INTERVAL_MS = 60_000;

/**
 * @param sentence what the log is told of so many at once
 * @returns to be called for each
 */
export function crowdWarning<About extends readonly unknown[]>(
  log: Pick<Logger, 'warning'>,
  sentence: (times: number, ...about: About) => string,
): (...about: About) => void {
  let times = 0;
  let told = -Infinity;
  return (...about) => {
    times++;
    if (performance.now() - told < INTERVAL_MS) return;
    told = performance.now();
    log.warning(sentence(times, ...about), { event: 'crowd' });
    times = 0;
  };
}
