/** A file that is being written beside its final name, and appears there whole or not at all (N3). */
import { constants } from 'node:fs';
import { type FileHandle, link, lstat, open, rename, unlink } from 'node:fs/promises';
import { Refusal } from '../protocol/errors.ts';
import { cannotStore } from './disk-error.ts';
import type { Reservation } from './free-space.ts';
import { pathInside } from './inside.ts';
import { lockName, stagedName } from './owner.ts';
import type { Incoming } from './store.ts';
import { openDirectory, syncOpen } from './sync-directory.ts';

export interface Target {
  readonly directory: Buffer;
  /** The final name, as latin-1. */
  readonly name: string;
  readonly overwrite: boolean;
  /** Whether commit waits for the disk. */
  readonly fsync: boolean;
}

/** N5: 0660 after the umask. */
const MODE = 0o666;
const { O_CREAT, O_EXCL, O_WRONLY, O_NOFOLLOW } = constants;
/** What file systems without hard links answer to link() (N4). */
export const NO_LINKS: readonly (string | undefined)[] = [
  'EPERM',
  'ENOTSUP',
  'EOPNOTSUPP',
  'ENOSYS',
  'EMLINK',
];

export class StagedFile implements Incoming {
  readonly #target: Target;
  readonly #staged: string;
  readonly #path: Buffer;
  readonly #final: Buffer;
  readonly #room: Reservation;
  #handle: FileHandle | undefined;
  #exists = true;

  /**
   * Creates the hidden file, in the directory of the final name since that may be a mount of its own (N4).
   * @throws Refusal
   */
  static async create(target: Target, room: Reservation): Promise<StagedFile> {
    const staged = stagedName();
    const path = pathInside(target.directory, staged);
    const handle = await open(path, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW, MODE).catch(
      (cause: unknown) => {
        room.end();
        throw cannotStore(cause, path);
      },
    );
    return new StagedFile(target, staged, { handle, room });
  }

  private constructor(
    target: Target,
    staged: string,
    resources: { readonly handle: FileHandle; readonly room: Reservation },
  ) {
    this.#target = target;
    this.#staged = staged;
    this.#path = pathInside(target.directory, staged);
    this.#final = pathInside(target.directory, target.name);
    this.#handle = resources.handle;
    this.#room = resources.room;
  }

  async write(chunk: Buffer): Promise<void> {
    await this.#storing(async () => {
      await this.#room.cover(chunk.length);
      for (let written = 0; written < chunk.length;) {
        const handle = this.#handle;
        if (handle === undefined) throw new Error('the file is closed');
        const { bytesWritten } = await handle.write(chunk, written);
        written += bytesWritten;
      }
    });
    this.#room.used(chunk.length);
  }

  async commit(): Promise<void> {
    await this.#storing(async () => {
      const handle = this.#handle;
      if (handle === undefined) throw new Error('the file is closed');
      if (this.#target.fsync) await handle.sync();
      this.#handle = undefined;
      // Errors of close count: NFS reports here what it could not write.
      await handle.close();
      await this.#giveName();
    });
    this.#room.end();
  }

  async discard(): Promise<void> {
    this.#room.end();
    const handle = this.#handle;
    this.#handle = undefined;
    // Whatever fails here, the next start removes what is left.
    await handle?.close().catch(() => undefined);
    if (this.#exists) await unlink(this.#path).catch(() => undefined);
    this.#exists = false;
  }

  /** Opens the directory first: once the file has its name, nothing should be left that can fail. */
  async #giveName(): Promise<void> {
    const directory = this.#target.fsync ? await openDirectory(this.#target.directory) : undefined;
    try {
      if (this.#target.overwrite) await this.#rename();
      else await this.#link();
      if (directory !== undefined) await syncOpen(directory);
    } finally {
      await directory?.close();
    }
  }

  /** Gives the file its name, unless there is one of that name: the kernel decides between two at once. */
  async #link(): Promise<void> {
    try {
      await link(this.#path, this.#final);
    } catch (cause) {
      const { code } = cause as NodeJS.ErrnoException;
      if (NO_LINKS.includes(code)) return this.#underLock();
      if (code !== 'EEXIST') throw cause;
      // NFS may have done it, lost the reply and done it again: then the file has both names. See open(2).
      if ((await lstat(this.#path)).nlink < 2) throw this.#alreadyExists();
    }
    // Its second name; should it stay, the next start removes it.
    await unlink(this.#path).catch(() => undefined);
    this.#exists = false;
  }

  async #rename(): Promise<void> {
    await rename(this.#path, this.#final);
    this.#exists = false;
  }

  /** N4: without hard links, a hidden lock, a check and a rename; never a placeholder under the final name. */
  async #underLock(): Promise<void> {
    const lock = pathInside(this.#target.directory, lockName(this.#target.name));
    await this.#takeLock(lock);
    try {
      if (await exists(this.#final)) throw this.#alreadyExists();
      await this.#rename();
    } finally {
      await unlink(lock).catch(() => undefined);
    }
  }

  /** Whoever holds the lock is storing a file of this name right now, and wins. Abandoned locks go at start. */
  async #takeLock(lock: Buffer): Promise<void> {
    const handle = await open(lock, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW, MODE).catch(
      (cause: unknown) => {
        throw (cause as NodeJS.ErrnoException).code === 'EEXIST' ? this.#alreadyExists() : cause;
      },
    );
    try {
      await handle.writeFile(this.#staged, 'latin1').finally(() => handle.close());
    } catch (cause) {
      await unlink(lock).catch(() => undefined);
      throw cause;
    }
  }

  #alreadyExists(): Refusal {
    return new Refusal('file already exists');
  }

  /** Runs a step; any failure is the transfer's, and named with the path it happened to. */
  async #storing(step: () => Promise<void>): Promise<void> {
    try {
      await step();
    } catch (cause) {
      throw cause instanceof Refusal ? cause : cannotStore(cause, this.#final);
    }
  }
}

/** Whether anything has that name, be it a dangling link. */
export async function exists(path: Buffer): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw cause;
  }
}
