/** A directory that somebody else writes to as well: nothing is replaced or removed but what is known. */
import { constants } from 'node:fs';
import { copyFile, link, lstat, opendir, rename, stat, unlink } from 'node:fs/promises';
import { FileChanged, Refusal } from '../protocol/errors.ts';
import type { SpoolSettings } from '../settings/settings.ts';
import { Disk } from './disk.ts';
import { syncDirectory } from './directory-sync.ts';
import { type Facts, factsOf, sameFacts } from './facts.ts';
import { type Elsewhere, FreeSpace } from './free-space.ts';
import { pathInside, subdirectory } from './inside.ts';
import { OutgoingFile } from './outgoing-file.ts';
import { stagedName } from './owner.ts';
import { NO_LINKS, StagedFile } from './staged-file.ts';
import type { Outgoing } from './store.ts';

/** Content to be written. */
export interface Content {
  /** Bytes. */
  readonly size: number;
  /** In milliseconds since the epoch. */
  readonly modifiedAt: number;
  readonly bytes: AsyncIterable<Buffer>;
}

export interface Replacing {
  /** What must be there in this moment; undefined: nothing. */
  readonly replaces: Facts | undefined;
  /** Whether that is kept beside it. */
  readonly keep: boolean;
}

export interface Placed {
  readonly facts: Facts;
  /** Where that is which was to be kept, or which somebody wrote in the very moment in which it was replaced. */
  readonly aside: string | undefined;
}

/** What a last look at a file told that is about to be replaced. */
interface Seen {
  /** Of the new one. */
  facts?: Facts;
  /** Another name of the old one. */
  held?: string;
  changed?: FileChanged;
}

/** Names looked up at a time: others wait for the disk, too. */
const BATCH = 64;
const LONGEST_NAME = 255;

export class SyncedDirectory {
  readonly path: Buffer;
  readonly #fsync: boolean;
  readonly #space: FreeSpace;
  readonly #disk: Disk;

  /** @param relative the sub-directory, as latin-1 */
  constructor(spool: SpoolSettings, relative: string, elsewhere?: Elsewhere) {
    this.path = subdirectory(Buffer.from(spool.directory), relative);
    this.#fsync = spool.fsync;
    this.#space = new FreeSpace(spool.minFreeSpace, elsewhere);
    this.#disk = Disk.of(this.path);
  }

  /** Which directory it is: another one after something was mounted there. @throws the system's error */
  async identity(): Promise<string> {
    const { dev, ino } = await stat(this.path);
    return `${String(dev)}:${String(ino)}`;
  }

  /** Undefined: there is nothing of that name; `no file`: something that is no regular file. @throws the system's error */
  async look(name: string): Promise<Facts | 'no file' | undefined> {
    const found = await this.#disk.lstat(pathInside(this.path, name));
    if (found === undefined) return undefined;
    return found.isFile() ? factsOf(found) : 'no file';
  }

  /** All regular files that are not hidden, some at a time: there may be 100,000. @throws the system's error */
  async *files(): AsyncGenerator<readonly (readonly [string, Facts])[], void, undefined> {
    const options = { encoding: 'buffer' as BufferEncoding, bufferSize: BATCH };
    let names: string[] = [];
    for await (const entry of await opendir(this.path, options)) {
      // The types know nothing of Buffers here.
      const name = (entry.name as unknown as Buffer).toString('latin1');
      if (name.startsWith('.')) continue;
      if (names.push(name) < BATCH) continue;
      yield await this.#looks(names);
      names = [];
    }
    yield await this.#looks(names);
  }

  /** @throws Refusal when there is no regular file, or it cannot be read */
  open(name: string): Promise<Outgoing> {
    return OutgoingFile.open(pathInside(this.path, name));
  }

  /**
   * Writes a file, which appears whole (N3).
   * @throws FileChanged when something else is there than is to be replaced; Refusal; what the content throws
   */
  async place(name: string, { bytes, ...about }: Content, how: Replacing): Promise<Placed> {
    const { replaces } = how;
    const seen: Seen = {};
    const beforeNaming = (staged: Buffer): Promise<void> => this.#lastLook(name, staged, { how, seen });
    try {
      await this.#write({ name, overwrite: replaces !== undefined, beforeNaming }, about, bytes);
      if (seen.facts === undefined) throw new Error('a file got its name without being looked at');
      return { facts: seen.facts, aside: await this.#asideOf(name, how, seen.held) };
    } catch (cause) {
      // What is to be kept may have no other name any more.
      if (seen.held !== undefined && (seen.changed !== undefined || !how.keep)) await this.unmark(seen.held);
      if (cause instanceof Refusal && cause.reason === 'file already exists')
        throw new FileChanged(`${name} was created meanwhile`, { cause });
      throw seen.changed ?? cause;
    }
  }

  /**
   * Removes a file.
   * @param known what must be there in this moment
   * @throws FileChanged when it is not; the system's error
   */
  async remove(name: string, known: Facts): Promise<void> {
    const path = pathInside(this.path, name);
    const changed = new FileChanged(`${name} was changed while it was being removed`);
    if (!sameFacts(await this.#factsOf(name), known)) throw changed;
    const aside = pathInside(this.path, stagedName());
    await rename(path, aside);
    if (sameFacts(factsOf(await lstat(aside)), known)) {
      await unlink(aside);
      if (this.#fsync) await syncDirectory(this.path);
      return;
    }
    // Somebody was quicker by a microsecond: back with it, or beside what has its name now.
    await link(aside, path).catch(() => link(aside, pathInside(this.path, asideName(name, new Date(), 0))));
    await unlink(aside);
    throw changed;
  }

  /** Writes content that loses against a file of this name. @returns the name that it got @throws as place() */
  async keepContent(name: string, { bytes, ...about }: Content): Promise<string> {
    const other = asideName(name, new Date(), 0);
    await this.#write({ name: other, overwrite: false }, about, bytes);
    return other;
  }

  /** @throws the system's error */
  async exists(name: string): Promise<boolean> {
    return (await this.#disk.lstat(pathInside(this.path, name))) !== undefined;
  }

  /** Removes one of our own marks or copies. */
  async unmark(name: string): Promise<void> {
    await unlink(pathInside(this.path, name)).catch(() => undefined);
  }

  async #write(
    how: {
      readonly name: string;
      readonly overwrite: boolean;
      readonly beforeNaming?: (staged: Buffer) => Promise<void>;
    },
    { size, modifiedAt }: Omit<Content, 'bytes'>,
    bytes: AsyncIterable<Buffer>,
  ): Promise<void> {
    const room = await this.#space.reserve(this.path, size);
    const target = { directory: this.path, fsync: this.#fsync, mtimeMs: modifiedAt, ...how };
    const file = await StagedFile.create(target, room);
    try {
      for await (const chunk of bytes) await file.write(chunk);
      await file.commit();
    } finally {
      // Harmless when it was committed.
      await file.discard();
    }
  }

  /** @throws FileChanged */
  async #lastLook(
    name: string,
    staged: Buffer,
    { how, seen }: { readonly how: Replacing; readonly seen: Seen },
  ): Promise<void> {
    seen.facts = factsOf(await lstat(staged));
    if (how.replaces === undefined) return;
    const held = await this.#hold(name, how.keep);
    if (held !== undefined) seen.held = held;
    // By the same kind of call as the rename that follows: on a prompt disk nothing comes between them.
    const now = await this.look(name);
    if (now !== 'no file' && sameFacts(now, how.replaces)) return;
    seen.changed = new FileChanged(`${name} was changed while it was being replaced`);
    throw seen.changed;
  }

  /**
   * Another name for what is about to be replaced: its last one, or for a moment only. A rename cannot be conditional:
   * should somebody write to the file after the last look, that is found by this name.
   */
  async #hold(name: string, keep: boolean): Promise<string | undefined> {
    const path = pathInside(this.path, name);
    try {
      if (keep) return await this.#aside(name, (other) => linkOrCopy(path, other));
      const held = stagedName();
      await this.#disk.link(path, pathInside(this.path, held));
      return held;
    } catch (cause) {
      // Without links no more can be done; that it is gone, the next look tells.
      if (keep && (cause as NodeJS.ErrnoException).code !== 'ENOENT') throw cause;
      return undefined;
    }
  }

  /** The last name of what was replaced; undefined when nobody needs it. */
  async #asideOf(name: string, { replaces, keep }: Replacing, held?: string): Promise<string | undefined> {
    if (held === undefined || keep) return held;
    const path = pathInside(this.path, held);
    const isKnown = sameFacts(factsOf(await lstat(path)), replaces);
    const aside = isKnown ? undefined : await this.#aside(name, (other) => link(path, other));
    await unlink(path);
    return aside;
  }

  async #aside(name: string, make: (path: Buffer) => Promise<void>): Promise<string> {
    const now = new Date();
    for (let number = 0; ; number++) {
      const other = asideName(name, now, number);
      try {
        await make(pathInside(this.path, other));
        return other;
      } catch (cause) {
        if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw cause;
      }
    }
  }

  async #looks(names: readonly string[]): Promise<(readonly [string, Facts])[]> {
    const found = await Promise.all(names.map((name) => this.#factsOf(name)));
    return names.flatMap((name, index) => {
      const facts = found[index];
      return facts === undefined ? [] : [[name, facts] as const];
    });
  }

  async #factsOf(name: string): Promise<Facts | undefined> {
    const found = await lstat(pathInside(this.path, name)).catch(() => undefined);
    return found?.isFile() === true ? factsOf(found) : undefined;
  }
}

async function linkOrCopy(from: Buffer, to: Buffer): Promise<void> {
  try {
    await link(from, to);
  } catch (cause) {
    if (!NO_LINKS.includes((cause as NodeJS.ErrnoException).code)) throw cause;
    await copyFile(from, to, constants.COPYFILE_EXCL);
  }
}

/**
 * `.conflict-20260102T030405.678Z-NAME`: hidden, so that neither agents (N1) nor a console that looks for `*.conf` takes
 * it for one of theirs, and it is kept equal with nothing. What makes it too long is cut off.
 */
export function asideName(name: string, at: Date, number: number): string {
  const time = at.toISOString().replaceAll(/[-:]/g, '');
  const more = number === 0 ? '' : `${String(number)}-`;
  return `.conflict-${time}-${more}${name}`.slice(0, LONGEST_NAME);
}
