/** The server's log: its own lines and those of its workers, in a file that a reload may change. */
import { isDeepStrictEqual } from 'node:util';
import { type LogFile, openLogFile } from './log-file.ts';
import { createLogger, type Logger, type LogSettings } from './logger.ts';

export class ServerLog {
  /** Writes to whatever the log is at the moment. */
  readonly logger: Logger;
  #settings: LogSettings;
  #file: LogFile;
  #current: Logger;

  /** @throws Error of the system when the settings are wrong, see openLogFile */
  static async open(settings: LogSettings): Promise<ServerLog> {
    return new ServerLog(settings, await openLogFile(settings));
  }

  private constructor(settings: LogSettings, file: LogFile) {
    this.#settings = settings;
    this.#file = file;
    this.#current = createLogger(settings, file);
    this.logger = {
      error: (...line) => {
        this.#current.error(...line);
      },
      warning: (...line) => {
        this.#current.warning(...line);
      },
      notice: (...line) => {
        this.#current.notice(...line);
      },
      event: (...line) => {
        this.#current.event(...line);
      },
      detail: (...line) => {
        this.#current.detail(...line);
      },
    };
    this.#tellProblem();
  }

  /** Lines that nobody could take. */
  get dropped(): number {
    return this.#file.dropped;
  }

  /** Takes whole lines that are formatted already. */
  write(lines: Buffer): void {
    this.#file.write(lines);
  }

  /** @throws Error as `open` does; then the log goes on where it was */
  async replace(settings: LogSettings): Promise<void> {
    if (isDeepStrictEqual(settings, this.#settings)) return;
    const file = await openLogFile(settings);
    this.#file.close();
    this.#file = file;
    this.#settings = settings;
    this.#current = createLogger(settings, file);
    this.#tellProblem();
  }

  /** Opens the file anew by its name. */
  reopen(): void {
    this.#file.reopen();
  }

  close(): void {
    this.#file.close();
  }

  #tellProblem(): void {
    if (this.#file.problem !== undefined) this.logger.warning(this.#file.problem, { event: 'log' });
  }
}
