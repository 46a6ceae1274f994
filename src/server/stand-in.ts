/** Tells the service manager that the service lives, in place of a supervisor that hangs on the log's disk. */
import type { Logger } from '../log/logger.ts';
import { type Notifier, openNotifier } from '../process/service-notify.ts';
import { isWaitingForDisk } from '../process/waiting-for-disk.ts';

/** Looks, and if need be signs of life, for each time that the watchdog waits. */
const LOOKS_PER_WATCHDOG = 4;

/**
 * Every worker has one: the files that it stores meanwhile are what the watchdog wants to hear of, and that several
 * say so does no harm. A supervisor that hangs for another reason is left to the watchdog.
 */
export class StandIn {
  readonly #variables: Readonly<Record<string, string>>;
  readonly #log: Logger;
  readonly #timer: NodeJS.Timeout | undefined;
  #heardAt = performance.now();
  /** Most workers never need one. */
  #notifier: Promise<Notifier> | undefined;
  #stands = false;

  /** @param variables of a service manager, see StartOrder; without a watchdog there is nothing to do */
  constructor(variables: Readonly<Record<string, string>>, log: Logger) {
    this.#variables = variables;
    this.#log = log;
    const watchdogMs = Number(variables.WATCHDOG_USEC ?? '0') / 1000;
    if (watchdogMs === 0) return;
    this.#timer = setInterval(() => {
      const silent = performance.now() - this.#heardAt > watchdogMs / 2;
      if (silent && isWaitingForDisk(process.ppid)) void this.#tell();
    }, watchdogMs / LOOKS_PER_WATCHDOG);
    // An ending worker is not kept by it.
    this.#timer.unref();
  }

  /** To be called at every sign of life of the supervisor. */
  heard(): void {
    this.#heardAt = performance.now();
    this.#stands = false;
  }

  close(): void {
    clearInterval(this.#timer);
  }

  async #tell(): Promise<void> {
    if (!this.#stands) {
      this.#log.warning('The supervisor waits for the disk of its log: its workers answer the watchdog', {
        event: 'hung',
      });
    }
    this.#stands = true;
    this.#notifier ??= openNotifier({ ...this.#variables }, (text) => {
      this.#log.warning(text, { event: 'watchdog' });
    });
    (await this.#notifier).watchdog();
  }
}
