/** A log that tests can read. */
import { createLogger, type Logger } from '../../src/log/logger.ts';

export interface RecordedLog {
  readonly log: Logger;
  /** `warning: message`, in order. */
  readonly lines: readonly string[];
  /** The JSON objects that they came from. */
  readonly records: readonly Readonly<Record<string, unknown>>[];
}

export function recordLog(): RecordedLog {
  const lines: string[] = [];
  const records: Record<string, unknown>[] = [];
  const write = (line: string): void => {
    const record = JSON.parse(line) as Record<string, unknown>;
    records.push(record);
    lines.push(`${String(record.level)}: ${String(record.msg)}`);
  };
  return { log: createLogger({ level: 'detail', format: 'json' }, { write }), lines, records };
}
