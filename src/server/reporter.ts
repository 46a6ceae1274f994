/** Tells of a worker how it is: what it counted, what happened lately, what it takes. */
import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks';
import { Counter } from './counts.ts';
import type { WorkerReport } from './messages.ts';
import { Recent } from './recent.ts';
import type { Logger } from '../log/logger.ts';
import type { Settings } from '../settings/settings.ts';

/** How often it is looked whether the event loop is late, in milliseconds: a timer of its own. */
const RESOLUTION_MS = 50;
const NS = 1e9;

export class Reporter {
  readonly #recent: Recent | undefined;
  readonly #counter: Counter;
  readonly #delay: IntervalHistogram | undefined;

  /** Without somewhere to tell it, only what is always counted is. */
  constructor({ status }: Pick<Settings, 'status'>) {
    if (status !== undefined) {
      this.#recent = new Recent();
      this.#delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
      this.#delay.enable();
    }
    this.#counter = new Counter(this.#recent);
  }

  /** The same logger; what it is told is what is reported. */
  counting(log: Logger): Logger {
    return this.#counter.counting(log);
  }

  /** @param open connections open now */
  report(open: number): WorkerReport {
    return {
      counts: this.#counter.counts(open),
      memory: process.memoryUsage.rss(),
      lag: this.#lag(),
      happened: this.#recent?.take(),
    };
  }

  #lag(): number {
    const delay = this.#delay;
    if (delay === undefined) return 0;
    const worst = delay.count === 0 ? 0 : Math.max(0, delay.max / NS - RESOLUTION_MS / 1000);
    delay.reset();
    return worst;
  }
}
