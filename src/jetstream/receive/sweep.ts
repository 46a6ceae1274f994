/** Removes what nobody can reach any more: bodies without a message, chunks without a file, old marks of deleted files. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Bucket, type Stored } from '../bucket.ts';
import type { Cluster } from '../cluster.ts';
import { readHeaders } from '../data-file.ts';
import { bodiesBucket, bucketOf, dataSubject, nameOfBody } from '../names.ts';
import { removeMarks, removeOrphans } from './upkeep.ts';
import { count } from '../../log/count.ts';
import type { Logger } from '../../log/logger.ts';
import type { Filter } from '../../settings/settings.ts';

const HOUR_MS = 3_600_000;
/** Of several servers, none begins when another does. */
const FIRST_MS = HOUR_MS / 6;
/** What is younger may belong to a transfer that is under way, or is queued. */
const YOUNG_MS = HOUR_MS;
/** So long a mark tells those who were away that a file was deleted. */
const MARKS_MS = 7 * 24 * HOUR_MS;

export interface SweepLimits {
  /** In milliseconds, as the next. */
  readonly youngMs: number;
  readonly marksMs: number;
}

/** What was removed. */
export interface Swept {
  readonly bodies: number;
  readonly chunks: number;
  readonly marks: number;
}

interface Place {
  readonly cluster: Cluster;
  /** Those whose directories have buckets. */
  readonly filters: readonly Pick<Filter, 'directory'>[];
  /** Ends it half-way: the next sweep goes on. */
  readonly signal?: AbortSignal;
}

/** @throws JetStreamAway */
export async function sweep(
  { cluster, filters, signal }: Place,
  { youngMs, marksMs }: SweepLimits = { youngMs: YOUNG_MS, marksMs: MARKS_MS },
): Promise<Swept> {
  const { stream } = cluster.settings;
  const bodies = new Bucket(cluster, bodiesBucket(stream));
  const directories = new Set(filters.map(({ directory }) => directory).filter((name) => name !== ''));
  const buckets = [...directories].map((directory) => new Bucket(cluster, bucketOf(stream, directory)));
  const found = { bodies: 0, chunks: 0, marks: 0 };
  const now = await newest(cluster, [stream, bodies.stream, ...buckets.map((bucket) => bucket.stream)]);
  for (const stored of await bodies.list()) {
    if (signal?.aborted === true) return found;
    if (!(await isOld(bodies, stored, now - youngMs)) || (await isWanted(cluster, stored))) continue;
    await bodies.remove(stored);
    found.bodies++;
  }
  for (const bucket of [bodies, ...buckets]) {
    if (signal?.aborted === true) return found;
    found.chunks += await removeOrphans(cluster, bucket, { now, leastMs: youngMs });
    // Names of bodies never come again.
    const leastMs = bucket === bodies ? youngMs : marksMs;
    found.marks += await removeMarks(cluster, bucket, { now, leastMs });
  }
  return found;
}

/**
 * When the servers stored the last message of any of these: their clock, as far as it went. The one of this host may be
 * hours ahead, and then transfers under way would be swept. Milliseconds since the epoch.
 */
async function newest(cluster: Cluster, streams: readonly string[]): Promise<number> {
  const times = await Promise.all(
    streams.map(async (stream) => {
      const { state } = await cluster.use(({ jsm }) => jsm.streams.info(stream));
      return Date.parse(state.last_ts);
    }),
  );
  return Math.max(...times);
}

async function isOld(bodies: Bucket, { name, revision }: Stored, beforeMs: number): Promise<boolean> {
  const storedMs = await bodies.timeOf(name, revision);
  return storedMs !== undefined && storedMs <= beforeMs;
}

/** Whether a message of the stream refers to it. */
async function isWanted(cluster: Cluster, { name: object }: Stored): Promise<boolean> {
  const { stream } = cluster.settings;
  const subject = dataSubject(stream, nameOfBody(object));
  for (let seq = 1; ;) {
    const wanted = { seq, next_by_subj: subject };
    // By the leader: whoever was cut off for long, and comes back, may not know of the message yet.
    const message = await cluster.use(({ jsm }) => jsm.streams.getMessage(stream, wanted));
    if (message === null) return false;
    const file = readHeaders(subject, message.header, { storedAt: 0, size: 0 });
    if (file.object === object) return true;
    seq = message.seq + 1;
  }
}

/** Sweeps again and again, as long as nobody says otherwise. */
export class Sweep {
  readonly #cluster: Cluster;
  readonly #filters: readonly Filter[];
  readonly #log: Logger;
  readonly #stopping = new AbortController();
  #running: Promise<void> = Promise.resolve();

  constructor(cluster: Cluster, filters: readonly Filter[], log: Logger) {
    this.#cluster = cluster;
    this.#filters = filters;
    this.#log = log;
  }

  /** To be called once. */
  start(): void {
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    let ms = FIRST_MS * (1 + Math.random());
    while (await this.#rested(ms)) {
      await this.#once();
      ms = HOUR_MS;
    }
  }

  /** Whether it is to go on after so many milliseconds. */
  async #rested(ms: number): Promise<boolean> {
    const { signal } = this.#stopping;
    await sleep(ms, undefined, { signal, ref: false }).catch(() => undefined);
    return !signal.aborted;
  }

  async #once(): Promise<void> {
    try {
      const { bodies, chunks, marks } = await sweep({
        cluster: this.#cluster,
        filters: this.#filters,
        signal: this.#stopping.signal,
      });
      if (bodies + chunks + marks === 0) return;
      const text = `Swept JetStream: ${count(bodies, 'body')} without a message, ${count(chunks, 'unfinished file')}, ${count(marks, 'old mark')} of deleted files`;
      this.#log.event(text, { event: 'swept' });
    } catch (cause) {
      this.#log.detail(`JetStream not swept: ${(cause as Error).message}`, { event: 'swept' });
    }
  }
}
