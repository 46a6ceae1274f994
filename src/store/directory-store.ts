/** The spool: a directory with sub-directories chosen by filters. The only owner of its files. */
import { lstat, opendir, readdir, readFile, unlink } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { reasonOf } from '../log/errno.ts';
import { Refusal } from '../protocol/errors.ts';
import type { SpoolSettings } from '../settings/settings.ts';
import { Disk } from './disk.ts';
import { cannotStore } from './disk-error.ts';
import { FileLimit, type OnFull } from './file-limit.ts';
import { type Elsewhere, FreeSpace, type Reservation } from './free-space.ts';
import { pathInside, subdirectory } from './inside.ts';
import { OutgoingFile } from './outgoing-file.ts';
import { isAbandoned, isLockName, UNSIGNED_MS } from './owner.ts';
import { demand, type Place, route } from './routing.ts';
import { StagedFile, type Witness } from './staged-file.ts';
import type { Incoming, Outgoing, Store } from './store.ts';

const NONE: ReadonlySet<string> = new Set();

/** A file that comes from elsewhere than a client. */
export interface Arrival {
  /** As latin-1. */
  readonly name: string;
  /** Bytes expected, at least. */
  readonly size: number;
  /** When it was written, in milliseconds since the epoch; undefined: now. */
  readonly mtimeMs?: number | undefined;
  readonly witness?: Witness | undefined;
}

export class DirectoryStore implements Store {
  readonly #spool: SpoolSettings;
  readonly #root: Buffer;
  readonly #space: FreeSpace;
  readonly #limit: FileLimit;

  /**
   * @param elsewhere what other processes that store into the same spool promised
   * @param onFull hears of files refused for max_files
   */
  constructor(spool: SpoolSettings, elsewhere?: Elsewhere, onFull?: OnFull) {
    this.#spool = spool;
    this.#root = Buffer.from(spool.directory);
    this.#space = new FreeSpace(spool.minFreeSpace, elsewhere);
    this.#limit = new FileLimit(spool.maxFiles, onFull);
  }

  receive(name: string, size: number): Promise<Incoming> {
    return this.accept({ name, size });
  }

  /** As receive(). */
  async accept({ name, size, mtimeMs, witness }: Arrival): Promise<Incoming> {
    const { overwrite, fsync } = this.#spool;
    const directory = this.#directoryOf(name, 'w');
    const final = pathInside(directory, name);
    const { room, leave } = await this.#prepare(directory, final, size);
    const file = await StagedFile.create({ directory, name, overwrite, fsync, mtimeMs, witness }, room).catch(
      (error: unknown) => {
        leave();
        throw error;
      },
    );
    return this.#spool.maxFiles === 0 ? file : counted(file, leave);
  }

  async open(name: string, purpose: 'read' | 'move' = 'read'): Promise<Outgoing> {
    return OutgoingFile.open(pathInside(this.#directoryOf(name, purpose === 'move' ? 'rw' : 'r'), name));
  }

  async list(name: string): Promise<string[]> {
    const directory = this.#directoryOf(name, 'r');
    try {
      // Names as Buffers: where a file system does not tell types, Node cannot join them to a Buffer path otherwise.
      const entries = await readdir(directory, { withFileTypes: true, encoding: 'buffer' });
      return (
        entries
          .filter((entry) => entry.isFile())
          .map((entry) => entry.name.toString('latin1'))
          .filter((each) => !each.startsWith('.'))
          // Code units of latin-1 are bytes.
          .sort()
      );
    } catch (cause) {
      throw new Refusal('cannot list', `${directory.toString('latin1')}: ${reasonOf(cause)}`, {
        cause,
      });
    }
  }

  /**
   * Removes staged files and locks that processes of this host left behind when they were killed.
   * @param ending stops it half-way: a spool may take minutes
   * @param kept names of those that somebody else sees to
   * @returns how many
   */
  async removeAbandoned(ending?: AbortSignal, kept: ReadonlySet<string> = NONE): Promise<number> {
    const { removed, unsigned } = await this.#removeAbandoned(kept, ending);
    if (unsigned === 0) return removed;
    // Of somebody killed before it signed, perhaps; it must not block its name until the next start.
    await sleep(UNSIGNED_MS, undefined, { signal: ending, ref: false }).catch(() => undefined);
    return removed + (await this.#removeAbandoned(kept, ending)).removed;
  }

  async #removeAbandoned(kept: ReadonlySet<string>, ending?: AbortSignal): Promise<Cleaned> {
    const directories = new Set(['', ...this.#spool.filters.map(({ directory }) => directory)]);
    const all = { removed: 0, unsigned: 0 };
    for (const relative of directories) {
      const { removed, unsigned } = await removeAbandonedIn(subdirectory(this.#root, relative), {
        kept,
        ending,
      });
      all.removed += removed;
      all.unsigned += unsigned;
    }
    return all;
  }

  /** @throws Refusal when clients may not do there what needs these permissions */
  #directoryOf(name: string, needed: Place['permissions']): Buffer {
    const place = route(name, this.#spool.filters);
    demand(needed, place);
    return subdirectory(this.#root, place.directory);
  }

  /** Refuses early what is bound to fail, before the peer sends a byte. */
  async #prepare(directory: Buffer, final: Buffer, size: number): Promise<Prepared> {
    let leave = (): void => undefined;
    try {
      const disk = Disk.of(directory);
      await disk.recent();
      const isThere = (await disk.lstat(final)) !== undefined;
      if (isThere && !this.#spool.overwrite) throw new Refusal('file already exists');
      // One that is replaced makes no more of them.
      if (!isThere && this.#spool.maxFiles > 0) leave = await this.#limit.admit(directory);
      return { room: await this.#space.reserve(directory, size), leave };
    } catch (cause) {
      leave();
      throw cause instanceof Refusal ? cause : cannotStore(cause, directory);
    }
  }
}

/** What a file is promised. */
interface Prepared {
  readonly room: Reservation;
  /** It does not come. */
  readonly leave: () => void;
}

/** A file that leaves, once, unless it came to stay. */
function counted(file: Incoming, leave: () => void): Incoming {
  let isCounted = true;
  return {
    write: (chunk) => file.write(chunk),
    commit: async () => {
      await file.commit();
      isCounted = false;
    },
    discard: async () => {
      await file.discard();
      if (isCounted) leave();
      isCounted = false;
    },
  };
}

interface Cleaned {
  readonly removed: number;
  /** Locks that do not say whose they are, yet. */
  readonly unsigned: number;
}

interface Cleaning {
  readonly kept: ReadonlySet<string>;
  readonly ending: AbortSignal | undefined;
}

async function removeAbandonedIn(directory: Buffer, { kept, ending }: Cleaning): Promise<Cleaned> {
  const all = { removed: 0, unsigned: 0 };
  // Name by name: a spool may hold a million. A directory that is not there yet has nothing to remove.
  const entries = await opendir(directory, { encoding: 'buffer' as BufferEncoding }).catch(() => []);
  for await (const entry of entries) {
    if (ending?.aborted === true) break;
    // The types know nothing of Buffers here.
    const name = (entry.name as unknown as Buffer).toString('latin1');
    if (!name.startsWith('.') || kept.has(name)) continue;
    const path = pathInside(directory, name);
    const state = await stateOf(path, name);
    if (state === 'unsigned') all.unsigned++;
    if (state === 'abandoned') {
      await unlink(path).then(
        () => all.removed++,
        () => undefined,
      );
    }
  }
  return all;
}

async function stateOf(path: Buffer, name: string): Promise<'abandoned' | 'unsigned' | 'in use'> {
  const found = await lstat(path).catch(() => undefined);
  if (found?.isFile() !== true) return 'in use';
  const owner = isLockName(name) ? await readFile(path, 'latin1').catch(() => '') : name;
  // One that comes from elsewhere may be given an earlier time.
  if (isAbandoned(owner, Date.now() - Math.max(found.mtimeMs, found.ctimeMs))) return 'abandoned';
  return owner === '' ? 'unsigned' : 'in use';
}
