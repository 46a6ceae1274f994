/** Files on JetStream: data in the stream, what filters name in buckets. */
import { randomUUID } from 'node:crypto';
import { JetStreamAway, reasonFor } from '../away.ts';
import { IncomingBody, type IncomingBodyOptions, MemoryBudget } from './incoming-body.ts';
import { Bucket, Conflict } from '../bucket.ts';
import type { BucketCache } from './bucket-cache.ts';
import type { Cluster } from '../cluster.ts';
import { type Announcer, DataStream, type Publication, type Waiting } from '../data-stream.ts';
import { bodiesBucket, bodyName, bucketOf, fileId } from '../names.ts';
import { printable } from '../../log/printable.ts';
import type { Remote } from './queueing-store.ts';
import { FileChanged, Refusal } from '../../protocol/errors.ts';
import type { PublishMode } from '../../settings/settings.ts';
import { persist } from './patience.ts';
import { demand, route } from '../../store/routing.ts';
import type { Incoming, Origin, Outgoing } from '../../store/store.ts';

/** All files in progress of a worker together. Bytes. */
const MEMORY = 64 * 1024 * 1024;
/** Of a message, for its subject and headers. Bytes. */
const HEADERS = 16 * 1024;
/** Larger files of a bucket are passed on as they come. Bytes. */
const MOST_KEPT = 128 * 1024;

export interface JetStreamStoreOptions {
  readonly cluster: Cluster;
  readonly cache: BucketCache;
  readonly announcer: Announcer;
  readonly mode: Pick<PublishMode, 'filters' | 'overwrite'>;
  /** How long an attempt to store something waits for the quorum, in milliseconds. */
  readonly patienceMs: number;
  /** Whether what is received waited in a queue. */
  readonly queued?: boolean;
}

interface Put {
  readonly name: string;
  readonly bytes: ReadableStream<Uint8Array>;
  readonly replaces: number | undefined;
  /** What all of it has, in base64url; undefined where it is not known yet. */
  readonly sha256: () => string | undefined;
}

/** Beside refusals it throws JetStreamAway, when the cluster cannot say: then a file may be stored, or not. */
export class JetStreamStore implements Remote {
  readonly #options: JetStreamStoreOptions;
  readonly #stream: DataStream;
  readonly #bodies: Bucket;
  readonly #budget = new MemoryBudget(MEMORY);

  constructor(options: JetStreamStoreOptions) {
    const { cluster } = options;
    this.#options = options;
    this.#stream = new DataStream(cluster);
    this.#bodies = new Bucket(cluster, bodiesBucket(cluster.settings.stream));
  }

  demand(name: string): void {
    this.#directoryOf(name, 'w');
  }

  receive(name: string, _size: number, from?: Origin): Promise<Incoming> {
    const directory = this.#directoryOf(name, 'w');
    if (directory !== '') return this.#receiveObject(this.#bucket(directory), name);
    return Promise.resolve(this.#receiveData(name, from));
  }

  async open(name: string, purpose: 'read' | 'move' = 'read'): Promise<Outgoing> {
    const directory = this.#directoryOf(name, purpose === 'move' ? 'rw' : 'r');
    if (directory === '') return this.#openData(name);
    const bucket = this.#bucket(directory);
    if (purpose === 'read') return this.#options.cache.open(bucket, name);
    const stored = await bucket.latest(name);
    if (stored === undefined || stored.deleted) throw new Refusal('file does not exist');
    return {
      size: stored.size,
      content: () => bucket.content(stored),
      remove: async () => {
        const removed = await isDone(bucket.remove(stored));
        this.#options.cache.forget(bucket, name);
        return removed;
      },
      close: () => Promise.resolve(),
    };
  }

  async list(name: string): Promise<string[]> {
    const directory = this.#directoryOf(name, 'r');
    const names =
      directory === ''
        ? await this.#stream.list()
        : (await this.#bucket(directory).list()).map((stored) => stored.name);
    return names.sort();
  }

  /** @throws Refusal when clients may not do there what needs these permissions */
  #directoryOf(name: string, needed: 'r' | 'w' | 'rw'): string {
    const place = route(name, this.#options.mode.filters);
    demand(needed, place);
    return place.directory;
  }

  #bucket(directory: string): Bucket {
    const { cluster } = this.#options;
    return new Bucket(cluster, bucketOf(cluster.settings.stream, directory));
  }

  #body(most: number, pour: IncomingBodyOptions['pour']): IncomingBody {
    return new IncomingBody({ most, budget: this.#budget, pour });
  }

  #receiveData(name: string, from: Origin | undefined): Incoming {
    const { cluster, mode, patienceMs, queued = false } = this.#options;
    const object = bodyName(name, randomUUID());
    const body = this.#body(cluster.maxPayload - HEADERS, async (bytes) => {
      await this.#bodies.put(object, bytes, { replaces: 0 });
    });
    return incoming(name, body, async () => {
      const whole = await body.end();
      const isObject = whole.kind === 'poured';
      const file: Publication['file'] = {
        name,
        id: fileId(name, whole.sha256),
        size: body.size,
        from,
        receivedAt: Date.now(),
        object: isObject ? object : undefined,
        queued,
      };
      const data = isObject ? Buffer.alloc(0) : whole.bytes;
      const publication = { file, data, overwrite: mode.overwrite };
      // Once nobody could say, an attempt may have stored it: then its body is needed, else the sweep finds it.
      const attempt = { isSure: true };
      const isNeeded = (): boolean => !isObject || !attempt.isSure;
      try {
        const done = await persist(patienceMs, (ms) => this.#publish(publication, ms, attempt));
        if (done === 'repeated' && !isNeeded()) await this.#dropBody(object);
      } catch (cause) {
        if (!isNeeded()) await this.#dropBody(object);
        throw cause;
      }
    });
  }

  async #publish(
    publication: Publication,
    ms: number,
    attempt: { isSure: boolean },
  ): Promise<'stored' | 'repeated'> {
    try {
      return await this.#stream.publish(publication, this.#options.announcer, ms);
    } catch (cause) {
      if (cause instanceof JetStreamAway) attempt.isSure = false;
      throw cause;
    }
  }

  /** Never throws: what is left, the sweep finds. */
  async #dropBody(object: string): Promise<void> {
    try {
      const stored = await this.#bodies.latest(object);
      if (stored !== undefined && !stored.deleted) await this.#bodies.remove(stored);
    } catch {
      // Left for the sweep.
    }
  }

  /** Refuses early what is bound to fail, before the peer sends a byte; what waited in a queue may be there already. */
  async #receiveObject(bucket: Bucket, name: string): Promise<Incoming> {
    const { mode, patienceMs, queued = false } = this.#options;
    const before = mode.overwrite ? undefined : await bucket.latest(name);
    if (before?.deleted === false && !queued) throw new Refusal('file already exists');
    // What is there of that name wins, unless it was deleted.
    const revision = before?.deleted === false ? 0 : (before?.revision ?? 0);
    const replaces = mode.overwrite ? undefined : revision;
    const put = (bytes: ReadableStream<Uint8Array>): Promise<void> =>
      this.#put(bucket, { name, bytes, replaces, sha256: () => body.sha256?.toString('base64url') });
    const body = this.#body(MOST_KEPT, put);
    return incoming(name, body, async () => {
      const whole = await body.end();
      if (whole.kind !== 'kept') return;
      await persist(patienceMs, () => put(ReadableStream.from<Uint8Array>([whole.bytes])));
    });
  }

  /** @throws Refusal when there is another file of that name; what Bucket.put() throws */
  async #put(bucket: Bucket, { name, bytes, replaces, sha256 }: Put): Promise<void> {
    const { cache } = this.#options;
    try {
      cache.changed(bucket, await bucket.put(name, bytes, { replaces }));
    } catch (cause) {
      if (!(cause instanceof Conflict)) throw cause;
      // An attempt that was not answered may have stored it.
      const there = await bucket.latest(name);
      const own = sha256();
      if (own === undefined || there?.sha256 !== own) throw new Refusal('file already exists');
    }
  }

  async #openData(name: string): Promise<Outgoing> {
    const waiting = await this.#stream.look(name);
    if (waiting === undefined) throw new Refusal('file does not exist');
    return {
      size: waiting.file.size,
      content: () => this.#contentOf(waiting),
      remove: async () => {
        const removed = await this.#stream.remove(waiting.sequence);
        const { object } = waiting.file;
        if (removed && object !== undefined) await this.#dropBody(object);
        return removed;
      },
      close: () => Promise.resolve(),
    };
  }

  async *#contentOf({ file, data }: Waiting): AsyncGenerator<Buffer, void, undefined> {
    if (file.object === undefined) {
      yield data;
      return;
    }
    const stored = await this.#bodies.latest(file.object);
    if (stored === undefined || stored.deleted)
      throw new FileChanged(`'${printable(file.name)}' was delivered while it was being sent`);
    yield* this.#bodies.content(stored);
  }
}

/** What the servers refuse becomes a refusal; only JetStreamAway is left to whoever uses the store. */
function incoming(name: string, body: IncomingBody, commit: () => Promise<void>): Incoming {
  const refused = (cause: unknown): unknown => {
    if (cause instanceof Refusal || cause instanceof JetStreamAway) return cause;
    const text = `JetStream does not take '${printable(name)}': ${(cause as Error).message}`;
    return new Refusal(reasonFor(cause), text, { cause });
  };
  return {
    write: async (chunk) => {
      try {
        await body.write(chunk);
      } catch (cause) {
        throw refused(cause);
      }
    },
    commit: async () => {
      try {
        await commit();
      } catch (cause) {
        throw refused(cause);
      }
    },
    discard: () => body.drop(),
  };
}

/** Whether it was the latest version that was removed. */
async function isDone(removing: Promise<void>): Promise<boolean> {
  try {
    await removing;
    return true;
  } catch (cause) {
    if (cause instanceof Conflict) return false;
    throw cause;
  }
}
