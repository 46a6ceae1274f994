/** Writes a log record as the line that existing log watchers know. Pure. */
import type { Level } from './levels.ts';

export interface LogRecord {
  readonly level: Exclude<Level, 'silent'>;
  /** Milliseconds since the epoch. */
  readonly time: number;
  readonly msg: string;
  readonly event?: string;
  readonly reason?: string;
}

/** The tags of our levels; a warning is marked in its text, since the reference has no tag for it. */
const LEVEL_TAGS: Readonly<Record<LogRecord['level'], string>> = {
  error: '[err]',
  warning: '[log]Warning: ',
  notice: '[log]',
  event: '[log]',
  detail: '[info]',
};

/** Where the reference tags an event otherwise than its level here says: log watchers look for these. */
const EVENT_TAGS: Readonly<Record<string, string>> = {
  received: '[info]',
  authenticated: '[log]',
  tls: '[log]',
};
const REASON_TAGS: Readonly<Record<string, string>> = {
  password: '[err]',
  unauthenticated: '[err]',
  timeout: '[err]',
  closed: '[err]',
  insecure: '[info]',
};

/** `YYYY-MM-DD HH:MM:SS[log]message.`, in local time, with its LF. */
export function textLine(record: LogRecord): string {
  const { event = '', reason = '', level } = record;
  const tag = REASON_TAGS[reason] ?? EVENT_TAGS[event] ?? LEVEL_TAGS[level];
  return `${localTime(new Date(record.time))}${tag}${record.msg}${/[.?!]$/.test(record.msg) ? '' : '.'}\n`;
}

function localTime(date: Date): string {
  const two = (number: number): string => String(number).padStart(2, '0');
  const day = [String(date.getFullYear()), two(date.getMonth() + 1), two(date.getDate())].join('-');
  return `${day} ${[two(date.getHours()), two(date.getMinutes()), two(date.getSeconds())].join(':')}`;
}
