/** The log: what happened, as one line for people or one JSON object for programs. */
import { constants, fstatSync, openSync } from 'node:fs';
import pino from 'pino';
import { reasonOf } from './errno.ts';
import { type Level, LEVELS } from './levels.ts';
import { type LogRecord, textLine } from './text-line.ts';

export interface LogSettings {
  readonly level: Level;
  readonly format: 'text' | 'json';
  /** Undefined: standard output. */
  readonly file: string | undefined;
  readonly rotation: LogRotation;
}

export interface LogRotation {
  /** Bytes; 0: whatever its size. */
  readonly maxSize: number;
  readonly frequency: 'daily' | 'hourly' | 'off';
  /** Rotated files kept beside the live one. */
  readonly keep: number;
}

/** What a JSON line holds besides time, level and message. */
export type Fields = Readonly<Record<string, string | number | undefined>>;

type Write = (message: string, fields?: Fields) => void;

export interface Logger {
  readonly error: Write;
  readonly warning: Write;
  readonly notice: Write;
  readonly event: Write;
  readonly detail: Write;
}

/** Bytes. */
const MOST_UNWRITTEN = 1024 * 1024;
const LOG_FILE_MODE = 0o640;

/**
 * Opens the log. What cannot be written is dropped: neither a full disk nor a pipe that nobody reads stops the service.
 * @throws Error when the log file cannot be opened
 */
export function openLog(settings: LogSettings): Logger {
  const destination = pino.destination({
    dest: settings.file ?? standardOutput(),
    sync: true,
    retryEAGAIN: () => false,
    // sonic-boom keeps what a full disk refuses; beyond this it drops.
    maxLength: MOST_UNWRITTEN,
    mode: LOG_FILE_MODE,
  });
  let told = false;
  destination.on('error', (error: Error) => {
    if (!told && settings.file !== undefined)
      process.stderr.write(`[err] cannot write ${settings.file}: ${reasonOf(error)}\n`);
    told = true;
  });
  return createLogger(settings, destination);
}

/**
 * Standard output; a pipe is opened anew for this process alone, so that a write to it never blocks, and whoever
 * shares it keeps it as it was.
 */
function standardOutput(): number {
  const { fd } = process.stdout;
  if (!fstatSync(fd).isFIFO()) return fd;
  try {
    return openSync(`/proc/self/fd/${String(fd)}`, constants.O_WRONLY | constants.O_NONBLOCK);
  } catch {
    // Without /proc, or as another user: as it is.
    return fd;
  }
}

/** A logger that writes its lines to any sink. */
export function createLogger(
  settings: Pick<LogSettings, 'level' | 'format'>,
  sink: { write: (line: string) => unknown },
): Logger {
  const stream =
    settings.format === 'json'
      ? sink
      : { write: (line: string) => sink.write(textLine(JSON.parse(line) as LogRecord)) };
  const log = pino(
    {
      level: settings.level,
      customLevels: LEVELS,
      useOnlyCustomLevels: true,
      base: null,
      formatters: { level: (label) => ({ level: label }) },
    },
    stream,
  );
  const write = (level: keyof typeof LEVELS): Write => {
    return (message, fields) => {
      log[level](fields ?? {}, message);
    };
  };
  return {
    error: write('error'),
    warning: write('warning'),
    notice: write('notice'),
    event: write('event'),
    detail: write('detail'),
  };
}
