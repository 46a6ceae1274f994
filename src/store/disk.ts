/** The disk that a directory is on: calls it at once while it is local and prompt, else in another thread. */
import { fsync, type Stats } from 'node:fs';
import { stat, statfs } from 'node:fs/promises';
import { promisify } from 'node:util';
import { monotonicMs } from '../protocol/timer.ts';
import { atOnce, type DiskCalls, inThread } from './disk-calls.ts';
import { DirectorySync } from './directory-sync.ts';
import { DiskPace, UNKNOWN } from './disk-pace.ts';

/** What a look at a directory told of its disk. */
export interface Look {
  /** As stat calls it. */
  readonly device: number;
  /** Bytes; Infinity where a file system knows no sizes. */
  readonly free: number;
}

/** So long a look is believed: then a file system that was mounted there is noticed. */
const BELIEVED_MS = 100;
/** After so long without a look, something that hangs may be mounted there: at the end of a long transfer, perhaps. */
const STALE_MS = 5000;
const SLASH = 0x2f;
const inThreadFsync = promisify(fsync);

/**
 * Whoever calls it for the first time, or after a while, first asks for a `recent` look: until then calls go to another
 * thread. File system errors are thrown as they are.
 */
export class Disk implements DiskCalls {
  static readonly #known = new Map<string, Disk>();
  /** Of files that were given names in the directory. */
  readonly names = new DirectorySync();
  readonly #directory: Buffer;
  readonly #pace = new DiskPace();
  #look: Look | undefined;
  #lookedMs = -Infinity;
  #looking: Promise<Look> | undefined;

  /** The one of a directory. */
  static of(directory: Buffer): Disk {
    const path = directory.toString('latin1');
    const disk = Disk.#known.get(path) ?? new Disk(directory);
    Disk.#known.set(path, disk);
    return disk;
  }

  /** The one of the directory that a file is in. */
  static around(path: Buffer): Disk {
    return Disk.of(path.subarray(0, path.lastIndexOf(SLASH)));
  }

  private constructor(directory: Buffer) {
    this.#directory = directory;
  }

  /** What was seen within the last tenth of a second. */
  recent(): Look | Promise<Look> {
    if (this.#look !== undefined && monotonicMs() < this.#lookedMs + BELIEVED_MS) return this.#look;
    this.#looking ??= this.look().finally(() => (this.#looking = undefined));
    return this.#looking;
  }

  /** What can be seen now. In other threads, always: what was mounted there meanwhile may hang. */
  async look(): Promise<Look> {
    const startMs = monotonicMs();
    try {
      const [{ dev }, { type, bavail, bsize, blocks }] = await Promise.all([
        stat(this.#directory),
        statfs(this.#directory),
      ]);
      this.#pace.isOn(type);
      this.#lookedMs = startMs;
      // Some FUSE file systems know no sizes and report none.
      this.#look = { device: dev, free: blocks === 0 ? Infinity : bavail * bsize };
      return this.#look;
    } catch (cause) {
      this.#pace.isOn(UNKNOWN);
      this.#lookedMs = -Infinity;
      throw cause;
    }
  }

  open(path: Buffer, flags: number, mode?: number): Promise<number> {
    return this.#call((calls) => calls.open(path, flags, mode));
  }

  read(fd: number, into: Buffer, position: number): Promise<number> {
    return this.#call((calls) => calls.read(fd, into, position));
  }

  write(fd: number, bytes: Buffer): Promise<number> {
    return this.#call((calls) => calls.write(fd, bytes));
  }

  fstat(fd: number): Promise<Stats> {
    return this.#call((calls) => calls.fstat(fd));
  }

  touch(fd: number, seconds: number): Promise<void> {
    return this.#call((calls) => calls.touch(fd, seconds));
  }

  /** Waits for the hardware: always in another thread. */
  fsync(fd: number): Promise<void> {
    return inThreadFsync(fd);
  }

  close(fd: number): Promise<void> {
    return this.#call((calls) => calls.close(fd));
  }

  lstat(path: Buffer): Promise<Stats | undefined> {
    return this.#call((calls) => calls.lstat(path));
  }

  link(from: Buffer, to: Buffer): Promise<void> {
    return this.#call((calls) => calls.link(from, to));
  }

  rename(from: Buffer, to: Buffer): Promise<void> {
    return this.#call((calls) => calls.rename(from, to));
  }

  /**
   * Gives a name for somebody who must know of it in the same breath: on a local disk it is waited for, even if that is
   * slow for now.
   */
  async nameAtOnce(way: 'link' | 'rename', from: Buffer, to: Buffer): Promise<void> {
    await (this.#pace.isLocal ? atOnce : inThread)[way](from, to);
  }

  unlink(path: Buffer): Promise<void> {
    return this.#call((calls) => calls.unlink(path));
  }

  async #call<T>(call: (calls: DiskCalls) => T | Promise<T>): Promise<T> {
    const nowMs = monotonicMs();
    const isKnown = nowMs < this.#lookedMs + STALE_MS;
    return isKnown && this.#pace.isPrompt(nowMs) ? this.#timed(call, nowMs) : call(inThread);
  }

  #timed<T>(call: (calls: DiskCalls) => T, startMs: number): T {
    try {
      return call(atOnce);
    } finally {
      const endMs = monotonicMs();
      this.#pace.took(endMs - startMs, endMs);
    }
  }
}
