/** What becomes of one message: whether its file is to be placed, and what is to be done where that failed. */
import { isAway } from '../away.ts';
import type { Cluster } from '../cluster.ts';
import { type Colleagues, isDelivered } from './colleagues.ts';
import { type DataFile, readHeaders } from '../data-file.ts';
import { type Job, NotSure, type Outcome } from './job.ts';
import { Placing, type PlacingOptions } from './placing.ts';
import { bodyInBucket, bodyInMessage, BodyLost } from './stored-body.ts';
import { reasonOf } from '../../log/errno.ts';
import { printable } from '../../log/printable.ts';
import { Refusal } from '../../protocol/errors.ts';
import { monotonicMs } from '../../protocol/timer.ts';
import { DiskTroubles } from '../../server/disk-troubles.ts';

export interface DeliveryOptions extends Omit<PlacingOptions, 'cluster' | 'troubles'> {
  readonly cluster: Cluster;
  readonly colleagues: Pick<Colleagues, 'haveDelivered'>;
}

/** So often an object may be missing until it is lost: with growing pauses, that takes some two minutes. */
const MISSES = 8;
export class Delivery {
  readonly #options: DeliveryOptions;
  readonly #troubles: DiskTroubles;
  readonly #placing: Placing;
  /** How often bodies were missing, by the messages' keys. */
  readonly #misses = new Map<string, number>();

  constructor(options: DeliveryOptions) {
    this.#options = options;
    this.#troubles = new DiskTroubles(options.log, 'attempt');
    this.#placing = new Placing({ ...options, troubles: this.#troubles });
  }

  /** Never throws. */
  async deliver(job: Job): Promise<Outcome> {
    const { message } = job;
    const { subject, headers, data, storedMs: storedAt } = message;
    const file = readHeaders(subject, headers, { storedAt, size: data.length });
    try {
      const { cluster } = this.#options;
      if (await this.#isDelivered(file, job)) {
        job.acknowledge(file.object);
        return 'settled';
      }
      const body = file.object === undefined ? bodyInMessage(data) : await bodyInBucket(cluster, file.object);
      const outcome = await this.#placing.place({ job, file, body, startMs: monotonicMs() });
      this.#misses.delete(message.key);
      return outcome;
    } catch (error) {
      return this.#judge(error, file, job);
    }
  }

  /** By this message, which was not acknowledged then, or by an earlier one; here, or by another deliverer. */
  async #isDelivered({ name, id, queued }: DataFile, job: Job): Promise<boolean> {
    const { journal, colleagues, log, cluster } = this.#options;
    const question = { key: job.message.key, id, queued };
    const isOurs = isDelivered(journal, question, cluster.settings.duplicateWindowMs);
    if (!isOurs && !((job.isInDoubt || queued) && (await colleagues.haveDelivered(question)))) return false;
    log.detail(`File '${printable(name)}' was delivered before: only acknowledged`, {
      event: 'delivery',
      outcome: 'delivered before',
    });
    return true;
  }

  #judge(error: unknown, file: DataFile, job: Job): Outcome {
    if (error instanceof NotSure || (error instanceof Refusal && error.cause instanceof NotSure)) {
      const text = `File '${printable(file.name)}' is left to another attempt: its time was over`;
      this.#options.log.detail(text, { event: 'delivery', outcome: 'left' });
      return 'dropped';
    }
    if (isAway(error)) return 'away';
    if (error instanceof BodyLost) return this.#missing(error, file, job);
    const refusal =
      error instanceof Refusal
        ? error
        : new Refusal('cannot store file', reasonOf(error), { cause: error as Error });
    this.#failed(refusal, file);
    return 'disk';
  }

  #failed(refusal: Refusal, { name }: DataFile): void {
    const text = `File '${printable(name)}' cannot be delivered (${refusal.reason}): ${printable(refusal.message)}`;
    const write = this.#troubles.take(refusal) ? this.#options.log.error : this.#options.log.detail;
    write(`${text}; it is tried again`, { event: 'delivery', outcome: 'not delivered' });
  }

  #missing(error: BodyLost, { name, size, object }: DataFile, { message, terminate }: Job): Outcome {
    const misses = (this.#misses.get(message.key) ?? 0) + 1;
    this.#misses.set(message.key, misses);
    const what = `File '${printable(name)}' size ${String(size)}b (message ${String(message.sequence)} of the stream)`;
    const why = printable(error.message);
    const { log } = this.#options;
    if (misses < MISSES) {
      const write = misses === 1 ? log.error : log.detail;
      const text = `${what} cannot be delivered: ${why}; it is tried again`;
      write(text, { event: 'delivery', outcome: 'not delivered' });
      return 'body';
    }
    this.#misses.delete(message.key);
    log.error(`${what} is lost: ${why}; its message is removed, for the others behind it`, {
      event: 'delivery',
      outcome: 'lost',
      file: printable(name),
      object: printable(object ?? ''),
    });
    terminate();
    return 'settled';
  }
}
