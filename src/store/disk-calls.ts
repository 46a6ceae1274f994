/** The few calls that files of the spool are made of: in another thread, or at once. */
import {
  close,
  closeSync,
  fstat,
  fstatSync,
  futimes,
  futimesSync,
  link,
  linkSync,
  lstat,
  lstatSync,
  open,
  openSync,
  read,
  readSync,
  rename,
  renameSync,
  type Stats,
  unlink,
  unlinkSync,
  write,
  writeSync,
} from 'node:fs';
import { promisify } from 'node:util';

type Now<T> = T | Promise<T>;

/** Bare descriptors, since both ways have them: who closes one has waited for its calls, or they would hit another file. */
export interface DiskCalls {
  open(path: Buffer, flags: number, mode?: number): Now<number>;
  /** Bytes that were read. */
  read(fd: number, into: Buffer, position: number): Now<number>;
  /** Bytes that were written, at the end: perhaps fewer. */
  write(fd: number, bytes: Buffer): Now<number>;
  fstat(fd: number): Now<Stats>;
  /** Says when it was written and read last: seconds since the epoch. */
  touch(fd: number, seconds: number): Now<void>;
  close(fd: number): Now<void>;
  /** Undefined when nothing has that name. */
  lstat(path: Buffer): Now<Stats | undefined>;
  link(from: Buffer, to: Buffer): Now<void>;
  rename(from: Buffer, to: Buffer): Now<void>;
  unlink(path: Buffer): Now<void>;
}

const IN_THREAD = {
  open: promisify(open),
  read: promisify(read),
  write: promisify(write),
  fstat: promisify(fstat),
  futimes: promisify(futimes),
  lstat: promisify(lstat),
};

/** In libuv's threads: whatever hangs there, the process goes on. A hand-over costs some 50 microseconds. */
export const inThread: DiskCalls = {
  open: (path, flags, mode) => IN_THREAD.open(path, flags, mode),
  read: async (fd, into, position) => (await IN_THREAD.read(fd, into, 0, into.length, position)).bytesRead,
  write: async (fd, bytes) => (await IN_THREAD.write(fd, bytes)).bytesWritten,
  fstat: (fd) => IN_THREAD.fstat(fd),
  touch: (fd, seconds) => IN_THREAD.futimes(fd, seconds, seconds),
  close: promisify(close),
  lstat: async (path) => {
    try {
      return await IN_THREAD.lstat(path);
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw cause;
    }
  },
  link: promisify(link),
  rename: promisify(rename),
  unlink: promisify(unlink),
};

/** Here and now: 2 to 20 microseconds on a local disk. */
export const atOnce: DiskCalls = {
  open: openSync,
  read: (fd, into, position) => readSync(fd, into, 0, into.length, position),
  write: (fd, bytes) => writeSync(fd, bytes),
  fstat: (fd) => fstatSync(fd),
  touch: (fd, seconds) => {
    futimesSync(fd, seconds, seconds);
  },
  close: closeSync,
  lstat: (path) => lstatSync(path, { throwIfNoEntry: false }),
  link: linkSync,
  rename: renameSync,
  unlink: unlinkSync,
};
