/** Writes lines to a file, FIFO, terminal or device that is opened once and kept open. */
import { closeSync, constants, openSync, writeSync } from 'node:fs';
import type { Destination } from './patient-log.ts';
import { keepsFile } from './trouble.ts';

const OPEN_INTERVAL_MS = 1000;
/** Standard input, output and error are the process's own. */
const LAST_STANDARD_FD = 2;
const LOG_FILE_MODE = 0o640;
const LF = 0x0a;
const NOTHING = Buffer.alloc(0);

/** Opens a path for appending; whatever it is, neither this nor a write waits for a reader. */
export function openPath(path: string): number {
  const flags = constants.O_WRONLY | constants.O_APPEND | constants.O_NONBLOCK | constants.O_NOCTTY;
  try {
    // O_CREAT on what exists is refused in sticky folders (fs.protected_fifos, fs.protected_regular).
    return openSync(path, flags);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw cause;
    return openSync(path, flags | constants.O_CREAT, LOG_FILE_MODE);
  }
}

export class PlainFile implements Destination {
  readonly #open: () => number;
  #fd: number | undefined;
  #notBefore = -Infinity;
  #cause: unknown;
  #chunk = NOTHING;
  /** Bytes of the chunk. */
  #written = 0;

  /** @param open gives a file descriptor that never blocks, or throws */
  constructor(open: () => number) {
    this.#open = open;
    this.#openNow();
  }

  /** Why it is not open; undefined when it is. */
  get problem(): unknown {
    return this.#fd === undefined ? this.#cause : undefined;
  }

  write(lines: Buffer): unknown {
    if (lines.length > 0) {
      this.#chunk = Buffer.concat([this.#chunk.subarray(this.#written), lines]);
      this.#written = 0;
    }
    if (this.#fd === undefined && performance.now() >= this.#notBefore) this.#openNow();
    if (this.#fd === undefined) return this.#cause;
    try {
      while (this.#written < this.#chunk.length)
        this.#written += writeSync(this.#fd, this.#chunk, this.#written);
      this.#chunk = NOTHING;
      this.#written = 0;
      return undefined;
    } catch (cause) {
      this.#cause = cause;
      if (!keepsFile(cause)) this.close();
      return cause;
    }
  }

  reopen(): void {
    this.close();
    this.#openNow();
  }

  close(): void {
    // A new file, a new reader: it gets whole lines.
    if (this.#written > 0) this.#written = this.#chunk.lastIndexOf(LF, this.#written - 1) + 1;
    const fd = this.#fd;
    this.#fd = undefined;
    try {
      if (fd !== undefined && fd > LAST_STANDARD_FD) closeSync(fd);
    } catch {
      // Closed all the same; what it says of written lines comes too late.
    }
  }

  #openNow(): void {
    this.#notBefore = performance.now() + OPEN_INTERVAL_MS;
    try {
      this.#fd = this.#open();
    } catch (cause) {
      this.#cause = cause;
    }
  }
}
