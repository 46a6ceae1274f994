/** A regular file of the spool that is read for a peer, and known to be whole. */
import { constants, type Stats } from 'node:fs';
import { type FileHandle, lstat, open, unlink } from 'node:fs/promises';
import { reasonOf } from '../log/errno.ts';
import { FileChanged, Refusal } from '../protocol/errors.ts';
import type { Outgoing } from './store.ts';

const CHUNK = 64 * 1024;
// O_NONBLOCK: opening a FIFO must not wait for a writer; O_NOFOLLOW: a planted link must not lead out of the spool.
const FLAGS = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW | constants.O_NOCTTY;
const ABSENT: readonly (string | undefined)[] = ['ENOENT', 'ENOTDIR', 'ELOOP', 'ENXIO', 'ENAMETOOLONG'];

export class OutgoingFile implements Outgoing {
  readonly #path: Buffer;
  readonly #handle: FileHandle;
  readonly #facts: Stats;

  /** @throws Refusal when there is no regular file, or it cannot be read */
  static async open(path: Buffer): Promise<OutgoingFile> {
    const handle = await open(path, FLAGS).catch((cause: unknown) => {
      throw notServed(path, cause);
    });
    try {
      const facts = await handle.stat();
      if (!facts.isFile()) throw notServed(path);
      return new OutgoingFile(path, handle, facts);
    } catch (cause) {
      await handle.close();
      throw cause;
    }
  }

  private constructor(path: Buffer, handle: FileHandle, facts: Stats) {
    this.#path = path;
    this.#handle = handle;
    this.#facts = facts;
  }

  get size(): number {
    return this.#facts.size;
  }

  async *content(): AsyncGenerator<Buffer, void, undefined> {
    for (let position = 0; position < this.size;) {
      const want = Math.min(CHUNK, this.size - position);
      const { bytesRead, buffer } = await this.#handle.read(Buffer.allocUnsafe(want), 0, want, position);
      position += bytesRead;
      if (bytesRead === 0) throw this.#changed('it became shorter');
      // The last bytes are held back until it is sure that they belong to the first ones.
      if (position >= this.size && !this.#isAsOpened(await this.#handle.stat()))
        throw this.#changed('it was written to');
      yield buffer.subarray(0, bytesRead);
    }
  }

  async remove(): Promise<boolean> {
    const now = await lstat(this.#path).catch(() => undefined);
    // An inode number alone may be in use again.
    if (now?.ino !== this.#facts.ino || now.dev !== this.#facts.dev || !this.#isAsOpened(now)) return false;
    try {
      await unlink(this.#path);
      return true;
    } catch (cause) {
      // Somebody else took the file at the same time.
      if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return false;
      throw cause;
    }
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }

  #isAsOpened(now: Stats): boolean {
    return now.size === this.#facts.size && now.mtimeMs === this.#facts.mtimeMs;
  }

  #changed(how: string): FileChanged {
    return new FileChanged(`${this.#path.toString('latin1')} changed while it was being sent: ${how}`);
  }
}

function notServed(path: Buffer, cause?: unknown): Refusal {
  const code = (cause as NodeJS.ErrnoException | undefined)?.code;
  if (cause === undefined || ABSENT.includes(code)) return new Refusal('file does not exist');
  // The peer learns no more than that there is nothing for it; the cause is for the log.
  const detail = `${path.toString('latin1')}: ${reasonOf(cause)}`;
  return new Refusal('file does not exist', detail, { cause });
}
