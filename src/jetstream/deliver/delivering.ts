/** Deliver mode: data files of the stream are put into a directory, by any number of deliverers. */
import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { assign } from './assignment.ts';
import { Colleagues } from './colleagues.ts';
import { ConsumerWatch } from './consumer-watch.ts';
import { Delivery } from './delivery.ts';
import type { ClusterSurroundings } from '../jetstream-service.ts';
import { type Member, Members } from './members.ts';
import { PARTITIONS } from '../names.ts';
import { Partition } from './partition.ts';
import { finishPrepared } from './recovery.ts';
import { StuckConsumers } from './stuck-consumer.ts';
import { count } from '../../log/count.ts';
import { reasonOf } from '../../log/errno.ts';
import { OnceAMinute } from '../../log/once-a-minute.ts';
import { printable } from '../../log/printable.ts';
import { GrowingPause, type PauseLimits } from '../../proxy/growing-pause.ts';
import type { Conversation, Service } from '../../server/service.ts';
import type { DeliverMode } from '../../settings/settings.ts';
import { DeliveredJournal, unfinishedIn } from '../../store/delivered-journal.ts';
import { DirectoryStore } from '../../store/directory-store.ts';
import { fullWarning } from '../../store/file-limit.ts';

/** While the disk takes nothing. */
const DISK = { firstMs: 1000, longestMs: 30_000 };

/** Otherwise than usual, for tests. */
export interface DeliveringOptions {
  /** How long a file waits for another one of its name to be taken away, in milliseconds. */
  readonly patienceMs?: number;
  /** While the disk takes nothing, or the bytes of a file do not come. */
  readonly retry?: PauseLimits;
  /** After how long without a message a partition is looked at, and for how long it must be stuck, in milliseconds. */
  readonly quietMs?: number;
}

export class Delivering implements Service {
  readonly #mode: DeliverMode;
  readonly #around: ClusterSurroundings;
  readonly #options: DeliveringOptions;
  readonly #store: DirectoryStore;
  readonly #rejected: DirectoryStore;
  readonly #members: Members;
  readonly #watch: ConsumerWatch;
  readonly #stopping = new AbortController();
  readonly #doubles: OnceAMinute;
  #partitions: readonly Partition[] = [];
  #own: ReadonlySet<number> = new Set();
  #delivering: Promise<void> | undefined;
  #finished: Promise<void> | undefined;
  #onCut: () => void = () => undefined;
  readonly #cut = new Promise<void>((resolve) => (this.#onCut = resolve));

  constructor(mode: DeliverMode, around: ClusterSurroundings, options: DeliveringOptions = {}) {
    const { spool } = mode;
    const { cluster, log, elsewhere } = around;
    this.#mode = mode;
    this.#around = around;
    this.#options = options;
    this.#store = new DirectoryStore(spool, elsewhere, fullWarning(spool.maxFiles, log));
    const rejected = { ...spool, directory: `${spool.directory}/rejected`, overwrite: false, maxFiles: 0 };
    this.#rejected = new DirectoryStore(rejected, elsewhere);
    this.#watch = new ConsumerWatch(cluster, log);
    this.#doubles = new OnceAMinute(() => undefined);
    // Each partition waits for its end.
    setMaxListeners(0, this.#stopping.signal);
    this.#members = new Members({
      cluster,
      directory: spool.directory,
      onChange: (members) => {
        this.#balance(members);
      },
      onDouble: (other) => {
        this.#tellDouble(other);
      },
    });
  }

  /** Nobody listens in this mode. */
  begin(): Conversation {
    throw new Error('mode deliver takes no clients');
  }

  async clean(ending: AbortSignal): Promise<number> {
    const kept = await unfinishedIn(this.#mode.spool.directory);
    const removed = await this.#store.removeAbandoned(ending, kept);
    return removed + (await this.#rejected.removeAbandoned(ending, kept));
  }

  lead(): void {
    if (this.#finished !== undefined) return;
    this.#delivering ??= this.#deliver();
  }

  finish(): Promise<void> {
    this.#finished ??= Promise.race([this.#finish(), this.#cut]);
    return this.#finished;
  }

  /** What was not acknowledged is given out again. */
  cut(): void {
    this.#stopping.abort();
    this.#onCut();
    void this.#members.close().then(() => this.#around.cluster.close());
  }

  async #finish(): Promise<void> {
    this.#stopping.abort();
    await this.#delivering;
    await this.#members.close();
  }

  /** From the journal of the run before to the end of the last message in work. */
  async #deliver(): Promise<void> {
    const { signal } = this.#stopping;
    const journal = await this.#openJournal();
    if (journal === undefined) return;
    let colleagues: Colleagues | undefined;
    try {
      await finishPrepared({ ...this.#around, journal, directory: this.#mode.spool.directory, signal });
      colleagues = this.#colleaguesOf(journal);
      this.#partitions = this.#makePartitions(journal, colleagues);
      if (!signal.aborted) this.#members.speak();
      if (!signal.aborted)
        await new Promise((resolve) => {
          signal.addEventListener('abort', resolve, { once: true });
        });
      await Promise.all(this.#partitions.map((partition) => partition.idle()));
    } finally {
      colleagues?.close();
      await journal.close();
    }
  }

  /** Undefined when it stops before the disk is well. */
  async #openJournal(): Promise<DeliveredJournal | undefined> {
    const { signal } = this.#stopping;
    const pause = new GrowingPause(this.#options.retry ?? DISK);
    const told = new OnceAMinute(() => undefined);
    while (!signal.aborted) {
      try {
        return await DeliveredJournal.open(this.#mode.spool.directory);
      } catch (cause) {
        const text = `Nothing can be delivered to ${this.#mode.spool.directory}: ${reasonOf(cause)}; trying again`;
        if (told.take()) this.#around.log.error(text, { event: 'delivery', outcome: 'not delivered' });
        pause.begin();
        await sleep(pause.leftMs, undefined, { signal }).catch(() => undefined);
      }
    }
    return undefined;
  }

  #colleaguesOf(journal: DeliveredJournal): Colleagues {
    return new Colleagues({
      cluster: this.#around.cluster,
      journal,
      instance: this.#members.self.instance,
      others: () => this.#members.others.length,
    });
  }

  #makePartitions(journal: DeliveredJournal, colleagues: Colleagues): readonly Partition[] {
    const { cluster, log } = this.#around;
    const { signal } = this.#stopping;
    const { patienceMs, retry } = this.#options;
    const { spool } = this.#mode;
    const stores = { store: this.#store, rejected: this.#rejected };
    const stuck = new StuckConsumers(cluster, log, this.#options.quietMs);
    const delivery = new Delivery({
      cluster,
      log,
      spool,
      ...stores,
      journal,
      colleagues,
      signal,
      patienceMs,
    });
    const options = {
      ...{ cluster, delivery, signal, retry },
      disk: new GrowingPause(retry ?? DISK),
      onNobody: async (partition: number) => {
        const pauseMs = await this.#watch.look(partition);
        await sleep(pauseMs, undefined, { signal }).catch(() => undefined);
      },
      onAnswer: () => {
        this.#watch.isThere();
      },
      onQuiet: (partition: number) => stuck.look(partition),
      quietMs: this.#options.quietMs,
    };
    return Array.from({ length: PARTITIONS }, (_, number) => new Partition(number, options));
  }

  #balance(members: readonly string[]): void {
    const before = this.#own;
    this.#own = assign(members, PARTITIONS).get(this.#members.self.id) ?? new Set();
    this.#members.has(this.#own.size);
    for (const [number, partition] of this.#partitions.entries()) {
      if (this.#own.has(number)) partition.take();
      else partition.giveUp();
    }
    const took = [...this.#own].filter((number) => !before.has(number)).length;
    const gave = [...before].filter((number) => !this.#own.has(number)).length;
    const hosts = this.#members.others.map(({ host }) => printable(host)).sort();
    const beside =
      hosts.length === 0 ? 'alone' : `beside ${count(hosts.length, 'other deliverer')} (${hosts.join(', ')})`;
    this.#around.log.notice(
      `Delivers ${String(this.#own.size)} of ${String(PARTITIONS)} partitions, ${beside}: took ${String(took)}, gave up ${String(gave)}`,
      { event: 'balanced', partitions: this.#own.size, took, gave },
    );
  }

  /** Both would keep one journal, and neither would know what the other delivered. */
  #tellDouble({ host, directory, instance }: Member): void {
    if (!this.#doubles.take()) return;
    const text = `Another deliverer on ${printable(host)} puts files into ${printable(directory)}, too (${printable(instance)}): stop one of them`;
    this.#around.log.error(text, { event: 'delivery', outcome: 'double' });
  }
}
