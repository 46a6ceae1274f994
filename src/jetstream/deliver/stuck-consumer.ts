/** Finds messages that their consumer gives to nobody, as after a crash of all NATS servers at once, and makes it anew. */
import { absentAs, partitionConsumer } from '../setup/setup.ts';
import { CODES } from '../away.ts';
import type { Cluster } from '../cluster.ts';
import { consumerName, partitionSubject } from '../names.ts';
import type { Logger } from '../../log/logger.ts';
import { monotonicMs } from '../../protocol/timer.ts';

/** Longer than a message can be somebody else's, and than leaders are elected. */
const STUCK_MS = 30_000;

interface Seen {
  readonly sequence: number;
  readonly sinceMs: number;
}

export class StuckConsumers {
  readonly #cluster: Cluster;
  readonly #log: Logger;
  readonly #stuckMs: number;
  /** The first message of each partition that gave none. */
  readonly #seen = new Map<number, Seen>();

  constructor(cluster: Cluster, log: Logger, stuckMs = STUCK_MS) {
    this.#cluster = cluster;
    this.#log = log;
    this.#stuckMs = stuckMs;
  }

  /**
   * To be called now and then while a partition gives nothing. A consumer that is made anew begins with the first message
   * that is there; what was delivered and not acknowledged is known by the journal. Never throws.
   */
  async look(partition: number): Promise<void> {
    try {
      const sequence = await this.#first(partition);
      const seen = this.#seen.get(partition);
      if (sequence === undefined) this.#seen.delete(partition);
      else if (seen?.sequence !== sequence) this.#seen.set(partition, { sequence, sinceMs: monotonicMs() });
      else if (monotonicMs() - seen.sinceMs >= this.#stuckMs) await this.#renew(partition);
    } catch {
      // Without an answer nothing is known; the log has it from the cluster.
    }
  }

  async #first(partition: number): Promise<number | undefined> {
    const { stream } = this.#cluster.settings;
    const wanted = { seq: 1, next_by_subj: partitionSubject(stream, partition) };
    const found = await this.#cluster.use(({ jsm }) => jsm.streams.getMessage(stream, wanted));
    return found?.seq;
  }

  async #renew(partition: number): Promise<void> {
    const { settings } = this.#cluster;
    const name = consumerName(partition);
    const text = `Files wait, and consumer ${name} of stream ${settings.stream} gives none of them: it is made anew`;
    this.#log.warning(text, { event: 'jetstream' });
    await this.#cluster.use(async ({ jsm }) => {
      await absentAs(false, jsm.consumers.delete(settings.stream, name), CODES.consumerNotFound);
      await jsm.consumers.add(settings.stream, partitionConsumer(settings, partition));
    });
    // Where it was not made, for want of an answer, the next look tries again.
    this.#seen.delete(partition);
  }
}
