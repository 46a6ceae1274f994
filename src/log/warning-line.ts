/** Makes the lines that a log writes about itself. */
import { createLogger, type Fields, type LogSettings } from './logger.ts';

/** One warning with its LF, in the form of the lines around it. */
export function warningLine(format: LogSettings['format'], message: string, fields: Fields): string {
  let line = '';
  createLogger({ level: 'warning', format }, { write: (text) => (line += text) }).warning(message, fields);
  return line;
}
