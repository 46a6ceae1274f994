/** What a directory and its bucket agreed on last, file by file: a journal in a hidden file of the directory. */
import { constants, type Stats } from 'node:fs';
import { type FileHandle, lstat, open, readFile, rename, stat, unlink } from 'node:fs/promises';
import { syncDirectory } from './directory-sync.ts';
import type { Facts } from './facts.ts';
import { pathInside } from './inside.ts';
import { stagedName } from './owner.ts';

/** Hidden, so that neither agents nor the console take it for theirs. */
export const MEMORY_NAME = '.tentacle-sync';
/** Made by the operator when files that vanished are gone on purpose. */
export const CONFIRM_NAME = `${MEMORY_NAME}.delete`;

/** One version of a file, on both sides. */
export interface Agreed extends Facts {
  /** In the bucket. */
  readonly revision: number;
  /** In base64url. */
  readonly sha256: string;
}

/**
 * A line of the journal, as JSON: `{bucket}` forgets all that stands above it, `{held}` is a flag, `{n}` is a name that
 * was forgotten, or with the rest one that is known.
 */
interface Line {
  readonly bucket?: unknown;
  readonly held?: unknown;
  readonly n?: unknown;
  readonly r?: unknown;
  readonly h?: unknown;
  readonly s?: unknown;
  readonly m?: unknown;
  readonly i?: unknown;
}

/** So many lines more than there are files are no reason to write them all again. */
const SPARE_LINES = 1000;
/** Not to be read by others: it tells the names of files that they may not list. */
const MODE = 0o600;
const { O_WRONLY, O_APPEND, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;

/**
 * What is told here is on the disk a moment later: what a crash takes away is found to be equal again by comparing bytes.
 */
export class SyncMemory {
  readonly #directory: Buffer;
  readonly #identity: Pick<Stats, 'dev' | 'ino'>;
  readonly #files = new Map<string, Agreed>();
  #bucket = '';
  #isHeld = false;
  #handle: FileHandle | undefined;
  #ino = 0;
  #lines = 0;
  /** Lines that are not written yet. */
  #pending: string[] = [];
  #writing: Promise<void> | undefined;
  /** It is to be written anew: it is missing, damaged or long. */
  #isDue = false;
  #trouble: unknown;

  /** Reads what an earlier process remembered; without a file it is empty. @throws the system's error */
  static async open(directory: Buffer): Promise<SyncMemory> {
    const { dev, ino } = await stat(directory);
    const memory = new SyncMemory(directory, { dev, ino });
    try {
      memory.#read(await readFile(memory.#path, 'utf8'));
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw cause;
      memory.#isDue = true;
    }
    return memory;
  }

  private constructor(directory: Buffer, identity: Pick<Stats, 'dev' | 'ino'>) {
    this.#directory = directory;
    this.#identity = identity;
  }

  /** When the bucket was made whose revisions these are; '' when there are none. */
  get bucket(): string {
    return this.#bucket;
  }

  /** Whether deletions wait for the operator. */
  get isHeld(): boolean {
    return this.#isHeld;
  }

  /** Files. */
  get size(): number {
    return this.#files.size;
  }

  get(name: string): Agreed | undefined {
    return this.#files.get(name);
  }

  names(): IterableIterator<string> {
    return this.#files.keys();
  }

  set(name: string, agreed: Agreed): void {
    this.#files.set(name, agreed);
    this.#append(lineOf(name, agreed));
  }

  forget(name: string): void {
    if (this.#files.delete(name)) this.#append({ n: name });
  }

  hold(isHeld: boolean): void {
    if (this.#isHeld === isHeld) return;
    this.#isHeld = isHeld;
    this.#append({ held: isHeld });
  }

  /** Forgets all: it was about another bucket. */
  startAnew(bucket: string): void {
    this.#files.clear();
    this.#bucket = bucket;
    this.#isHeld = false;
    this.#append({ bucket });
  }

  /** Whether its file is still there: who removes it wants all compared again. */
  async isThere(): Promise<boolean> {
    while (this.#writing !== undefined) await this.#writing;
    const found = await lstat(this.#path).catch(() => undefined);
    return this.#handle === undefined || found?.ino === this.#ino;
  }

  /** Waits until all that was told is on the disk. @throws the system's error when it cannot be; it is kept for later */
  async flush(): Promise<void> {
    this.#begin();
    while (this.#writing !== undefined) await this.#writing;
    const trouble = this.#trouble;
    this.#trouble = undefined;
    if (trouble !== undefined) throw trouble as Error;
  }

  /** @throws as flush() */
  async close(): Promise<void> {
    try {
      await this.flush();
    } finally {
      const handle = this.#handle;
      this.#handle = undefined;
      await handle?.close();
    }
  }

  get #path(): Buffer {
    return pathInside(this.#directory, MEMORY_NAME);
  }

  #append(line: Line): void {
    this.#pending.push(`${JSON.stringify(line)}\n`);
    this.#begin();
  }

  #begin(): void {
    if (this.#pending.length === 0 && !this.#isDue) return;
    this.#writing ??= this.#write().finally(() => (this.#writing = undefined));
  }

  async #write(): Promise<void> {
    try {
      while (this.#pending.length > 0 || this.#isDue) {
        const lines = this.#pending.splice(0);
        this.#lines += lines.length;
        if (this.#isDue || this.#lines > 2 * this.#files.size + SPARE_LINES) await this.#writeAnew();
        else await this.#writeMore(lines.join(''));
      }
    } catch (cause) {
      // What was half written is not to be continued.
      this.#isDue = true;
      this.#trouble = cause;
    }
  }

  async #writeMore(text: string): Promise<void> {
    this.#handle ??= await this.#openAgain();
    await this.#handle.appendFile(text);
    await this.#handle.datasync();
  }

  async #openAgain(): Promise<FileHandle> {
    const handle = await open(this.#path, O_WRONLY | O_APPEND | O_NOFOLLOW);
    this.#ino = (await handle.stat()).ino;
    return handle;
  }

  /** All of it, appearing at once in place of what is there. */
  async #writeAnew(): Promise<void> {
    // In another directory, all that is known here would seem to be deleted.
    const { dev, ino } = await stat(this.#directory);
    if (dev !== this.#identity.dev || ino !== this.#identity.ino)
      throw new Error('another directory is there now, perhaps because one was mounted');
    const path = pathInside(this.#directory, stagedName());
    const handle = await open(path, O_WRONLY | O_APPEND | O_CREAT | O_EXCL | O_NOFOLLOW, MODE);
    try {
      const head: Line[] = [{ bucket: this.#bucket }, { held: this.#isHeld }];
      const lines = [...head, ...[...this.#files].map(([name, agreed]) => lineOf(name, agreed))];
      this.#pending = [];
      await handle.appendFile(lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
      await handle.datasync();
      this.#ino = (await handle.stat()).ino;
      await rename(path, this.#path);
      this.#lines = lines.length;
    } catch (cause) {
      await handle.close();
      await unlink(path).catch(() => undefined);
      throw cause;
    }
    await this.#handle?.close();
    this.#handle = handle;
    this.#isDue = false;
    await syncDirectory(this.#directory);
  }

  #read(text: string): void {
    // Cut off by a crash: the next line must not be glued to it.
    this.#isDue = !text.endsWith('\n');
    for (const line of text.split('\n')) {
      if (line === '') continue;
      this.#lines++;
      try {
        this.#take(JSON.parse(line) as Line);
      } catch {
        this.#isDue = true;
      }
    }
  }

  #take({ bucket, held, n, r, h, s, m, i }: Line): void {
    if (typeof bucket === 'string') {
      this.#files.clear();
      this.#bucket = bucket;
      this.#isHeld = false;
    } else if (typeof held === 'boolean') {
      this.#isHeld = held;
    } else if (typeof n === 'string') {
      if (typeof h !== 'string') this.#files.delete(n);
      else
        this.#files.set(n, {
          revision: Number(r),
          sha256: h,
          size: Number(s),
          mtimeMs: Number(m),
          ino: Number(i),
        });
    }
  }
}

function lineOf(name: string, { revision, sha256, size, mtimeMs, ino }: Agreed): Line {
  return { n: name, r: revision, h: sha256, s: size, m: mtimeMs, i: ino };
}
