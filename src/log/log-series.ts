/** The rotated files of a log, and the symbolic link with the log's own name that leads to the live one. */
import { linkSync, lstatSync, readdirSync, readlinkSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { codeOf } from './errno.ts';
import type { LogRotation } from './logger.ts';

/** What pino-roll takes for an extension: of any other name it makes `NAME.N.log`. */
const EXTENSION = /\.[^.]{2,}$/;
const DATE = String.raw`(?:\d{4}-\d\d-\d\d(?:-\d\d)?\.)?`;

export class LogSeries {
  /** The log file of the settings. */
  readonly path: string;
  readonly #stem: string;
  readonly #extension: string;
  readonly #member: RegExp;

  /** @param path absolute */
  constructor(path: string) {
    this.path = path;
    const name = basename(path);
    this.#extension = EXTENSION.exec(name)?.[0] ?? '.log';
    this.#stem = EXTENSION.test(name) ? name.slice(0, -this.#extension.length) : name;
    const [stem, extension] = [this.#stem, this.#extension].map(literally);
    this.#member = new RegExp(`^${String(stem)}\\.(?<date>${DATE})(?<number>\\d{1,15})${String(extension)}$`);
  }

  /** What pino-roll puts dates and numbers into: `/var/log/server.log` for `/var/log/server.2024-02-03.1.log`. */
  get base(): string {
    return join(dirname(this.path), this.#stem + this.#extension);
  }

  /** The name of the file that the link leads to; undefined when the path is no link to a file of this series. */
  get target(): string | undefined {
    try {
      const target = readlinkSync(this.path);
      return this.#member.test(target) ? target : undefined;
    } catch {
      return undefined;
    }
  }

  /** Whether files of this name are counted as rotated ones, and removed when they are too many. */
  includes(name: string): boolean {
    return this.#member.test(name);
  }

  /** Gives what stands at the path, such as the Perl server's log, a number, so that a link can take its place. */
  takeOver(frequency: LogRotation['frequency']): void {
    const found = lstatSync(this.path, { throwIfNoEntry: false });
    if (found?.isFile() !== true || found.size === 0) return;
    const date = frequency === 'off' ? '' : `${localDate(found.mtime, frequency)}.`;
    for (let number = this.#highest(date) + 1; ; number++) {
      const name = `${this.#stem}.${date}${String(number)}${this.#extension}`;
      if (!giveName(this.path, join(dirname(this.path), name))) continue;
      this.pointTo(name);
      return;
    }
  }

  /** Makes the path a link to a file of its folder, from one moment to the next. */
  pointTo(name: string): void {
    if (this.target === name) return;
    const link = join(dirname(this.path), `.${basename(this.path)}.link`);
    rmSync(link, { force: true });
    symlinkSync(name, link);
    renameSync(link, this.path);
  }

  /** Puts the live file in the place of the link to it: it is rotated no longer. */
  becomeFile(): void {
    const { target } = this;
    if (target !== undefined) renameSync(join(dirname(this.path), target), this.path);
  }

  /** Removes the rotated files that were written to longest ago. */
  prune(keep: number, live: string): void {
    const old = this.#members()
      .filter((name) => name !== live)
      .flatMap((name) => {
        const found = lstatSync(join(dirname(this.path), name), { bigint: true, throwIfNoEntry: false });
        return found?.isFile() === true ? [{ name, time: found.mtimeNs }] : [];
      })
      .sort((a, b) => Number(b.time - a.time) || -a.name.localeCompare(b.name, 'en', { numeric: true }));
    for (const { name } of old.slice(keep)) rmSync(join(dirname(this.path), name), { force: true });
  }

  #members(): string[] {
    return readdirSync(dirname(this.path)).filter((name) => this.includes(name));
  }

  #highest(date: string): number {
    const groups = this.#members().map((name) => this.#member.exec(name)?.groups);
    return Math.max(0, ...groups.map((group) => (group?.date === date ? Number(group.number) : 0)));
  }
}

/** Gives a file a second name, or that instead of its own where there are no links. @returns whether it was free */
function giveName(path: string, name: string): boolean {
  try {
    linkSync(path, name);
    return true;
  } catch (cause) {
    if (codeOf(cause) === 'EEXIST') return false;
    renameSync(path, name);
    return true;
  }
}

function literally(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}

/** As pino-roll writes it. */
function localDate(time: Date, frequency: 'daily' | 'hourly'): string {
  const parts = [time.getFullYear(), time.getMonth() + 1, time.getDate(), time.getHours()];
  return parts
    .slice(0, frequency === 'daily' ? 3 : 4)
    .map((part) => String(part).padStart(2, '0'))
    .join('-');
}
