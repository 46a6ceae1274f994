/** In which order files are sent: the oldest first, those that failed after a pause, none to two senders at a time. */
import { reasonOf } from '../log/errno.ts';
import type { Logger } from '../log/logger.ts';
import { monotonicMs, timerMs } from '../protocol/timer.ts';
import type { QueueDirectory, QueuedFile, Totals } from '../store/queue-directory.ts';

/** Names kept in memory; the others wait on the disk. */
const WINDOW = 50_000;
/** Others put files into the directory, too. */
const LOOK_MS = 1000;
/** Of the time, how much may go into looking: one part in so many. */
const LOOKING_SHARE = 10;

/** While the directory cannot be read, the log hears so often. */
const TROUBLE_MS = 60_000;

export interface QueueOptions {
  readonly log: Logger;
  /** Names kept in memory. */
  readonly window?: number;
}

type Disk = Pick<QueueDirectory, 'scan' | 'reject'>;

export class Queue {
  readonly #directory: Disk;
  readonly #log: Logger;
  readonly #window: number;
  /** Oldest first. */
  #ready: QueuedFile[] = [];
  /** Files that failed and are due again, oldest first. */
  #again: QueuedFile[] = [];
  #wasAgain = false;
  /** Of those two. */
  readonly #names = new Set<string>();
  /** Handed out, and not settled. */
  readonly #inFlight = new Set<string>();
  /** Files that failed, and when they are due again, on the monotonic clock. */
  readonly #deferred = new Map<string, { readonly file: QueuedFile; readonly dueMs: number }>();
  #dueMs = Infinity;
  /** Whether there is nothing on the disk that is not in memory, as far as this process was told. */
  #complete = false;
  #totals: Totals = { files: 0, bytes: 0, oldestMs: undefined };
  #looking: Promise<void> | undefined;
  /** What was stored while the directory was being looked at, which may have missed it. */
  #meanwhile: QueuedFile[] = [];
  /** When the last look was over, and how long to rest after it. */
  #lookedMs = -Infinity;
  #restMs = 0;
  #toldMs = -Infinity;
  /** They wait for a change of any kind. */
  readonly #waiters = new Set<() => void>();
  /** Senders that wait in take(). */
  #takers = 0;

  constructor(directory: Disk, { log, window = WINDOW }: QueueOptions) {
    this.#directory = directory;
    this.#log = log;
    this.#window = window;
  }

  /** What is in the directory, as it was last looked at. */
  get totals(): Totals {
    return this.#totals;
  }

  /**
   * The oldest file that is not handed out yet: the caller's until done() or later().
   * @returns undefined when there was none for so many milliseconds, or the signal ended the wait
   */
  async take(patienceMs: number, signal: AbortSignal): Promise<QueuedFile | undefined> {
    const deadline = monotonicMs() + patienceMs;
    this.#takers++;
    try {
      for (;;) {
        if (signal.aborted) return undefined;
        // While all that is left has failed before, there may be better on the disk.
        if (monotonicMs() >= this.#dueLookMs()) {
          await this.look();
          continue;
        }
        const file = this.#first();
        if (file !== undefined) return file;
        if (monotonicMs() >= deadline) return undefined;
        await this.#news(deadline, signal);
      }
    } finally {
      this.#takers--;
    }
  }

  /** Waits until there are so many files more than senders that wait for one, or the signal ends the wait. */
  async untilWaiting(files: number, signal: AbortSignal): Promise<void> {
    while (!signal.aborted && this.#waiting() - this.#takers < files) await this.#news(Infinity, signal);
  }

  /** The file needs no more sending: it was delivered, rejected, or is gone. */
  done({ name, size }: QueuedFile): void {
    this.#inFlight.delete(name);
    const { files, bytes, oldestMs } = this.#totals;
    this.#totals = { files: Math.max(files - 1, 0), bytes: Math.max(bytes - size, 0), oldestMs };
  }

  /**
   * Puts the file aside, for somebody to look at.
   * @returns the name that it has in `rejected/`; undefined when it is gone
   * @throws the system's error; then it is still the caller's
   */
  async reject(file: QueuedFile): Promise<string | undefined> {
    const name = await this.#directory.reject(file.name);
    this.done(file);
    return name;
  }

  /** The file is to be sent after a pause; others go on. Milliseconds. */
  later(file: QueuedFile, pauseMs: number): void {
    this.#inFlight.delete(file.name);
    const dueMs = monotonicMs() + pauseMs;
    this.#deferred.set(file.name, { file, dueMs });
    this.#dueMs = Math.min(this.#dueMs, dueMs);
    this.#wake();
  }

  /** This process has just stored a file: it need not be looked for. */
  added(name: string, size: number): void {
    const { files, bytes, oldestMs } = this.#totals;
    this.#totals = { files: files + 1, bytes: bytes + size, oldestMs: oldestMs ?? Date.now() };
    if (this.#has(name)) return;
    // Older ones on the disk go first, and are found when it is looked at again.
    if (!this.#complete || this.#ready.length >= this.#window) {
      this.#complete = false;
      return;
    }
    const file = { name, size, mtimeMs: Date.now() };
    this.#append(file);
    if (this.#looking !== undefined) this.#meanwhile.push(file);
    this.#wake();
  }

  /** Looks at the directory now, unless that would take more than its share of the time. */
  async look(): Promise<void> {
    if (this.#looking === undefined && monotonicMs() < this.#lookedMs + this.#restMs) return;
    this.#looking ??= this.#refill().finally(() => {
      this.#looking = undefined;
      this.#wake();
    });
    await this.#looking;
  }

  async #refill(): Promise<void> {
    const start = monotonicMs();
    let leastRestMs = 0;
    try {
      // Those that are handed out or failed must not crowd out the others.
      const limit = this.#window + this.#inFlight.size + this.#deferred.size + this.#again.length;
      const { oldest, ...totals } = await this.#directory.scan(limit);
      this.#totals = totals;
      this.#complete = totals.files <= oldest.length;
      this.#ready = [];
      this.#names.clear();
      for (const { name } of this.#again) this.#names.add(name);
      for (const file of [...oldest, ...this.#meanwhile]) if (!this.#has(file.name)) this.#append(file);
    } catch (cause) {
      leastRestMs = LOOK_MS;
      this.#tell(cause);
    }
    this.#meanwhile = [];
    this.#lookedMs = monotonicMs();
    this.#restMs = Math.max((this.#lookedMs - start) * LOOKING_SHARE, leastRestMs);
  }

  #tell(cause: unknown): void {
    if (monotonicMs() < this.#toldMs + TROUBLE_MS) return;
    this.#toldMs = monotonicMs();
    this.#log.error(`Cannot read the queue: ${reasonOf(cause)}; trying again`, { event: 'queue' });
  }

  #append(file: QueuedFile): void {
    this.#ready.push(file);
    this.#names.add(file.name);
  }

  #has(name: string): boolean {
    return this.#names.has(name) || this.#inFlight.has(name) || this.#deferred.has(name);
  }

  /** Files that could be handed out at once. */
  #waiting(): number {
    this.#recall();
    return this.#again.length + this.#ready.length;
  }

  /** One that failed comes before the others, but never two: however many fail for ever, others get their turn. */
  #first(): QueuedFile | undefined {
    this.#recall();
    this.#wasAgain = this.#again.length > 0 && !(this.#wasAgain && this.#ready.length > 0);
    const file = (this.#wasAgain ? this.#again : this.#ready).shift();
    if (file === undefined) return undefined;
    this.#names.delete(file.name);
    this.#inFlight.add(file.name);
    return file;
  }

  /** Finds the deferred files that are due. */
  #recall(): void {
    const now = monotonicMs();
    if (now < this.#dueMs) return;
    const due = [...this.#deferred.values()].filter(({ dueMs }) => dueMs <= now).map(({ file }) => file);
    for (const { name } of due) {
      this.#deferred.delete(name);
      this.#names.add(name);
    }
    this.#again = [...this.#again, ...due].sort((a, b) => a.mtimeMs - b.mtimeMs);
    this.#dueMs = Infinity;
    for (const { dueMs } of this.#deferred.values()) this.#dueMs = Math.min(this.#dueMs, dueMs);
  }

  /** Waits for a change, at most until `deadline`, and sees to it that the directory is looked at meanwhile. */
  async #news(deadline: number, signal: AbortSignal): Promise<void> {
    const lookMs = this.#dueLookMs();
    const now = monotonicMs();
    if (now >= lookMs) return this.look();
    await new Promise<void>((resolve) => {
      const wake = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', wake);
        this.#waiters.delete(wake);
        resolve();
      };
      const timer = setTimeout(wake, timerMs(Math.min(deadline, this.#dueMs, lookMs) - now));
      signal.addEventListener('abort', wake);
      this.#waiters.add(wake);
    });
  }

  /** When the directory should be looked at: only once no new file is left, and soon if it is known to hold more. */
  #dueLookMs(): number {
    if (this.#ready.length > 0 || this.#looking !== undefined) return Infinity;
    return this.#lookedMs + (this.#complete ? Math.max(this.#restMs, LOOK_MS) : this.#restMs);
  }

  #wake(): void {
    for (const wake of [...this.#waiters]) wake();
  }
}
