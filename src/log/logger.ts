/** The log: what happened, as one line for people or one JSON object for programs. */
import pino from 'pino';
import { type Level, LEVELS } from './levels.ts';
import { type LogRecord, textLine } from './text-line.ts';

export interface LogSettings {
  readonly level: Level;
  readonly format: 'text' | 'json';
  /** Undefined: standard output. */
  readonly file: string | undefined;
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
 * Opens the log. What cannot be written is dropped: a broken log never stops the service.
 * @throws Error when the log file cannot be opened
 */
export function openLog(settings: LogSettings): Logger {
  const destination = pino.destination({
    dest: settings.file ?? process.stdout.fd,
    sync: true,
    // sonic-boom keeps what a full disk refuses; beyond this it drops.
    maxLength: MOST_UNWRITTEN,
    mode: LOG_FILE_MODE,
  });
  destination.on('error', () => undefined);
  return createLogger(settings, destination);
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
