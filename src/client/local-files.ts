/** Reads and writes the files of this host that are sent and fetched. */
// Not node:fs/promises: it takes readline and more with it, a tenth of the time of a plain start.
import * as fs from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import type { Upload } from './client.ts';
import { LocalFileError } from './errors.ts';
import { reasonOf } from '../log/errno.ts';

const open = promisify(fs.open);
const fstat = promisify(fs.fstat);
const read = promisify(fs.read);
const write = promisify(fs.write);
const fsync = promisify(fs.fsync);
const close = promisify(fs.close);
const rename = promisify(fs.rename);
const unlink = promisify(fs.unlink);
const fchmod = promisify(fs.fchmod);
const fchown = promisify(fs.fchown);
const stat = promisify(fs.stat);
const realpath = promisify(fs.realpath);

const CHUNK = 64 * 1024;
/** What stands in a new file's mode before the umask. */
const MODE = 0o666;
const PERMISSIONS = 0o777;
/** Files of this process so far, so that no two meet. */
let staged = 0;

export interface LocalFile extends Upload {
  readonly close: () => Promise<void>;
}

/**
 * Opens a file to be sent. A FIFO or device is refused without waiting for it.
 * @param path as the system spells it; a Buffer where that is not UTF-8
 * @param name the name to store it under, as latin-1; by default the base name of the path (C3)
 * @throws LocalFileError, also for an empty file: the protocol has none
 */
export async function openLocalFile(path: string | Buffer, name = nameOf(path)): Promise<LocalFile> {
  const fd = await open(path, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK).catch((cause: unknown) => {
    throw new LocalFileError(`Cannot read ${String(path)}: ${reasonOf(cause)}`, { cause });
  });
  try {
    const facts = await fstat(fd);
    if (!facts.isFile()) {
      const kind = facts.isDirectory() ? 'a directory' : 'no regular file';
      throw new LocalFileError(`Cannot send ${String(path)}: it is ${kind}`);
    }
    if (facts.size === 0) {
      throw new LocalFileError(
        `Cannot send ${String(path)}: it is empty, and the protocol has no empty file`,
      );
    }
    return { name, size: facts.size, content: () => contentOf(fd, path, facts.size), close: () => close(fd) };
  } catch (error) {
    await close(fd);
    throw error;
  }
}

/**
 * Writes standard input to a temporary file, since the size must be known first.
 * @throws LocalFileError
 */
export async function spoolInput(
  input: AsyncIterable<Buffer>,
): Promise<{ readonly path: string; readonly remove: () => Promise<void> }> {
  const { mkdtemp, rm } = await import('node:fs/promises');
  const { tmpdir } = await import('node:os');
  const directory = await mkdtemp(join(tmpdir(), 'tentacle-client-'));
  const remove = (): Promise<void> => rm(directory, { recursive: true, force: true });
  try {
    await storeLocalFile(directory, 'input', input);
    if ((await stat(join(directory, 'input'))).size === 0) {
      throw new LocalFileError('Cannot send standard input: it is empty, and the protocol has no empty file');
    }
    return { path: join(directory, 'input'), remove };
  } catch (error) {
    await remove();
    throw error;
  }
}

/** C3: the base name of a path, as latin-1. */
export function nameOf(path: string | Buffer): string {
  const bytes = (typeof path === 'string' ? Buffer.from(path) : path).toString('latin1');
  return basename(bytes);
}

/** At most the bytes that were there when it was opened: a log may grow meanwhile. */
async function* contentOf(
  fd: number,
  path: string | Buffer,
  size: number,
): AsyncGenerator<Buffer, void, undefined> {
  for (let position = 0; position < size;) {
    const want = Math.min(CHUNK, size - position);
    const { bytesRead, buffer } = await read(fd, Buffer.allocUnsafe(want), 0, want, position).catch(
      (cause: unknown) => {
        throw new LocalFileError(`Cannot read ${String(path)}: ${reasonOf(cause)}`, { cause });
      },
    );
    if (bytesRead === 0) return;
    position += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}

/**
 * Writes what arrives to a file, which appears whole or not at all and replaces one of its name, as the reference's.
 * @param directory where to
 * @param name as latin-1
 * @throws LocalFileError, and what the content throws
 */
export async function storeLocalFile(
  directory: string,
  name: string,
  content: AsyncIterable<Buffer>,
): Promise<void> {
  const named = join(directory, Buffer.from(name, 'latin1').toString('utf8'));
  // As the reference, which writes into what is there: through a link, and under its mode and owner.
  const final = await realpath(named).catch(() => named);
  const existing = await stat(final).catch(() => undefined);
  const unique = [process.pid, Date.now(), staged++].map(String).join('.');
  const path = join(dirname(final), `.tentacle_client.${unique}.part`);
  const failed = (cause: unknown): never => {
    throw new LocalFileError(`Cannot write ${final}: ${reasonOf(cause)}`, { cause });
  };
  const fd = await open(path, 'wx', MODE).catch(failed);
  try {
    try {
      for await (const chunk of content) {
        for (let at = 0; at < chunk.length;) {
          const { bytesWritten } = await write(fd, chunk, at, chunk.length - at).catch(failed);
          at += bytesWritten;
        }
      }
      if (existing?.isFile() === true) {
        // Only root may give a file away; the mode alone must not be loosened.
        await fchown(fd, existing.uid, existing.gid).catch(() => undefined);
        await fchmod(fd, existing.mode & PERMISSIONS).catch(failed);
      }
      await fsync(fd).catch(failed);
    } finally {
      await close(fd).catch(failed);
    }
    await rename(path, final).catch(failed);
    await syncDirectory(dirname(final));
  } catch (error) {
    await unlink(path).catch(() => undefined);
    throw error;
  }
}

/** A move is safe only once the new name is on the disk; some file systems cannot say so. */
async function syncDirectory(directory: string): Promise<void> {
  const fd = await open(directory, fs.constants.O_RDONLY).catch(() => undefined);
  if (fd === undefined) return;
  await fsync(fd).catch(() => undefined);
  await close(fd);
}
