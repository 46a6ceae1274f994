/** A regular file of the spool that is read for a peer, and known to be whole. */
import { constants, type Stats } from 'node:fs';
import { reasonOf } from '../log/errno.ts';
import { FileChanged, Refusal } from '../protocol/errors.ts';
import { Disk } from './disk.ts';
import { inThread } from './disk-calls.ts';
import type { Outgoing } from './store.ts';

const CHUNK = 64 * 1024;
// O_NONBLOCK: opening a FIFO must not wait for a writer; O_NOFOLLOW: a planted link must not lead out of the spool.
const FLAGS = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW | constants.O_NOCTTY;
const ABSENT: readonly (string | undefined)[] = ['ENOENT', 'ENOTDIR', 'ELOOP', 'ENXIO', 'ENAMETOOLONG'];

export class OutgoingFile implements Outgoing {
  readonly #path: Buffer;
  readonly #disk: Disk;
  readonly #facts: Stats;
  #fd: number | undefined;
  /** The last call by the descriptor, which must not be closed, and perhaps given to another file, before it is over. */
  #reading: Promise<unknown> = Promise.resolve();

  /** @throws Refusal when there is no regular file, or it cannot be read */
  static async open(path: Buffer): Promise<OutgoingFile> {
    const disk = Disk.around(path);
    const fd = await opened(path, disk);
    try {
      const facts = await disk.fstat(fd);
      if (!facts.isFile()) throw notServed(path);
      return new OutgoingFile(path, { disk, fd, facts });
    } catch (cause) {
      await disk.close(fd);
      throw cause;
    }
  }

  private constructor(
    path: Buffer,
    opened: { readonly disk: Disk; readonly fd: number; readonly facts: Stats },
  ) {
    this.#path = path;
    this.#disk = opened.disk;
    this.#fd = opened.fd;
    this.#facts = opened.facts;
  }

  get size(): number {
    return this.#facts.size;
  }

  async *content(): AsyncGenerator<Buffer, void, undefined> {
    // What fits into one chunk is read at once; of more, the rest may have to come from the disk while others wait.
    const calls = this.size <= CHUNK ? this.#disk : inThread;
    for (let position = 0; position < this.size;) {
      const buffer = Buffer.allocUnsafe(Math.min(CHUNK, this.size - position));
      const bytes = await this.#using((fd) => calls.read(fd, buffer, position));
      position += bytes;
      if (bytes === 0) throw this.#changed('it became shorter');
      // The last bytes are held back until it is sure that they belong to the first ones.
      if (position >= this.size && !this.#isAsOpened(await this.#using((fd) => calls.fstat(fd))))
        throw this.#changed('it was written to');
      yield buffer.subarray(0, bytes);
    }
  }

  async remove(): Promise<boolean> {
    const now = await this.#disk.lstat(this.#path).catch(() => undefined);
    // An inode number alone may be in use again.
    if (now?.ino !== this.#facts.ino || now.dev !== this.#facts.dev || !this.#isAsOpened(now)) return false;
    try {
      await this.#disk.unlink(this.#path);
      return true;
    } catch (cause) {
      // Somebody else took the file at the same time.
      if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return false;
      throw cause;
    }
  }

  async close(): Promise<void> {
    const fd = this.#fd;
    this.#fd = undefined;
    await this.#reading.catch(() => undefined);
    if (fd !== undefined) await this.#disk.close(fd);
  }

  #using<T>(call: (fd: number) => T | Promise<T>): Promise<T> {
    if (this.#fd === undefined) throw new Error('the file is closed');
    const reading = Promise.resolve(call(this.#fd));
    this.#reading = reading;
    return reading;
  }

  #isAsOpened(now: Stats): boolean {
    return now.size === this.#facts.size && now.mtimeMs === this.#facts.mtimeMs;
  }

  #changed(how: string): FileChanged {
    return new FileChanged(`${this.#path.toString('latin1')} changed while it was being sent: ${how}`);
  }
}

async function opened(path: Buffer, disk: Disk): Promise<number> {
  try {
    await disk.recent();
  } catch {
    // What is wrong, opening the file tells.
  }
  try {
    return await disk.open(path, FLAGS);
  } catch (cause) {
    throw notServed(path, cause);
  }
}

function notServed(path: Buffer, cause?: unknown): Refusal {
  const code = (cause as NodeJS.ErrnoException | undefined)?.code;
  if (cause === undefined || ABSENT.includes(code)) return new Refusal('file does not exist');
  // The peer learns no more than that there is nothing for it; the cause is for the log.
  const detail = `${path.toString('latin1')}: ${reasonOf(cause)}`;
  return new Refusal('file does not exist', detail, { cause });
}
