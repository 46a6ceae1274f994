/** Warns of a crowd: of the first at once, and then once a minute of how many followed. */
import type { Logger } from './logger.ts';
import { OnceAMinute } from './once-a-minute.ts';

/**
 * @param sentence what the log is told of so many at once, and of the last of them
 * @returns to be called for each
 */
export function crowdWarning<About extends readonly unknown[]>(
  log: Pick<Logger, 'warning'>,
  sentence: (times: number, ...about: About) => string,
): (...about: About) => void {
  let last: About | undefined;
  const tell = (times: number): void => {
    if (last !== undefined) log.warning(sentence(times, ...last), { event: 'crowd' });
  };
  const crowd = new OnceAMinute(tell);
  return (...about) => {
    last = about;
    if (crowd.take()) tell(1);
  };
}
