/** Tells the log when the server ceases to be ready, and when it is again: nobody may look at the page, or send a file. */
import type { Check } from './report.ts';
import { duration } from '../log/count.ts';
import type { Logger } from '../log/logger.ts';

/** What fails for so short a time is not worth a line: at the start nothing was looked at yet. */
const LASTING_MS = 5000;

interface Failure {
  /** On the clock of `now`. */
  readonly since: number;
  readonly isTold: boolean;
}

export class ReadinessLog {
  readonly #log: Pick<Logger, 'error' | 'notice'>;
  /** By the check's name. */
  readonly #failures = new Map<string, Failure>();

  constructor(log: Pick<Logger, 'error' | 'notice'>) {
    this.#log = log;
  }

  /** To be called every few seconds. @param now in milliseconds, on a clock that is never set */
  look(checks: readonly Check[], now: number): void {
    for (const check of checks) {
      const known = this.#failures.get(check.name);
      if (check.ok) this.#passes(check, known, now);
      else this.#fails(check, known ?? { since: now, isTold: false }, now);
    }
  }

  #fails({ name, text }: Check, { since, isTold }: Failure, now: number): void {
    const isDue = now - since >= LASTING_MS;
    if (isDue && !isTold) this.#log.error(`Not ready: ${name}: ${text}`, { event: 'not ready', check: name });
    this.#failures.set(name, { since, isTold: isTold || isDue });
  }

  #passes({ name, text }: Check, known: Failure | undefined, now: number): void {
    this.#failures.delete(name);
    if (known?.isTold !== true) return;
    const after = duration(now - known.since);
    this.#log.notice(`Passes again after ${after}: ${name}: ${text}`, { event: 'ready', check: name });
  }
}
