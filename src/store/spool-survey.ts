/** Looks over a spool now and then: how much is in it, how old, how much room there is, whether it can be written. */
import { constants, type Stats } from 'node:fs';
import { lstat, open, opendir, statfs, unlink } from 'node:fs/promises';
import { pathInside } from './inside.ts';
import { stagedName } from './owner.ts';
import { monotonicMs } from '../protocol/timer.ts';

/** What waits in a directory. */
export interface Contents {
  /** Regular files directly in it that are not hidden. */
  readonly files: number;
  /** Of those that were looked at. */
  readonly bytes: number;
  /** When the oldest of those was written, in milliseconds since the epoch; undefined without any. */
  readonly oldestMs: number | undefined;
}

/** Bytes on the disk of a directory. */
export interface Room {
  /** For this user. */
  readonly free: number;
  readonly total: number;
}

/** Files looked at, at most: the others are only counted. A million of them would keep the disk busy for a minute. */
const MOST_LOOKS = 10_000;
/** Looked at together: on a disk that hangs each keeps one of node's four threads, and reloads need some, too. */
const BATCH = 2;
/** Names the system gives at a time. */
const NAMES = 1024;
/** Of the time, how much may go into counting: one part in so many. */
const COUNTING_SHARE = 20;
/** Between two counts, at most: one that took long because the disk hung is not to be believed for hours. */
const LONGEST_PAUSE_MS = 300_000;
const { O_CREAT, O_EXCL, O_WRONLY, O_NOFOLLOW } = constants;

interface SurveyOptions {
  /** Files looked at, at most. */
  readonly mostLooks?: number;
  /** How many times as long as a count took it is believed. */
  readonly countingShare?: number;
}

export class SpoolSurvey {
  readonly #directory: Buffer;
  readonly #mostLooks: number;
  readonly #countingShare: number;
  #contents: Contents | undefined;
  #oldest: string | undefined;
  /** When it may be counted again, on the monotonic clock. */
  #dueMs = -Infinity;
  #answeredMs = -Infinity;

  constructor(
    directory: string,
    { mostLooks = MOST_LOOKS, countingShare = COUNTING_SHARE }: SurveyOptions = {},
  ) {
    this.#directory = Buffer.from(directory);
    this.#mostLooks = mostLooks;
    this.#countingShare = countingShare;
  }

  /**
   * What waits there. Of a large directory what was found a while ago.
   * @throws the system's error when it cannot be read
   */
  async contents(): Promise<Contents> {
    if (this.#contents !== undefined && monotonicMs() < this.#dueMs) return this.#contents;
    const startMs = monotonicMs();
    this.#contents = await this.#count();
    const tookMs = monotonicMs() - startMs;
    this.#dueMs = monotonicMs() + Math.min(tookMs * this.#countingShare, LONGEST_PAUSE_MS);
    return this.#contents;
  }

  /** When the disk last told something in a count, on the monotonic clock: a long one does not hang. */
  get answeredMs(): number {
    return this.#answeredMs;
  }

  /** @throws the system's error */
  async room(): Promise<Room> {
    const { bavail, blocks, bsize } = await statfs(this.#directory);
    // Some FUSE file systems know no sizes and report none.
    return blocks === 0
      ? { free: Infinity, total: Infinity }
      : { free: bavail * bsize, total: blocks * bsize };
  }

  /**
   * Writes a hidden file there, as a transfer would, and removes it.
   * @throws the system's error
   */
  async tryWriting(): Promise<void> {
    const path = pathInside(this.#directory, stagedName());
    const file = await open(path, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW);
    try {
      // What a disk cannot keep, over the network or beyond a quota, may be told at the end only.
      await file.write('?').finally(() => file.close());
    } finally {
      await unlink(path);
    }
  }

  async #count(): Promise<Contents> {
    let [files, bytes] = [0, 0];
    let oldest: { name: string; ms: number } | undefined;
    const take = (name: string, { size, mtimeMs }: Stats): void => {
      bytes += size;
      if (oldest === undefined || mtimeMs < oldest.ms) oldest = { name, ms: mtimeMs };
    };
    const look = async (name: string): Promise<void> => {
      const found = await lstat(pathInside(this.#directory, name)).catch(() => undefined);
      this.#answeredMs = monotonicMs();
      if (found?.isFile() === true) take(name, found);
    };
    let batch: string[] = [];
    for await (const name of this.#names()) {
      if (++files > this.#mostLooks) continue;
      batch.push(name);
      if (batch.length < BATCH) continue;
      await Promise.all(batch.map(look));
      batch = [];
    }
    await Promise.all(batch.map(look));
    // It may be beyond those that were looked at; while it is there, nothing is older.
    if (this.#oldest !== undefined && files > this.#mostLooks) await look(this.#oldest);
    this.#oldest = oldest?.name;
    return { files, bytes, oldestMs: oldest?.ms };
  }

  /** As latin-1 (W1). */
  async *#names(): AsyncGenerator<string, void, undefined> {
    const options = { encoding: 'buffer' as BufferEncoding, bufferSize: NAMES };
    for await (const entry of await opendir(this.#directory, options)) {
      this.#answeredMs = monotonicMs();
      // The types know nothing of Buffers here.
      const name = (entry.name as unknown as Buffer).toString('latin1');
      if (!name.startsWith('.') && entry.isFile()) yield name;
    }
  }
}
