/** Remembers in a hidden file of a directory what was delivered there lately, beyond a crash. */
import { constants } from 'node:fs';
import { open, readFile, rename } from 'node:fs/promises';
import { Disk } from './disk.ts';
import { DirectorySync, type OpenDirectory, syncDirectory } from './directory-sync.ts';
import { pathInside } from './inside.ts';
import { JOURNAL } from '../settings/journal-name.ts';

/** One of a message in the stream. */
export interface Delivered {
  /** Of this message alone, without blanks. */
  readonly key: string;
  /** What its sender knows it by; undefined where it has none. */
  readonly id: string | undefined;
}

/** A file that was about to get its name, and may be found under a hidden one. */
export interface Prepared extends Delivered {
  readonly staged: string;
  /** As latin-1. */
  readonly name: string;
  /** SHA-256 of its bytes, as base64url: the bytes may have been lost, or a part of them. */
  readonly digest: string;
}

/** Deliveries that are remembered, at least. */
const KEPT = 100_000;
/** 0660 after the umask. */
const MODE = 0o666;
const { O_CREAT, O_WRONLY, O_APPEND, O_TRUNC, O_NOFOLLOW } = constants;
const APPENDED = O_CREAT | O_WRONLY | O_APPEND | O_NOFOLLOW;
const ANEW = APPENDED | O_TRUNC;
/** A key, and what is known of it. Lines that are torn, or were lost with the power, match nothing. */
const DELIVERED = /^d (\S+) (\S+)$/;
const PREPARED = /^p (\S+) (\S+) (\S+) ([A-Za-z0-9_-]+) ([A-Za-z0-9_-]{43})$/;
const NO_ID = '-';

export class DeliveredJournal {
  readonly #directory: Buffer;
  readonly #disk: Disk;
  readonly #kept: number;
  /** Ids by keys, the oldest first. */
  readonly #delivered = new Map<string, string | undefined>();
  /** Keys by ids. */
  readonly #ids = new Map<string, string>();
  readonly #prepared = new Map<string, Prepared>();
  readonly #sync = new DirectorySync();
  /** Undefined until it is open, and when it is closed. */
  #open: OpenDirectory | undefined;
  #lines = 0;
  /** Whether the last line has no end. */
  #isTorn = false;
  #rewriting: Promise<void> | undefined;
  /** Lines since the rewriting began. */
  #meanwhile: string[] = [];

  /**
   * Reads it, and makes it where there is none. To be closed.
   * @param kept deliveries that are remembered, at least
   * @throws the system's error
   */
  static async open(directory: string, kept = KEPT): Promise<DeliveredJournal> {
    const journal = new DeliveredJournal(Buffer.from(directory), kept);
    await journal.#disk.recent();
    journal.#read(await contentOf(directory));
    const fd = await journal.#disk.open(pathInside(journal.#directory, JOURNAL), APPENDED, MODE);
    journal.#open = { fd, facts: await journal.#disk.fstat(fd) };
    return journal;
  }

  private constructor(directory: Buffer, kept: number) {
    this.#directory = directory;
    this.#disk = Disk.of(directory);
    this.#kept = kept;
  }

  /** Those that were prepared, and neither delivered nor given up, as far as is known. */
  get unfinished(): readonly Prepared[] {
    return [...this.#prepared.values()];
  }

  /** Whether this message was delivered. */
  has(key: string): boolean {
    return this.#delivered.has(key);
  }

  /** The message of this id that was delivered last; undefined when there was none lately. */
  keyOf(id: string): string | undefined {
    return this.#ids.get(id);
  }

  /** Lasts when it resolves, whatever happens to the power. @throws the system's error */
  async prepare(prepared: Prepared): Promise<void> {
    await this.#rewriting;
    this.#prepared.set(prepared.key, prepared);
    await this.#append(preparedLine(prepared));
    await this.#sync.sync(this.#file);
  }

  /** It is not delivered after all. */
  giveUp(key: string): void {
    this.#prepared.delete(key);
  }

  /**
   * Remembers a delivery: at once on a prompt disk, and beyond the end of this process, but perhaps not of the power.
   * @throws the system's error; it is remembered in memory all the same
   */
  async add({ key, id }: Delivered): Promise<void> {
    this.#prepared.delete(key);
    this.#remember(key, id);
    await this.#append(deliveredLine(key, id));
    if (this.#lines > 3 * this.#kept) this.#rewriting ??= this.#rewrite();
  }

  /** Resolves when nothing of it is in progress. Never throws. */
  async close(): Promise<void> {
    await this.#rewriting;
    const open = this.#open;
    this.#open = undefined;
    if (open !== undefined) await this.#disk.close(open.fd).catch(() => undefined);
  }

  get #file(): OpenDirectory {
    if (this.#open === undefined) throw new Error('the journal is closed');
    return this.#open;
  }

  #read(content: string): void {
    const lines = content.split('\n');
    this.#isTorn = lines.pop() !== '';
    this.#lines = lines.length;
    for (const line of lines) {
      const [, key = '', id = ''] = DELIVERED.exec(line) ?? [];
      if (key !== '') {
        this.#prepared.delete(key);
        this.#remember(key, idOf(id));
        continue;
      }
      const [, of = '', by = '', staged = '', name = '', digest = ''] = PREPARED.exec(line) ?? [];
      if (of === '') continue;
      const text = Buffer.from(name, 'base64url').toString('latin1');
      this.#prepared.set(of, { key: of, id: idOf(by), staged, name: text, digest });
    }
  }

  #remember(key: string, id: string | undefined): void {
    this.#delivered.set(key, id);
    if (id !== undefined) this.#ids.set(id, key);
    if (this.#delivered.size <= this.#kept) return;
    const [oldest] = this.#delivered;
    if (oldest === undefined) return;
    this.#delivered.delete(oldest[0]);
    if (oldest[1] !== undefined && this.#ids.get(oldest[1]) === oldest[0]) this.#ids.delete(oldest[1]);
  }

  async #append(line: string): Promise<void> {
    if (this.#rewriting !== undefined) this.#meanwhile.push(line);
    this.#lines++;
    const text = this.#isTorn ? `\n${line}\n` : `${line}\n`;
    this.#isTorn = true;
    await this.#write(this.#file.fd, text);
    this.#isTorn = false;
  }

  async #write(fd: number, text: string): Promise<void> {
    for (let left = Buffer.from(text, 'latin1'); left.length > 0;)
      left = left.subarray(await this.#disk.write(fd, left));
  }

  /** Puts a file with what is remembered in the place of the long one. Never throws: the long one serves on. */
  async #rewrite(): Promise<void> {
    try {
      const [path, beside] = [JOURNAL, `${JOURNAL}.new`].map((name) => pathInside(this.#directory, name));
      if (path === undefined || beside === undefined) return;
      const lines = this.#all();
      const file = await open(beside, ANEW, MODE);
      try {
        await file.writeFile(text(lines), 'latin1');
        await file.sync();
      } finally {
        await file.close();
      }
      const fd = await this.#disk.open(beside, APPENDED, MODE);
      try {
        await rename(beside, path);
      } catch (cause) {
        await this.#disk.close(fd);
        throw cause;
      }
      await syncDirectory(this.#directory).catch(() => undefined);
      await this.#swap({ fd, facts: await this.#disk.fstat(fd) }, lines.length);
    } catch {
      // What was appended is where it was.
      this.#lines = 0;
    } finally {
      this.#meanwhile = [];
      this.#rewriting = undefined;
    }
  }

  /** Waits for nothing between the last line there and the first one here. */
  async #swap(open: OpenDirectory, lines: number): Promise<void> {
    const before = this.#file;
    const { length } = this.#meanwhile;
    const rest = text(this.#meanwhile);
    this.#open = open;
    this.#isTorn = false;
    this.#lines = lines + length;
    await this.#write(open.fd, rest);
    // Whoever waits for the old one still needs its descriptor.
    await this.#sync.sync(before).catch(() => undefined);
    await this.#disk.close(before.fd);
  }

  #all(): string[] {
    return [
      ...[...this.#delivered].map(([key, id]) => deliveredLine(key, id)),
      ...[...this.#prepared.values()].map(preparedLine),
    ];
  }
}

async function contentOf(directory: string): Promise<string> {
  try {
    return await readFile(pathInside(Buffer.from(directory), JOURNAL), 'latin1');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw cause;
  }
}

/** Names of staged files that a start must leave to whoever reads the journal. */
export async function unfinishedIn(directory: string): Promise<ReadonlySet<string>> {
  const journal = await DeliveredJournal.open(directory);
  // In whichever directory.
  const staged = new Set(
    journal.unfinished.map((each) => each.staged.slice(each.staged.lastIndexOf('/') + 1)),
  );
  await journal.close();
  return staged;
}

function deliveredLine(key: string, id: string | undefined): string {
  return `d ${key} ${id === undefined ? NO_ID : encodeURIComponent(id)}`;
}

function preparedLine({ key, id, staged, name, digest }: Prepared): string {
  const by = id === undefined ? NO_ID : encodeURIComponent(id);
  return `p ${key} ${by} ${staged} ${Buffer.from(name, 'latin1').toString('base64url')} ${digest}`;
}

function idOf(text: string): string | undefined {
  if (text === NO_ID) return undefined;
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

function text(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join('');
}
