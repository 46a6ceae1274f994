/** The log: what happened, as one line for people or one JSON object for programs. */
import pino from 'pino';
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

/** What a line says; a function where making it would cost those who do not log it. */
export type Text = string | (() => string);

type Write = (message: Text, fields?: Fields) => void;

export interface Logger {
  readonly error: Write;
  readonly warning: Write;
  readonly notice: Write;
  readonly event: Write;
  readonly detail: Write;
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
      if (!log.isLevelEnabled(level)) return;
      log[level](fields ?? {}, typeof message === 'string' ? message : message());
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
