/** The log file of the settings, whatever it is: rotated files, one that others rotate, a FIFO, a device, a stream. */
import { readlinkSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { codeOf } from './errno.ts';
import { LogSeries } from './log-series.ts';
import type { LogRotation, LogSettings } from './logger.ts';
import { type Destination, PatientLog } from './patient-log.ts';
import { openPath, PlainFile } from './plain-file.ts';
import { openStandard, type StandardFd } from './standard-stream.ts';
import { isDiskTrouble, troubleOf } from './trouble.ts';
import { warningLine } from './warning-line.ts';

export interface LogFile {
  /** Takes whole lines, each with its LF. Never throws, and waits for no reader. */
  readonly write: (lines: string | Buffer) => void;
  /** Opens the file anew by its name: it was renamed, or removed. */
  readonly reopen: () => void;
  /** Tries once more to write what is kept, and ends. */
  readonly close: () => void;
  /** Lines that were lost since it was opened. */
  readonly dropped: number;
  /** What could not be done as the settings say, for the log. */
  readonly problem: string | undefined;
}

type Settings = Pick<LogSettings, 'file' | 'format' | 'rotation'>;

const STANDARD_STREAMS: Readonly<Record<string, StandardFd>> = {
  '-': 1,
  '/dev/stdout': 1,
  '/dev/stderr': 2,
  '/dev/fd/1': 1,
  '/dev/fd/2': 2,
  '/proc/self/fd/1': 1,
  '/proc/self/fd/2': 2,
};

/**
 * Opens it. What cannot be written now, for the disk's sake or because nobody reads it, is kept up to 1 MiB and else
 * dropped and counted; trouble is told once on standard error.
 * @throws Error of the system when the settings are wrong: a missing folder, no permission, a directory
 */
export async function openLogFile(settings: Settings): Promise<LogFile> {
  const { file = '-', rotation } = settings;
  const standard = STANDARD_STREAMS[file];
  if (standard !== undefined) return logTo(new PlainFile(() => openStandard(standard)), settings);
  const path = locate(resolve(file));
  if (!isRegular(path)) return openPlain(path, settings);
  if (rotates(rotation)) return openRolling(path, settings);
  return openPlain(path, settings, becomeFile(path));
}

function rotates({ frequency, maxSize }: LogRotation): boolean {
  return frequency !== 'off' || maxSize > 0;
}

/** Whether it is a regular file, or nothing yet; what a device or a process shows is not ours to rename. */
function isRegular(path: string): boolean {
  if (/^\/(?:dev|proc)\//.test(path)) return false;
  try {
    return statSync(path).isFile();
  } catch {
    return true;
  }
}

/** An administrator's symbolic links are followed; the one that leads to our live file is not. */
function locate(path: string): string {
  let at = path;
  // As many as the system follows.
  for (let links = 0; links < 40; links++) {
    if (new LogSeries(at).target !== undefined) return at;
    try {
      at = resolve(dirname(at), readlinkSync(at));
    } catch {
      return at;
    }
  }
  return path;
}

/** @returns why not */
function becomeFile(path: string): string | undefined {
  try {
    new LogSeries(path).becomeFile();
    return undefined;
  } catch (cause) {
    return `${path} stays a link to its last rotated file: ${troubleOf(cause)}`;
  }
}

async function openRolling(path: string, settings: Settings): Promise<LogFile> {
  let log: LogFile | undefined;
  const onProblem = (cause: unknown): void => {
    const message = `${path} cannot be rotated now: ${troubleOf(cause)}`;
    log?.write(warningLine(settings.format, message, { event: 'log not rotated' }));
  };
  try {
    // Most processes that log have no use for it.
    const { openRollingFile } = await import('./rolling-file.ts');
    log = logTo(await openRollingFile(path, settings.rotation, onProblem), settings);
    return log;
  } catch (cause) {
    return openPlain(path, settings, whyNotRotated(path, cause));
  }
}

function whyNotRotated(path: string, cause: unknown): string {
  const text = `${path} is not rotated: ${troubleOf(cause)}`;
  if (!['EACCES', 'EPERM'].includes(codeOf(cause) ?? '')) return `${text}; the next start tries again`;
  return (
    `${text}, who must be able to write its folder ${dirname(path)}: give the log a folder of its own, ` +
    'or set log_frequency off and log_max_size 0 and use logrotate'
  );
}

function openPlain(path: string, settings: Settings, problem?: string): LogFile {
  const file = new PlainFile(() => openPath(path));
  const cause = file.problem;
  if (cause === undefined) return logTo(file, settings, problem);
  if (!isDiskTrouble(cause) && !lacksReader(path, cause)) throw cause as Error;
  return logTo(
    file,
    settings,
    `${path} cannot be opened now: ${troubleOf(cause)}; lines wait or are dropped`,
  );
}

function lacksReader(path: string, cause: unknown): boolean {
  return codeOf(cause) === 'ENXIO' && statSync(path).isFIFO();
}

function logTo(destination: Destination, { file, format }: Settings, problem?: string): LogFile {
  const log = new PatientLog(destination, {
    lostLine: (message, lost) => warningLine(format, message, { event: 'log lost', lost }),
    onTrouble: (cause) => {
      if (file !== undefined) process.stderr.write(`[err] cannot write ${file}: ${troubleOf(cause)}\n`);
    },
  });
  return {
    write: (lines) => {
      log.write(lines);
    },
    reopen: () => {
      log.reopen();
    },
    close: () => {
      log.close();
    },
    get dropped() {
      return log.dropped;
    },
    problem,
  };
}
