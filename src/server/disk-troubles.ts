/** Knows of which files that the disk refused the log hears as errors: a full disk refuses thousands. */
import { count } from '../log/count.ts';
import { codeOf, reasonOf } from '../log/errno.ts';
import type { Logger } from '../log/logger.ts';
import { OnceAMinute } from '../log/once-a-minute.ts';
import type { Refusal } from '../protocol/errors.ts';

export class DiskTroubles {
  readonly #log: Pick<Logger, 'error'>;
  readonly #noun: string;
  readonly #kinds = new Map<string, OnceAMinute>();

  /** @param noun what fails here */
  constructor(log: Pick<Logger, 'error'>, noun = 'command') {
    this.#log = log;
    this.#noun = noun;
  }

  /** Counts one. @returns whether it is the first of its kind for a minute, and to be told as an error */
  take(refusal: Refusal): boolean {
    const { reason, cause } = refusal;
    const kind = `${reason} ${codeOf(cause ?? {}) ?? ''}`;
    const counted = this.#kinds.get(kind) ?? new OnceAMinute(this.#tell(refusal));
    this.#kinds.set(kind, counted);
    return counted.take();
  }

  #tell({ reason, cause }: Refusal): (times: number) => void {
    const why = cause === undefined ? reason : `${reason}: ${reasonOf(cause)}`;
    return (times) => {
      const text = `${count(times, `further ${this.#noun}`)} failed in the last minute (${why}); -v names each`;
      this.#log.error(text, { event: 'refused, counted', reason, commands: times });
    };
  }
}
