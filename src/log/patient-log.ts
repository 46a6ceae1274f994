/** Keeps the lines that a destination refuses, as many as memory may hold, and counts the rest. */
import { count } from './count.ts';
import { isSlowReader, troubleOf } from './trouble.ts';

/** Where lines go. It never throws, and holds on to what it could not write. */
export interface Destination {
  /**
   * Writes what it still holds, then these lines; none at all asks it to try again.
   * @returns why it is stuck, a system error; undefined when it holds nothing
   */
  readonly write: (lines: Buffer) => unknown;
  /** Opens it anew, by its name. */
  readonly reopen: () => void;
  readonly close: () => void;
}

interface Words {
  /** The line that stands where lines are missing, with its LF. */
  readonly lostLine: (message: string, lost: number) => string;
  /** Called once when lines begin to be refused; a reader that is merely slow is no trouble. */
  readonly onTrouble?: (cause: unknown) => void;
}

/** Bytes of unwritten lines. */
const MOST_UNWRITTEN = 1024 * 1024;
const SLOW_READER_MS = 20;
const TROUBLE_MS = 1000;
/** A disk that fills and drains all the time is told about no more often. */
const TELL_INTERVAL_MS = 60_000;
const LF = 0x0a;
const NOTHING = Buffer.alloc(0);

export class PatientLog {
  readonly #destination: Destination;
  readonly #words: Words;
  /** Why it is stuck; undefined: it is not. */
  #cause: unknown;
  /** Bytes that the destination holds, at most. */
  #held = 0;
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  /** Since it is stuck, and why the first was lost. */
  #lost = 0;
  #lostCause: unknown;
  #dropped = 0;
  #timer: NodeJS.Timeout | undefined;
  #told = -Infinity;
  #closed = false;

  constructor(destination: Destination, words: Words) {
    this.#destination = destination;
    this.#words = words;
  }

  /** Lines that were lost since the start. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Writes whole lines, each with its LF, now or when they can be written. Never throws, never blocks on a pipe. */
  write(lines: string | Buffer): void {
    if (this.#closed) return;
    const bytes = typeof lines === 'string' ? Buffer.from(lines) : lines;
    if (this.#cause !== undefined) this.#tryAgain();
    if (this.#cause === undefined) this.#offer(bytes);
    else this.#keep(bytes);
  }

  /** Opens the file anew: it was renamed, or removed. */
  reopen(): void {
    if (this.#closed) return;
    this.#destination.reopen();
    this.#tryAgain();
  }

  /** Tries once more to write what is kept, and ends. */
  close(): void {
    if (this.#closed) return;
    if (this.#cause !== undefined) this.#tryAgain();
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#destination.close();
  }

  #tryAgain(): void {
    this.#offer(NOTHING);
    if (this.#cause === undefined && this.#waitingBytes > 0) {
      const waiting = Buffer.concat(this.#waiting);
      this.#waiting = [];
      this.#waitingBytes = 0;
      this.#offer(waiting);
    }
    if (this.#cause === undefined && this.#lost > 0) this.#tellLost();
  }

  #tellLost(): void {
    const were = this.#lost === 1 ? 'was' : 'were';
    const message = `${count(this.#lost, 'log line')} ${were} lost: ${troubleOf(this.#lostCause)}`;
    const line = this.#words.lostLine(message, this.#lost);
    this.#lost = 0;
    this.#offer(Buffer.from(line));
  }

  #offer(bytes: Buffer): void {
    this.#cause = this.#destination.write(bytes);
    this.#held = this.#cause === undefined ? 0 : this.#held + bytes.length;
    if (this.#cause !== undefined) this.#stuck();
  }

  #keep(bytes: Buffer): void {
    const tooMany = this.#held + this.#waitingBytes + bytes.length > MOST_UNWRITTEN;
    // Once a line is lost, so are those behind it: what is missing is missing at one place.
    if (tooMany || this.#lost > 0) {
      if (this.#lost === 0) this.#lostCause = this.#cause;
      const lines = linesIn(bytes);
      this.#lost += lines;
      this.#dropped += lines;
      return;
    }
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
  }

  #stuck(): void {
    const slow = isSlowReader(this.#cause);
    if (!slow && performance.now() - this.#told > TELL_INTERVAL_MS) {
      this.#told = performance.now();
      this.#words.onTrouble?.(this.#cause);
    }
    if (this.#timer !== undefined) return;
    this.#timer = setTimeout(
      () => {
        this.#timer = undefined;
        if (this.#cause !== undefined) this.#tryAgain();
      },
      slow ? SLOW_READER_MS : TROUBLE_MS,
    );
    // Who reads slowly is waited for at the end of the process; a disk is not.
    if (!slow) this.#timer.unref();
  }
}

function linesIn(bytes: Buffer): number {
  let lines = 0;
  for (let at = bytes.indexOf(LF); at >= 0; at = bytes.indexOf(LF, at + 1)) lines++;
  return lines;
}
