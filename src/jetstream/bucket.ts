/** Files of one directory as objects of a bucket: each appears whole, under its name, once (N3). */
import type { Consumer, StoredMsg } from '@nats-io/jetstream';
import type { ObjectInfo } from '@nats-io/obj';
import { createHash } from 'node:crypto';
import { apiCode, CODES, JetStreamAway } from './away.ts';
import type { Cluster } from './cluster.ts';
import { FileChanged } from '../protocol/errors.ts';

/** One version of a file. */
export interface Stored {
  /** As latin-1 (W1). */
  readonly name: string;
  /** Grows with each change in the bucket. */
  readonly revision: number;
  /** Whether it says that there is no such file any more. */
  readonly deleted: boolean;
  /** Bytes. */
  readonly size: number;
  /** SHA-256, in base64url; '' when deleted. */
  readonly sha256: string;
  /** When its content was last changed where it comes from, in milliseconds since the epoch. */
  readonly modifiedAt: number;
  /** When the servers heard of this version, in milliseconds since the epoch. */
  readonly storedAt: number;
  /** What its chunks are called. */
  readonly id: string;
  readonly chunks: number;
}

/** Somebody else created, changed or deleted it meanwhile. */
export class Conflict extends Error {
  override readonly name = 'Conflict';
}

export interface PutOptions {
  /** The revision that it must replace, deleted or not; 0: there was never one of its name; undefined: whichever. */
  readonly replaces?: number | undefined;
  /** Now, unless it says otherwise; milliseconds since the epoch. */
  readonly modifiedAt?: number | undefined;
}

/** Messages at a time, and how long to wait for the next ones, in milliseconds. */
const LISTING = { max_messages: 1000, expires: 3000 };
/** As the library cuts them. Bytes. */
const CHUNK = 128 * 1024;
const ID = /^[A-Za-z0-9_-]{1,64}$/;
const DIGEST = 'SHA-256=';
const MODIFIED = 'modified';

/** As the library writes it. */
type Info = Omit<ObjectInfo, 'revision'>;

/** A message that tells of a version. */
interface Announced {
  readonly subject: string;
  readonly seq: number;
  json(): unknown;
}

/** What is known of a file when all its chunks are there. */
interface Written {
  readonly size: number;
  readonly chunks: number;
  readonly digest: string;
}

export class Bucket {
  readonly name: string;
  readonly #cluster: Cluster;

  constructor(cluster: Cluster, name: string) {
    this.#cluster = cluster;
    this.name = name;
  }

  /** The stream that holds it. */
  get stream(): string {
    return `OBJ_${this.name}`;
  }

  /** What its files are announced on: one subject for each name. */
  get announcements(): string {
    return `$O.${this.name}.M.>`;
  }

  /** The latest version, also of a deleted file; undefined when there was never one. @throws JetStreamAway */
  async look(name: string): Promise<Stored | undefined> {
    const found = await this.#cluster.use(({ jsm }) =>
      jsm.direct.getMessage(this.stream, { last_by_subj: this.announcement(name) }),
    );
    return this.versionOf(found);
  }

  /**
   * The same, by who decides: of a hundred questions behind a change, others answered one or two as if it had not been, and
   * one that was cut off and comes back knows nothing for longer.
   * @throws JetStreamAway
   */
  async latest(name: string): Promise<Stored | undefined> {
    const found = await this.#cluster.use(({ jsm }) =>
      jsm.streams.getMessage(this.stream, { last_by_subj: this.announcement(name) }),
    );
    return this.versionOf(found);
  }

  /** When the servers stored this version, in milliseconds since the epoch; undefined when another is the latest. */
  async timeOf(name: string, revision: number): Promise<number | undefined> {
    const found = await this.#cluster.use(({ jsm }) =>
      jsm.streams.getMessage(this.stream, { last_by_subj: this.announcement(name) }),
    );
    return found?.seq === revision ? found.time.getTime() : undefined;
  }

  /** The first change at or after a revision; undefined when there is none yet. @throws JetStreamAway */
  async changeFrom(revision: number): Promise<Stored | undefined> {
    for (let from = revision; ;) {
      const seq = from;
      const found = await this.#cluster.use(({ jsm }) =>
        jsm.direct.getMessage(this.stream, { seq, next_by_subj: this.announcements }),
      );
      if (found === null) return undefined;
      const stored = this.versionOf(found);
      if (stored !== undefined) return stored;
      from = found.seq + 1;
    }
  }

  /** The revision that the next change will exceed, and when the bucket was made. @throws JetStreamAway */
  async end(): Promise<{ readonly revision: number; readonly created: string }> {
    const { state, created } = await this.#cluster.use(({ jsm }) => jsm.streams.info(this.stream));
    return { revision: state.last_seq, created };
  }

  /** All files that are there, in the order of their revisions. @throws JetStreamAway */
  async list(): Promise<Stored[]> {
    // Not the library's list(), which does not tell revisions.
    return this.#cluster.use(async ({ js }) => {
      const { DeliverPolicy } = this.#cluster.packages.jetstream;
      const wanted = { filter_subjects: this.announcements, deliver_policy: DeliverPolicy.LastPerSubject };
      const consumer = await js.consumers.get(this.stream, wanted);
      try {
        return (await this.#all(consumer)).filter(({ deleted }) => !deleted);
      } finally {
        await consumer.delete().catch(() => undefined);
      }
    });
  }

  async #all(consumer: Consumer): Promise<Stored[]> {
    const found: Stored[] = [];
    let { num_pending: pending } = await consumer.info();
    while (pending > 0) {
      let came = 0;
      for await (const message of await consumer.fetch(LISTING)) {
        came++;
        const stored = this.versionOf(message);
        if (stored !== undefined) found.push(stored);
        ({ pending } = message.info);
        if (pending === 0) break;
      }
      // Nothing came: what was pending is gone, or the servers are.
      if (came === 0) ({ num_pending: pending } = await consumer.info());
      if (pending > 0 && came === 0) throw new JetStreamAway('JetStream does not answer in time');
    }
    return found;
  }

  /**
   * The bytes, one piece after the other; the last one is held back until it is sure that all belong together.
   * @throws FileChanged when it was replaced or deleted meanwhile, or is corrupt; JetStreamAway
   */
  async *content({ id, chunks, sha256, size }: Stored): AsyncGenerator<Buffer, void, undefined> {
    const hash = createHash('sha256');
    const subject = this.chunkSubject(id);
    let [from, left] = [0, size];
    for (let chunk = 1; chunk <= chunks; chunk++) {
      const found = await this.#next(subject, from);
      if (found === null) throw new FileChanged('it was replaced while it was being sent');
      from = found.seq + 1;
      hash.update(found.data);
      left -= found.data.length;
      // Whoever asked expects so many bytes, and may keep them in memory.
      if (left < 0) throw new FileChanged('it is larger than it says');
      if (chunk === chunks && hash.digest('base64url') !== sha256)
        throw new FileChanged('its bytes are not those that were stored');
      yield bufferOf(found.data);
    }
  }

  /** Whoever answers first may not have it yet: that it is nowhere, only the leader knows. */
  #next(subject: string, seq: number): Promise<StoredMsg | null> {
    const wanted = { seq, next_by_subj: subject };
    return this.#cluster.use(
      async ({ jsm }) =>
        (await jsm.direct.getMessage(this.stream, wanted)) ?? jsm.streams.getMessage(this.stream, wanted),
    );
  }

  /**
   * Stores a file of any size. Nothing of it can be seen before all of it is there.
   * @throws Conflict when another revision than the one to be replaced is there; JetStreamAway; what the servers refuse;
   * what the content throws
   */
  async put(name: string, content: ReadableStream<Uint8Array>, options: PutOptions = {}): Promise<Stored> {
    const { replaces, modifiedAt = Date.now() } = options;
    const before = await this.latest(name);
    const id = this.#cluster.packages.transport.nuid.next();
    try {
      const written = await this.#write(id, content);
      const info = {
        ...{ name, bucket: this.name, nuid: id, ...written, deleted: false },
        mtime: new Date().toISOString(),
        options: { max_chunk_size: CHUNK },
        metadata: { [MODIFIED]: String(modifiedAt) },
      };
      const stored = storedOf(info, await this.#announce(info, replaces));
      if (before?.deleted === false) await this.#drop(before.id);
      return stored;
    } catch (cause) {
      // It may have been stored all the same: then the chunks are needed, else the sweep finds them.
      if (!(cause instanceof JetStreamAway)) await this.#drop(id);
      throw conflictOf(cause, name);
    }
  }

  /** Not the library's put(), which drops the chunks also when it does not know whether the file was stored. */
  async #write(id: string, content: ReadableStream<Uint8Array>): Promise<Written> {
    const hash = createHash('sha256');
    let [size, chunks] = [0, 0];
    // Whoever fills the stream hears what failed from this, and not from the stream.
    for await (const piece of pieces(content.values({ preventCancel: true }), CHUNK)) {
      hash.update(piece);
      await this.#cluster.use(({ js }) => js.publish(this.chunkSubject(id), piece));
      size += piece.length;
      chunks++;
    }
    // Others want the padding.
    const digest = hash.digest('base64').replaceAll('+', '-').replaceAll('/', '_');
    return { size, chunks, digest: `${DIGEST}${digest}` };
  }

  /** Makes a version the latest. @returns its revision */
  async #announce(info: { readonly name: string }, replaces: number | undefined): Promise<number> {
    const { seq } = await this.#cluster.use(({ js }) =>
      js.publish(this.announcement(info.name), JSON.stringify(info), {
        headers: this.#rollup(),
        expect: replaces === undefined ? {} : { lastSubjectSequence: replaces },
      }),
    );
    return seq;
  }

  /**
   * Deletes this version, and no other.
   * @throws Conflict when it is not the latest any more; JetStreamAway
   */
  async remove({ name, revision, id, modifiedAt }: Stored): Promise<void> {
    const marker = {
      ...{ name, bucket: this.name, nuid: id, size: 0, chunks: 0, digest: '', deleted: true },
      mtime: new Date().toISOString(),
      metadata: { [MODIFIED]: String(modifiedAt) },
    };
    try {
      await this.#announce(marker, revision);
    } catch (cause) {
      throw conflictOf(cause, name);
    }
    await this.#drop(id);
  }

  /** Nobody needs these chunks: what is left of them goes with a sweep. Never throws. */
  async #drop(id: string): Promise<void> {
    await this.#cluster
      .use(({ jsm }) => jsm.streams.purge(this.stream, { filter: this.chunkSubject(id) }))
      .catch(() => undefined);
  }

  #rollup(): ReturnType<Cluster['packages']['transport']['headers']> {
    const headers = this.#cluster.packages.transport.headers();
    headers.set('Nats-Rollup', 'sub');
    return headers;
  }

  /** What the versions of a file are announced on, as the library calls it. */
  announcement(name: string): string {
    const encoded = Buffer.from(name, 'latin1').toString('base64').replaceAll('+', '-').replaceAll('/', '_');
    return `$O.${this.name}.M.${encoded}`;
  }

  /** Undefined for what is no version of a file: anybody may have put it there. */
  versionOf(found: Announced | null): Stored | undefined {
    if (found === null) return undefined;
    try {
      const info = found.json() as Info;
      const isOne = isInfo(info) && found.subject === this.announcement(info.name);
      return isOne ? storedOf(info, found.seq) : undefined;
    } catch {
      return undefined;
    }
  }

  /** What the chunks of a version are stored on. */
  chunkSubject(id: string): string {
    return `$O.${this.name}.C.${id}`;
  }
}

function conflictOf(cause: unknown, name: string): unknown {
  if (apiCode(cause) !== CODES.wrongLastSequence) return cause;
  return new Conflict(`another version of '${name}' was stored meanwhile`, { cause });
}

/** Not a link to another bucket, whose digest is missing; and an id that is no wildcard. */
function isInfo({ name, digest, mtime, nuid, size, chunks }: Info): boolean {
  const texts: readonly unknown[] = [name, digest, mtime];
  const numbers: readonly unknown[] = [size, chunks];
  return (
    texts.every((each) => typeof each === 'string') &&
    numbers.every((each) => Number.isSafeInteger(each) && (each as number) >= 0) &&
    ID.test(nuid)
  );
}

function storedOf(info: Info, revision: number): Stored {
  const { name, size, digest, mtime, nuid, chunks } = info;
  // In JSON it is missing rather than false.
  const deleted = (info as Partial<ObjectInfo>).deleted ?? false;
  const modified = Number(info.metadata?.[MODIFIED] ?? NaN);
  return {
    name,
    revision,
    deleted,
    size,
    // Compared without padding.
    sha256: digest.replace(DIGEST, '').replace(/=+$/, ''),
    modifiedAt: Number.isNaN(modified) ? Date.parse(mtime) : modified,
    storedAt: Date.parse(mtime),
    id: nuid,
    chunks,
  };
}

/** The same bytes, in pieces of this size; the last one may be smaller. */
async function* pieces(content: AsyncIterable<Uint8Array>, size: number): AsyncGenerator<Buffer> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const bytes of content) {
    rest = rest.length === 0 ? bufferOf(bytes) : Buffer.concat([rest, bytes]);
    while (rest.length > size) {
      yield rest.subarray(0, size);
      rest = rest.subarray(size);
    }
  }
  if (rest.length > 0) yield rest;
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
