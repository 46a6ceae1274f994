/** The disk side of a queue: which files wait in a directory, and where those go that nobody wants. */
import type { Stats } from 'node:fs';
import { chmod, link, lstat, mkdir, opendir, rename, unlink } from 'node:fs/promises';
import { syncDirectory } from './directory-sync.ts';
import { pathInside, subdirectory } from './inside.ts';
import { exists, NO_LINKS } from './staged-file.ts';

export interface QueuedFile {
  /** As latin-1 (W1). */
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  /** Since the epoch. */
  readonly mtimeMs: number;
}

/** What is in a directory. */
export interface Totals {
  readonly files: number;
  readonly bytes: number;
  /** When the oldest was written, in milliseconds since the epoch; undefined without any. */
  readonly oldestMs: number | undefined;
}

export interface Scan extends Totals {
  /** The oldest files, oldest first; all of them when there are as many as `files`. */
  readonly oldest: readonly QueuedFile[];
}

const REJECTED = 'rejected';
/** Names looked up at a time: others wait for the disk, too. */
const BATCH = 64;
/** N5: 2770 after the umask. */
const SET_GROUP_ID = 0o2000;
const LONGEST_NAME = 255;

export class QueueDirectory {
  readonly #directory: Buffer;
  readonly #rejected: Buffer;

  constructor(directory: string | Buffer) {
    this.#directory = Buffer.from(directory);
    this.#rejected = subdirectory(this.#directory, REJECTED);
  }

  /**
   * Looks at every regular file directly in the directory that is not hidden, and keeps the oldest. Not at links, since
   * they lead elsewhere, nor into other directories.
   * @param limit how many to keep
   * @throws the system's error when the directory cannot be read
   */
  async scan(limit: number): Promise<Scan> {
    const kept = new Oldest(limit);
    for await (const names of this.#batches()) {
      const found = await Promise.all(names.map((name) => this.#look(name)));
      for (const file of found) if (file !== undefined) kept.add(file);
    }
    return kept.result();
  }

  /**
   * Moves a file into `rejected/`, durably; a number is appended when there is one of its name.
   * @returns the name that it has there; undefined when the file is gone
   * @throws the system's error when it cannot be moved
   */
  async reject(name: string): Promise<string | undefined> {
    await this.#makeRejected();
    try {
      for (let number = 0; ; number++) {
        const other = numbered(name, number);
        if (await this.#move(name, other)) return other;
      }
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw cause;
    }
  }

  /** The directory for files that nobody wants, made where it is missing. @throws the system's error */
  async rejected(): Promise<Buffer> {
    await this.#makeRejected();
    return this.#rejected;
  }

  /** How many files nobody wanted. @throws the system's error when their directory is there and cannot be read */
  async countRejected(): Promise<number> {
    try {
      return (await new QueueDirectory(this.#rejected).scan(0)).files;
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return 0;
      throw cause;
    }
  }

  /** Names as latin-1: a directory may hold a million. */
  async *#batches(): AsyncGenerator<readonly string[], void, undefined> {
    const options = { encoding: 'buffer' as BufferEncoding, bufferSize: BATCH };
    let names: string[] = [];
    for await (const entry of await opendir(this.#directory, options)) {
      // The types know nothing of Buffers here.
      const name = (entry.name as unknown as Buffer).toString('latin1');
      if (name.startsWith('.')) continue;
      names.push(name);
      if (names.length < BATCH) continue;
      yield names;
      names = [];
    }
    yield names;
  }

  /** Undefined for what is no regular file, or vanished meanwhile. */
  async #look(name: string): Promise<QueuedFile | undefined> {
    const found: Stats | undefined = await lstat(pathInside(this.#directory, name)).catch(() => undefined);
    return found?.isFile() === true ? { name, size: found.size, mtimeMs: found.mtimeMs } : undefined;
  }

  async #makeRejected(): Promise<void> {
    try {
      await mkdir(this.#rejected);
      // mkdir(2) takes no set-group-ID.
      await chmod(this.#rejected, (await lstat(this.#rejected)).mode | SET_GROUP_ID);
      await syncDirectory(this.#directory);
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw cause;
    }
  }

  /** Whether that name was free. Sure of its new place before the old one goes. */
  async #move(name: string, other: string): Promise<boolean> {
    const from = pathInside(this.#directory, name);
    const to = pathInside(this.#rejected, other);
    try {
      await link(from, to);
    } catch (cause) {
      const { code } = cause as NodeJS.ErrnoException;
      if (code === 'EEXIST') return false;
      if (!NO_LINKS.includes(code)) throw cause;
      // N4: without hard links. Nobody else moves files there.
      if (await exists(to)) return false;
      await rename(from, to);
      await syncDirectory(this.#rejected);
      await syncDirectory(this.#directory);
      return true;
    }
    await syncDirectory(this.#rejected);
    await unlink(from);
    await syncDirectory(this.#directory);
    return true;
  }
}

/** Files that are sorted in at a time: a few among many sorted ones take about a millisecond. */
const STEP = 1000;

/** Counts files, and keeps the oldest. */
class Oldest {
  readonly #limit: number;
  /** Sorted, but for the last ones. */
  #kept: QueuedFile[] = [];
  #unsorted = 0;
  #files = 0;
  #bytes = 0;
  #oldestMs: number | undefined;
  /** Whoever is younger is not among the oldest. */
  #youngestMs = Infinity;

  constructor(limit: number) {
    this.#limit = limit;
  }

  add(file: QueuedFile): void {
    this.#files++;
    this.#bytes += file.size;
    this.#oldestMs = Math.min(this.#oldestMs ?? Infinity, file.mtimeMs);
    if (file.mtimeMs > this.#youngestMs) return;
    this.#kept.push(file);
    if (++this.#unsorted >= STEP) this.#cut();
  }

  result(): Scan {
    this.#cut();
    return { oldest: this.#kept, files: this.#files, bytes: this.#bytes, oldestMs: this.#oldestMs };
  }

  #cut(): void {
    this.#unsorted = 0;
    this.#kept.sort((a, b) => a.mtimeMs - b.mtimeMs || (a.name < b.name ? -1 : 1));
    this.#kept = this.#kept.slice(0, this.#limit);
    if (this.#kept.length === this.#limit) this.#youngestMs = this.#kept.at(-1)?.mtimeMs ?? -Infinity;
  }
}

/** The name that a file gets in `rejected/` where so many of its name are there. */
export function numbered(name: string, number: number): string {
  if (number === 0) return name;
  const suffix = `.${String(number)}`;
  return name.slice(0, LONGEST_NAME - suffix.length) + suffix;
}
