/** Keeps small files of buckets in memory, as long as a watch says that they are the latest: agents ask for theirs all the time. */
import type { Bucket, Stored } from '../bucket.ts';
import { BucketWatch } from '../bucket-watch.ts';
import { JetStreamAway } from '../away.ts';
import type { Cluster } from '../cluster.ts';
import { FileChanged, Refusal } from '../../protocol/errors.ts';
import type { Outgoing } from '../../store/store.ts';

/** Of contents and of what is known of each file, over all buckets. Bytes. */
const MOST_BYTES = 48 * 1024 * 1024;
/** Larger files are fetched each time. Bytes. */
const MOST_OF_ONE = 16 * 1024;
/** What an entry takes beside its content. Bytes. */
const OVERHEAD = 600;
/** A file that is replaced all the time is somebody's mistake. */
const MOST_ATTEMPTS = 5;
/** Changes that are remembered, should an answer be on its way that is older. */
const MOST_RECENT = 10_000;

/** What is known of a name. */
interface Entry {
  /** Undefined: there was never such a file. */
  readonly stored: Stored | undefined;
  readonly content: Buffer | undefined;
}

export class BucketCache {
  readonly #cluster: Cluster;
  readonly #mostBytes: number;
  readonly #watches = new Map<string, BucketWatch>();
  /** The least recently used first. */
  readonly #entries = new Map<string, Entry>();
  #bytes = 0;
  /** The latest revision of what changed lately, the oldest first. */
  readonly #recent = new Map<string, number>();
  readonly #fetching = new Map<string, Promise<Entry>>();
  #isClosed = false;

  constructor(cluster: Cluster, mostBytes = MOST_BYTES) {
    this.#cluster = cluster;
    this.#mostBytes = mostBytes;
  }

  /**
   * A file as it is now; while JetStream is away, as it was when it was last asked for.
   * @throws Refusal when there is none, or nobody knows
   */
  async open(bucket: Bucket, name: string): Promise<Outgoing> {
    const { stored, content } = await this.#find(bucket, name);
    if (stored === undefined || stored.deleted) throw new Refusal('file does not exist');
    return {
      size: stored.size,
      content: () => (content === undefined ? bucket.content(stored) : once(content)),
      remove: () => Promise.reject(new Error('a file that is only read is not removed')),
      close: () => Promise.resolve(),
    };
  }

  /** A version that is known to be there, from whomever. */
  changed(bucket: Bucket, stored: Stored): void {
    const key = keyOf(bucket, stored.name);
    if (stored.revision < (this.#recent.get(key) ?? 0)) return;
    this.#recent.delete(key);
    this.#recent.set(key, stored.revision);
    if (this.#recent.size > MOST_RECENT) {
      const [oldest = ''] = this.#recent.keys();
      this.#recent.delete(oldest);
    }
    // Whoever asks from now on is not to get the answer to an earlier question.
    this.#fetching.delete(key);
    this.#drop(key);
  }

  /** Whatever is known of it is in doubt. */
  forget(bucket: Bucket, name: string): void {
    this.#drop(keyOf(bucket, name));
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all([...this.#watches.values()].map((watch) => watch.close()));
  }

  async #find(bucket: Bucket, name: string): Promise<Entry> {
    const key = keyOf(bucket, name);
    const known = this.#entries.get(key);
    if (known !== undefined && this.#watch(bucket).isLive) {
      this.#entries.delete(key);
      this.#entries.set(key, known);
      return known;
    }
    try {
      return await this.#fetch(bucket, name);
    } catch (cause) {
      if (!(cause instanceof JetStreamAway)) throw cause;
      if (known !== undefined && (known.content !== undefined || known.stored === undefined)) return known;
      throw new Refusal('file does not exist', `JetStream is away: ${cause.message}`);
    }
  }

  /** Once, however many ask at the same time. */
  #fetch(bucket: Bucket, name: string): Promise<Entry> {
    const key = keyOf(bucket, name);
    const known = this.#fetching.get(key);
    if (known !== undefined) return known;
    const fetching = this.#ask(bucket, name);
    this.#fetching.set(key, fetching);
    const end = (): void => {
      if (this.#fetching.get(key) === fetching) this.#fetching.delete(key);
    };
    fetching.then(end, end);
    return fetching;
  }

  async #ask(bucket: Bucket, name: string): Promise<Entry> {
    // What is asked before the watch lives is not kept: it might miss the change that comes in between.
    const { isLive } = this.#watch(bucket);
    const key = keyOf(bucket, name);
    const entry = await look(bucket, name, this.#recent.get(key) ?? 0);
    // One that answers late may know less than the watch.
    if (isLive && (entry.stored?.revision ?? 0) >= (this.#recent.get(key) ?? 0)) this.#keep(key, entry);
    return entry;
  }

  #watch(bucket: Bucket): BucketWatch {
    const known = this.#watches.get(bucket.name);
    if (known !== undefined) return known;
    const watch = new BucketWatch(this.#cluster, bucket, {
      onChange: (stored) => {
        this.changed(bucket, stored);
      },
      onBegin: () => {
        this.#empty(bucket);
      },
    });
    this.#watches.set(bucket.name, watch);
    if (this.#isClosed) void watch.close();
    return watch;
  }

  #empty(bucket: Bucket): void {
    const start = keyOf(bucket, '');
    for (const key of [...this.#entries.keys()]) if (key.startsWith(start)) this.#drop(key);
    for (const key of [...this.#recent.keys()]) if (key.startsWith(start)) this.#recent.delete(key);
  }

  #keep(key: string, entry: Entry): void {
    this.#drop(key);
    this.#entries.set(key, entry);
    this.#bytes += weightOf(entry);
    for (const [oldest] of this.#entries) {
      if (this.#bytes <= this.#mostBytes) break;
      this.#drop(oldest);
    }
  }

  #drop(key: string): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    this.#entries.delete(key);
    this.#bytes -= weightOf(entry);
  }
}

/** Names of buckets have no slash. */
function keyOf(bucket: Bucket, name: string): string {
  return `${bucket.name}/${name}`;
}

function weightOf({ content }: Entry): number {
  return OVERHEAD + (content?.length ?? 0);
}

/** @param least the revision that is known to be there */
async function look(bucket: Bucket, name: string, least: number): Promise<Entry> {
  for (let attempt = 1; ; attempt++) {
    const first = await bucket.look(name);
    // Whoever answered may have missed what came lately.
    const isSure = first?.deleted === false && first.revision >= least;
    const stored = isSure ? first : await bucket.latest(name);
    if (stored === undefined || stored.deleted || stored.size > MOST_OF_ONE)
      return { stored, content: undefined };
    try {
      return { stored, content: await joined(bucket.content(stored)) };
    } catch (cause) {
      // It was replaced in between: the next look finds what took its place.
      if (!(cause instanceof FileChanged) || attempt === MOST_ATTEMPTS) throw cause;
    }
  }
}

async function joined(content: AsyncIterable<Buffer>): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of content) parts.push(part);
  return Buffer.concat(parts);
}

// eslint-disable-next-line @typescript-eslint/require-await -- the shape of every other content
async function* once(bytes: Buffer): AsyncGenerator<Buffer, void, undefined> {
  yield bytes;
}
