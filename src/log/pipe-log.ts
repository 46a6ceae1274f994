/** A worker's log: its lines go down its standard output, to the supervisor. */
import { createLogger, type Logger, type LogSettings } from './logger.ts';
import { PatientLog } from './patient-log.ts';
import { PlainFile } from './plain-file.ts';
import { openStandard } from './standard-stream.ts';
import { warningLine } from './warning-line.ts';

/**
 * Opens it. A supervisor that does not read neither blocks the worker nor costs it more than 1 MiB: further lines are
 * dropped, and one line says how many once it reads again. A process that ends by itself waits until slow readers
 * have taken all; one that calls process.exit() does not.
 */
export function openPipeLog(settings: Pick<LogSettings, 'level' | 'format'>): Logger {
  const lostLine = (message: string, lost: number): string =>
    warningLine(settings.format, message, { event: 'log lost', lost });
  return createLogger(settings, new PatientLog(new PlainFile(() => openStandard(1)), { lostLine }));
}
