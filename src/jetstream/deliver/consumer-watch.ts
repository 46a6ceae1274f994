/** Finds out why nobody answers for a partition, and says what to do. */
import { apiCode, CODES } from '../away.ts';
import type { Cluster } from '../cluster.ts';
import { consumerName } from '../names.ts';
import type { Logger } from '../../log/logger.ts';
import { GrowingPause } from '../../proxy/growing-pause.ts';
import { monotonicMs } from '../../protocol/timer.ts';

/** A leader that goes is followed by another within seconds. */
const PAUSE = { firstMs: 250, longestMs: 10_000 };
/** Between two lines about the same. */
const QUIET_MS = 60_000;

export class ConsumerWatch {
  readonly #cluster: Cluster;
  readonly #log: Logger;
  readonly #pause = new GrowingPause(PAUSE);
  #looking: Promise<void> | undefined;
  #toldMs = -Infinity;
  #isTold = false;

  constructor(cluster: Cluster, log: Logger) {
    this.#cluster = cluster;
    this.#log = log;
  }

  /** Looks once for all who ask at a time. @returns how long to wait before the next question, in milliseconds */
  async look(partition: number): Promise<number> {
    this.#pause.begin();
    this.#looking ??= this.#look(partition).finally(() => {
      this.#looking = undefined;
    });
    await this.#looking;
    return this.#pause.leftMs;
  }

  /** Somebody answers. */
  isThere(): void {
    this.#pause.end();
    if (!this.#isTold) return;
    this.#isTold = false;
    this.#toldMs = -Infinity;
    this.#log.notice(`Stream ${this.#cluster.settings.stream} and its consumers are there again`, {
      event: 'jetstream',
    });
  }

  /** Never throws. */
  async #look(partition: number): Promise<void> {
    const { stream } = this.#cluster.settings;
    try {
      await this.#cluster.use(({ jsm }) => jsm.consumers.info(stream, consumerName(partition)));
    } catch (error) {
      const code = apiCode(error);
      if (code === CODES.streamNotFound) this.#tell(`stream ${stream} is not there`);
      else if (code === CODES.consumerNotFound)
        this.#tell(`consumer ${consumerName(partition)} of stream ${stream} is not there`);
    }
  }

  #tell(what: string): void {
    if (monotonicMs() < this.#toldMs + QUIET_MS) return;
    this.#toldMs = monotonicMs();
    this.#isTold = true;
    this.#log.error(`Nothing can be delivered: ${what}; make it with --setup-jetstream; trying again`, {
      event: 'jetstream',
    });
  }
}
