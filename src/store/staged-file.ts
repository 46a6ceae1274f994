/** A file that is being written beside its final name, and appears there whole or not at all (N3). */
import { constants, type Stats } from 'node:fs';
import { Refusal } from '../protocol/errors.ts';
import { Disk } from './disk.ts';
import { inThread } from './disk-calls.ts';
import { cannotStore } from './disk-error.ts';
import type { Reservation } from './free-space.ts';
import { pathInside } from './inside.ts';
import { lockName, stagedName } from './owner.ts';
import type { Incoming } from './store.ts';

export interface Target {
  readonly directory: Buffer;
  /** The final name, as latin-1. */
  readonly name: string;
  readonly overwrite: boolean;
  /** Whether commit waits for the disk. */
  readonly fsync: boolean;
  /** When it was written, in milliseconds since the epoch; undefined: now. */
  readonly mtimeMs?: number | undefined;
  readonly witness?: Witness | undefined;
  /** Called with the staged file's path in the moment before it gets its name; what it throws ends the commit. */
  readonly beforeNaming?: ((staged: Buffer) => Promise<void>) | undefined;
}

/**
 * Somebody who answers for the file elsewhere, and must know to the instant whether it has its name. With fsync, all that
 * lasts is made to last before that: the bytes and the hidden name. The name itself may be lost with the power then; who
 * has noted the hidden name gives it again.
 */
export interface Witness {
  /** With fsync: all bytes are written under this hidden name; whether they last is not sure yet. */
  prepare(staged: string): Promise<void>;
  /** The last moment before it gets its name. @throws whatever speaks against that */
  check(): void;
  /** It has the name now; called before anything else happens. */
  named(): Promise<void>;
}

/** N5: 0660 after the umask. */
const MODE = 0o666;
const { O_CREAT, O_EXCL, O_WRONLY, O_NOFOLLOW, O_RDONLY, O_DIRECTORY } = constants;
const NEW = O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW;
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
  readonly #disk: Disk;
  #fd: number | undefined;
  #exists = true;

  /**
   * Creates the hidden file, in the directory of the final name since that may be a mount of its own (N4).
   * @throws Refusal
   */
  static async create(target: Target, room: Reservation): Promise<StagedFile> {
    const staged = stagedName();
    const path = pathInside(target.directory, staged);
    const disk = Disk.of(target.directory);
    const fd = await disk.open(path, NEW, MODE).catch((cause: unknown) => {
      room.end();
      throw cannotStore(cause, path);
    });
    return new StagedFile(target, staged, { disk, fd, room });
  }

  private constructor(
    target: Target,
    staged: string,
    resources: { readonly disk: Disk; readonly fd: number; readonly room: Reservation },
  ) {
    this.#target = target;
    this.#staged = staged;
    this.#path = pathInside(target.directory, staged);
    this.#final = pathInside(target.directory, target.name);
    this.#disk = resources.disk;
    this.#fd = resources.fd;
    this.#room = resources.room;
  }

  async write(chunk: Buffer): Promise<void> {
    try {
      await this.#room.cover(chunk.length);
      await this.#writeAll(this.#open(), chunk);
    } catch (cause) {
      throw this.#refusal(cause);
    }
    this.#room.used(chunk.length);
  }

  async commit(): Promise<void> {
    try {
      const fd = this.#open();
      const { mtimeMs } = this.#target;
      if (mtimeMs !== undefined) await this.#disk.touch(fd, mtimeMs / 1000);
      if (this.#target.fsync) await this.#sync(fd);
      this.#fd = undefined;
      // Errors of close count: NFS reports here what it could not write.
      await this.#disk.close(fd);
      await this.#giveName();
    } catch (cause) {
      throw this.#refusal(cause);
    }
    this.#room.end();
  }

  async discard(): Promise<void> {
    this.#room.end();
    const fd = this.#fd;
    this.#fd = undefined;
    // Whatever fails here, the next start removes what is left.
    if (fd !== undefined) await this.#disk.close(fd).catch(() => undefined);
    if (this.#exists) await this.#disk.unlink(this.#path).catch(() => undefined);
    this.#exists = false;
  }

  /** With a witness, all at once: it can tell later whether the bytes came to last. */
  async #sync(fd: number): Promise<void> {
    const { witness } = this.#target;
    if (witness === undefined) return this.#disk.fsync(fd);
    const { directory, facts } = await this.#openDirectory();
    const all = [
      this.#disk.fsync(fd),
      this.#disk.names.sync({ fd: directory, facts }),
      witness.prepare(this.#staged),
    ];
    try {
      await Promise.all(all);
    } finally {
      // Nobody may use it any more when it is closed.
      await Promise.allSettled(all);
      await this.#disk.close(directory);
    }
  }

  async #openDirectory(): Promise<{ readonly directory: number; readonly facts: Stats }> {
    const directory = await this.#disk.open(this.#target.directory, O_RDONLY | O_DIRECTORY);
    try {
      return { directory, facts: await this.#disk.fstat(directory) };
    } catch (cause) {
      await this.#disk.close(directory);
      throw cause;
    }
  }

  /** Opens the directory first: once the file has its name, nothing should be left that can fail. */
  async #giveName(): Promise<void> {
    const { fsync, witness } = this.#target;
    if (!fsync || witness !== undefined) return this.#appear();
    const { directory, facts } = await this.#openDirectory();
    try {
      await this.#appear();
      await this.#disk.names.sync({ fd: directory, facts });
    } finally {
      await this.#disk.close(directory);
    }
  }

  async #appear(): Promise<void> {
    await this.#target.beforeNaming?.(this.#path);
    this.#target.witness?.check();
    return this.#target.overwrite ? this.#rename() : this.#link();
  }

  #name(way: 'link' | 'rename'): Promise<void> {
    if (this.#target.witness === undefined) return this.#disk[way](this.#path, this.#final);
    return this.#disk.nameAtOnce(way, this.#path, this.#final);
  }

  /** Gives the file its name, unless there is one of that name: the kernel decides between two at once. */
  async #link(): Promise<void> {
    try {
      await this.#name('link');
    } catch (cause) {
      const { code } = cause as NodeJS.ErrnoException;
      if (NO_LINKS.includes(code)) return this.#underLock();
      if (code !== 'EEXIST') throw cause;
      // NFS may have done it, lost the reply and done it again: then the file has both names. See open(2).
      if (((await this.#disk.lstat(this.#path))?.nlink ?? 0) < 2) throw this.#alreadyExists();
    }
    await this.#target.witness?.named();
    // Its second name; should it stay, the next start removes it.
    await this.#disk.unlink(this.#path).catch(() => undefined);
    this.#exists = false;
  }

  async #rename(): Promise<void> {
    await this.#name('rename');
    this.#exists = false;
    await this.#target.witness?.named();
  }

  /** N4: without hard links, a hidden lock, a check and a rename; never a placeholder under the final name. */
  async #underLock(): Promise<void> {
    const lock = pathInside(this.#target.directory, lockName(this.#target.name));
    await this.#takeLock(lock);
    try {
      if ((await this.#disk.lstat(this.#final)) !== undefined) throw this.#alreadyExists();
      await this.#rename();
    } finally {
      await this.#disk.unlink(lock).catch(() => undefined);
    }
  }

  /** Whoever holds the lock is storing a file of this name right now, and wins. Abandoned locks go at start. */
  async #takeLock(lock: Buffer): Promise<void> {
    const fd = await this.#disk.open(lock, NEW, MODE).catch((cause: unknown) => {
      throw (cause as NodeJS.ErrnoException).code === 'EEXIST' ? this.#alreadyExists() : cause;
    });
    try {
      await this.#writeAll(fd, Buffer.from(this.#staged, 'latin1')).finally(() => this.#disk.close(fd));
    } catch (cause) {
      await this.#disk.unlink(lock).catch(() => undefined);
      throw cause;
    }
  }

  #alreadyExists(): Refusal {
    return new Refusal('file already exists');
  }

  #open(): number {
    if (this.#fd === undefined) throw new Error('the file is closed');
    return this.#fd;
  }

  async #writeAll(fd: number, bytes: Buffer): Promise<void> {
    for (let left = bytes; left.length > 0;) left = left.subarray(await this.#disk.write(fd, left));
  }

  /** Any failure is the transfer's, and named with the path it happened to. */
  #refusal(cause: unknown): Refusal {
    return cause instanceof Refusal ? cause : cannotStore(cause, this.#final);
  }
}

/** Whether anything has that name, be it a dangling link. */
export async function exists(path: Buffer): Promise<boolean> {
  return (await inThread.lstat(path)) !== undefined;
}
