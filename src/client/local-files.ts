/** Reads and writes the files of this host that are sent and fetched. */
// Not node:fs/promises: it takes readline and more with it, a tenth of the time of a plain start.
import * as fs from 'node:fs';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import type { Upload } from './client.ts';
import { LocalFileError } from './errors.ts';

const open = promisify(fs.open);
const fstat = promisify(fs.fstat);
const read = promisify(fs.read);
const write = promisify(fs.write);
const fsync = promisify(fs.fsync);
const close = promisify(fs.close);
const rename = promisify(fs.rename);
const unlink = promisify(fs.unlink);

const CHUNK = 64 * 1024;
/** What stands in a new file's mode before the umask. */
const MODE = 0o666;

export interface LocalFile extends Upload {
  readonly close: () => Promise<void>;
}

/**
 * Opens a file to be sent. A FIFO or device is refused without waiting for it.
 * @param path as the system spells it
 * @param name the name to store it under, as latin-1; by default the base name of the path (C3)
 * @throws LocalFileError, also for an empty file: the protocol has none
 */
export async function openLocalFile(path: string, name = nameOf(path)): Promise<LocalFile> {
  const fd = await open(path, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK).catch((cause: unknown) => {
    throw new LocalFileError(`Cannot read ${path}: ${reasonOf(cause)}`, { cause });
  });
  try {
    const facts = await fstat(fd);
    if (!facts.isFile()) {
      const kind = facts.isDirectory() ? 'a directory' : 'no regular file';
      throw new LocalFileError(`Cannot send ${path}: it is ${kind}`);
    }
    if (facts.size === 0) {
      throw new LocalFileError(`Cannot send ${path}: it is empty, and the protocol has no empty file`);
    }
    return { name, size: facts.size, content: () => contentOf(fd, path), close: () => close(fd) };
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
    return { path: join(directory, 'input'), remove };
  } catch (error) {
    await remove();
    throw error;
  }
}

/** C3: the base name of a path, as latin-1. */
export function nameOf(path: string): string {
  return Buffer.from(basename(path)).toString('latin1');
}

async function* contentOf(fd: number, path: string): AsyncGenerator<Buffer, void, undefined> {
  for (let position = 0; ;) {
    const { bytesRead, buffer } = await read(fd, Buffer.allocUnsafe(CHUNK), 0, CHUNK, position).catch(
      (cause: unknown) => {
        throw new LocalFileError(`Cannot read ${path}: ${reasonOf(cause)}`, { cause });
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
  const final = join(directory, Buffer.from(name, 'latin1').toString('utf8'));
  const staged = join(directory, `.tentacle_client.${String(process.pid)}.${String(Date.now())}.part`);
  const failed = (cause: unknown): never => {
    throw new LocalFileError(`Cannot write ${final}: ${reasonOf(cause)}`, { cause });
  };
  const fd = await open(staged, 'wx', MODE).catch(failed);
  try {
    try {
      for await (const chunk of content) {
        for (let at = 0; at < chunk.length;) {
          const { bytesWritten } = await write(fd, chunk, at, chunk.length - at).catch(failed);
          at += bytesWritten;
        }
      }
      await fsync(fd).catch(failed);
    } finally {
      await close(fd).catch(failed);
    }
    await rename(staged, final).catch(failed);
  } catch (error) {
    await unlink(staged).catch(() => undefined);
    throw error;
  }
}

function reasonOf(cause: unknown): string {
  const { code, message } = cause as NodeJS.ErrnoException;
  switch (code) {
    case 'ENOENT':
      return 'it does not exist';
    case 'EACCES':
    case 'EPERM':
      return 'permission denied';
    case 'EISDIR':
      return 'it is a directory';
    case 'ENOSPC':
    case 'EDQUOT':
      return 'the disk is full';
    default:
      return message;
  }
}
