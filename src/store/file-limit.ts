/** Keeps the number of files in each directory of the spool within max_files. */
import { opendir } from 'node:fs/promises';
import { count } from '../log/count.ts';
import { crowdWarning } from '../log/crowd.ts';
import type { Logger } from '../log/logger.ts';
import { Refusal } from '../protocol/errors.ts';
import { monotonicMs } from '../protocol/timer.ts';

/** So long a count is believed, at least; then whoever takes files away is noticed, and what other workers put there. */
const BELIEVED_MS = 100;
/** Of the time, how much may go into counting: one part in so many. */
const COUNTING_SHARE = 20;
/** Names that are read at a time. */
const AT_A_TIME = 1024;

/** Hears of each file that was refused, and where. */
export type OnFull = (directory: Buffer) => void;

/** What an administrator hears of it. */
export function fullWarning(maxFiles: number, log: Pick<Logger, 'warning'>): OnFull {
  return crowdWarning(log, (files, directory: Buffer) => {
    const where = `max_files ${String(maxFiles)} reached in ${directory.toString()}`;
    return `${where}: ${count(files, 'file')} refused; files there are not taken away as fast as they come`;
  });
}

/** What is known of a directory. */
interface Known {
  /** As counted, plus those that were admitted since, minus those that did not come. */
  files: number;
  /** Admitted since the count in progress began, which may have missed them. */
  meanwhile: number;
  untilMs: number;
  counting: Promise<void> | undefined;
}

/** Each directory by itself: whoever fills one with names of their own must not keep the files of the others out. */
export class FileLimit {
  readonly #maxFiles: number;
  readonly #onFull: OnFull;
  readonly #known = new Map<string, Known>();

  /**
   * @param maxFiles from how many on none is admitted; 0: all are
   * @param onFull hears of each refusal
   */
  constructor(maxFiles: number, onFull: OnFull = () => undefined) {
    this.#maxFiles = maxFiles;
    this.#onFull = onFull;
  }

  /**
   * Counts a file that is to be stored. Waits for the disk only where the directory seems full, or was never counted.
   * @returns to be called if it is not stored after all
   * @throws Refusal when the directory is full, and file system errors as they are
   */
  async admit(directory: Buffer): Promise<() => void> {
    if (this.#maxFiles === 0) return () => undefined;
    const known = this.#of(directory);
    const isStale = monotonicMs() >= known.untilMs;
    if (isStale) known.counting ??= this.#count(directory, known);
    // Nobody need wait for it, or hear why it fails: the next one counts again.
    known.counting?.catch(() => undefined);
    if (known.files >= this.#maxFiles) await known.counting;
    if (known.files >= this.#maxFiles) this.#refuse(directory);
    known.files++;
    known.meanwhile++;
    return () => known.files--;
  }

  #of(directory: Buffer): Known {
    const path = directory.toString('latin1');
    const known = this.#known.get(path) ?? {
      files: Infinity,
      meanwhile: 0,
      untilMs: -Infinity,
      counting: undefined,
    };
    this.#known.set(path, known);
    return known;
  }

  #refuse(directory: Buffer): never {
    this.#onFull(directory);
    const path = directory.toString('latin1');
    throw new Refusal('too many files', `${path}: max_files ${String(this.#maxFiles)} is reached`);
  }

  async #count(directory: Buffer, known: Known): Promise<void> {
    const start = monotonicMs();
    known.meanwhile = 0;
    try {
      known.files = (await countFiles(directory, this.#maxFiles)) + known.meanwhile;
      const end = monotonicMs();
      known.untilMs = end + Math.max(BELIEVED_MS, (end - start) * COUNTING_SHARE);
    } finally {
      known.counting = undefined;
    }
  }
}

/** Counts what is no directory, unfinished files included; Infinity: `enough` or more, which is all there is to know. */
async function countFiles(directory: Buffer, enough: number): Promise<number> {
  let files = 0;
  // The types know nothing of Buffers here.
  const path = directory as unknown as string;
  for await (const entry of await opendir(path, { encoding: 'latin1', bufferSize: AT_A_TIME })) {
    if (!entry.isDirectory() && ++files >= enough) return Infinity;
  }
  return files;
}
