/** Writes a log record as the line that existing log watchers know. Pure. */
import type { Level } from './levels.ts';

export interface LogRecord {
  readonly level: Exclude<Level, 'silent'>;
  /** Milliseconds since the epoch. */
  readonly time: number;
  readonly msg: string;
}

/** The reference's tags; a warning is marked in its text, since the reference has no tag for it. */
const TAGS: Readonly<Record<LogRecord['level'], string>> = {
  error: '[err]',
  warning: '[log]Warning: ',
  notice: '[log]',
  event: '[log]',
  detail: '[info]',
};

/** `YYYY-MM-DD HH:MM:SS[log]message.`, in local time, with its LF. */
export function textLine(record: LogRecord): string {
  return `${localTime(new Date(record.time))}${TAGS[record.level]}${record.msg}.\n`;
}

function localTime(date: Date): string {
  const two = (number: number): string => String(number).padStart(2, '0');
  const day = [String(date.getFullYear()), two(date.getMonth() + 1), two(date.getDate())].join('-');
  return `${day} ${[two(date.getHours()), two(date.getMinutes()), two(date.getSeconds())].join(':')}`;
}
