/** Writes lines to numbered files, by pino-roll, with a link that always leads to the live one. */
import { accessSync, constants } from 'node:fs';
import { basename, dirname } from 'node:path';
import roll, { type RollingStream, type RollOptions } from 'pino-roll';
import { codeOf } from './errno.ts';
import { LogSeries } from './log-series.ts';
import type { LogRotation } from './logger.ts';
import type { Destination } from './patient-log.ts';

const LOG_FILE_MODE = 0o640;
const NOTHING = Buffer.alloc(0);

/**
 * With dates in the names pino-roll finds the right number after a restart; without them, it begins again at 1 each
 * day or hour, and appends to the oldest file.
 */
const DATE_FORMAT = { daily: 'yyyy-MM-dd', hourly: 'yyyy-MM-dd-HH' } as const;

/**
 * Opens it, and takes over what stands at the path.
 * @param path absolute, of a regular file or nothing
 * @param onProblem told when it cannot be rotated later on; it is written on all the same
 * @throws Error when the file or its folder cannot be written
 */
export async function openRollingFile(
  path: string,
  rotation: LogRotation,
  onProblem: (cause: unknown) => void,
): Promise<Destination> {
  accessSync(dirname(path), constants.W_OK | constants.X_OK);
  assertWritable(path);
  const series = new LogSeries(path);
  series.takeOver(rotation.frequency);
  const stream = await roll(rollOptions(series, rotation));
  const file = new RollingFile(stream, { series, rotation, onProblem });
  try {
    file.show();
  } catch (cause) {
    file.close();
    throw cause;
  }
  return file;
}

function rollOptions(series: LogSeries, { frequency, maxSize }: LogRotation): RollOptions {
  return {
    file: series.base,
    ...(maxSize > 0 ? { size: `${String(maxSize)}b` } : {}),
    ...(frequency === 'off' ? {} : { frequency, dateFormat: DATE_FORMAT[frequency] }),
    // Asynchronously, or in a worker thread, what is not yet written is lost when the process ends.
    sync: true,
    mode: LOG_FILE_MODE,
    contentMode: 'buffer',
  };
}

function assertWritable(path: string): void {
  try {
    accessSync(path, constants.W_OK);
  } catch (cause) {
    if (codeOf(cause) !== 'ENOENT') throw cause;
  }
}

interface Rolling {
  readonly series: LogSeries;
  readonly rotation: LogRotation;
  readonly onProblem: (cause: unknown) => void;
}

class RollingFile implements Destination {
  readonly #stream: RollingStream;
  readonly #rolling: Rolling;
  #cause: unknown;
  #told = false;

  constructor(stream: RollingStream, rolling: Rolling) {
    this.#stream = stream;
    this.#rolling = rolling;
    // An error of a write comes before the write returns; any other is one of rolling.
    stream.on('error', (cause: unknown) => {
      if ((cause as NodeJS.ErrnoException).syscall === 'write') this.#cause = cause;
      else this.#failed(cause);
    });
    this.#followRolls();
  }

  write(lines: Buffer): unknown {
    this.#cause = undefined;
    // It keeps what it could not write, and begins with that, even when there is nothing to add.
    this.#stream.write(lines);
    return this.#cause;
  }

  reopen(): void {
    try {
      this.#stream.reopen();
    } catch (cause) {
      this.#failed(cause);
    }
  }

  close(): void {
    this.write(NOTHING);
    this.#stream.destroy();
  }

  /** Shows the live file under the log's own name, and removes what is too old. */
  show(): void {
    const { series, rotation } = this.#rolling;
    const live = basename(this.#stream.file);
    // Whatever somebody put there since, such as logrotate's `create`.
    series.takeOver(rotation.frequency);
    series.pointTo(live);
    // pino-roll's own removal takes `server-2.log` for a rotated `server.log`, or else forgets those of earlier runs.
    series.prune(rotation.keep, live);
  }

  #followRolls(): void {
    this.#stream.on('ready', () => {
      try {
        this.show();
        this.#told = false;
      } catch (cause) {
        this.#failed(cause);
      }
    });
  }

  #failed(cause: unknown): void {
    // After a failed open it would close the old file twice at the next one, or by then another file of that number.
    this.#stream.removeAllListeners('ready');
    this.#followRolls();
    // Once: the line that says so may be what the next attempt fails at.
    if (this.#told) return;
    this.#told = true;
    this.#rolling.onProblem(cause);
  }
}
