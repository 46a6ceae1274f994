/** Knows whether JetStream takes files, so that nobody waits for it in vain, and tells the log when that changes. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { JetStreamAway } from '../away.ts';
import type { Cluster } from '../cluster.ts';
import { duration } from '../../log/count.ts';
import type { Logger } from '../../log/logger.ts';
import { printable } from '../../log/printable.ts';
import { monotonicMs } from '../../protocol/timer.ts';
import { Waiters } from '../../protocol/waiters.ts';

/** Between two questions while it is away. */
const PROBE_MS = 500;
/** Elections come and go without anybody noticing: only what lasts longer is told. */
const TOLD_AFTER_MS = 1000;

export class Quorum {
  readonly #cluster: Cluster;
  readonly #log: Logger;
  /** What becomes of files meanwhile, for the log. */
  readonly #meanwhile: string;
  readonly #waiting = new Waiters();
  #probing: Promise<void> | undefined;
  #reason: string | undefined;
  #isClosed = false;

  constructor(cluster: Cluster, log: Logger, meanwhile: string) {
    this.#cluster = cluster;
    this.#log = log;
    this.#meanwhile = meanwhile;
  }

  /** Why nothing can be stored right now, as far as is known; undefined: it can. */
  get trouble(): string | undefined {
    return this.#reason;
  }

  /** Somebody tried, and it was away. */
  lost({ message }: JetStreamAway): void {
    this.#reason = message;
    this.#probing ??= this.#probe(message);
  }

  /** Resolves when it is back, after so many milliseconds, or when the signal is aborted. */
  changed(ms: number, signal: AbortSignal): Promise<void> {
    return this.#waiting.wait(ms, signal);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#waiting.wake();
    await this.#probing;
  }

  /** Asks until it answers. */
  async #probe(reason: string): Promise<void> {
    const sinceMs = monotonicMs();
    let isTold = false;
    while (!this.#isClosed) {
      await sleep(PROBE_MS);
      const trouble = await this.#ask();
      if (trouble === undefined) break;
      this.#reason = trouble;
      if (isTold || monotonicMs() - sinceMs < TOLD_AFTER_MS) continue;
      isTold = true;
      const text = `JetStream is away: ${printable(reason)}; ${this.#meanwhile} until it is back`;
      this.#log.warning(text, { event: 'jetstream' });
    }
    // In the same breath: who loses it from now on must begin to ask again.
    this.#probing = undefined;
    if (this.#isClosed) return;
    this.#reason = undefined;
    if (isTold) {
      const after = duration(monotonicMs() - sinceMs);
      this.#log.notice(`JetStream is back after ${after}`, { event: 'jetstream' });
    }
    this.#waiting.wake();
  }

  /** Answered by the leader of the stream alone. */
  async #ask(): Promise<string | undefined> {
    try {
      await this.#cluster.use(({ jsm }) => jsm.streams.info(this.#cluster.settings.stream));
      return undefined;
    } catch (cause) {
      return (cause as Error).message;
    }
  }
}
