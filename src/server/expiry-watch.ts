/** Warns while the server runs of certificates whose end comes near: weeks may pass between two reloads. */
import type { Logger } from '../log/logger.ts';
import { describe, warning } from '../settings/assignment.ts';
import type { Blueprint } from '../settings/blueprint.ts';
import { certificatesOf } from '../settings/certificate-report.ts';
import { expiryText, warningsDue } from '../settings/expiry.ts';

interface ExpiryWatchOptions {
  /** Between two looks, in milliseconds. */
  readonly intervalMs?: number;
  /** In milliseconds since the epoch: certificates end by the clock, which may be set. */
  readonly now?: () => number;
}

interface Watched {
  readonly subject: string;
  readonly validTo: number;
  readonly text: (about: string) => string;
  /** Warnings that were due at the last look. */
  told: number;
}

const HOUR_MS = 3_600_000;

export class ExpiryWatch {
  readonly #log: Pick<Logger, 'warning'>;
  readonly #intervalMs: number;
  readonly #now: () => number;
  #watched: readonly Watched[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(
    log: Pick<Logger, 'warning'>,
    { intervalMs = HOUR_MS, now = Date.now }: ExpiryWatchOptions = {},
  ) {
    this.#log = log;
    this.#intervalMs = intervalMs;
    this.#now = now;
  }

  /** What settings name, and nothing else, from now on. What is due by now was told where it was loaded. */
  watch(blueprint: Blueprint): void {
    this.close();
    this.#watched = certificatesOf(blueprint).map(({ token, subject, validTo }) => ({
      ...{ subject, validTo, told: warningsDue(validTo, this.#now()) },
      text: (about) => describe(warning(blueprint.sources[token], `${token} ${about}`)),
    }));
    this.#timer = setInterval(this.#look.bind(this), this.#intervalMs);
    // It keeps nothing alive.
    this.#timer.unref();
  }

  close(): void {
    clearInterval(this.#timer);
  }

  /** Each warning once; of several that fell due at a time, as after a sleep, the last. */
  #look(): void {
    const now = this.#now();
    for (const watched of this.#watched) {
      const due = warningsDue(watched.validTo, now);
      const text = expiryText(watched, now);
      if (due > watched.told && text !== undefined)
        this.#log.warning(watched.text(text), { event: 'certificate' });
      watched.told = Math.max(watched.told, due);
    }
  }
}
