/** A worker of the server inside the test process, for tests that need no process of their own. */
import { onTestFinished } from 'vitest';
import { createLogger, type Logger } from '../../src/log/logger.ts';
import { serviceOf } from '../../src/cli/services.ts';
import { Worker } from '../../src/server/worker.ts';
import type { Token } from '../../src/settings/options.ts';
import type { Settings } from '../../src/settings/settings.ts';
import type { Material } from '../../src/settings/validate.ts';
import { settingsOf } from './settings.ts';

export { NO_MATERIAL, settingsOf } from './settings.ts';

export interface TestWorker {
  readonly port: number;
  readonly settings: Settings;
  /** What it logged so far, at `verbose 2`. */
  readonly log: readonly string[];
  readonly worker: Worker;
}

/**
 * Starts a worker on a free port of 127.0.0.1; it ends with the current test. W4's idle limit is 4 s unless the
 * tokens say otherwise.
 */
export async function startWorker(
  tokens: Partial<Record<Token, string>>,
  material: Partial<Material> = {},
): Promise<TestWorker> {
  const log: string[] = [];
  const logger: Logger = createLogger(
    { level: 'detail', format: 'text' },
    { write: (line) => log.push(line) },
  );
  const validated = settingsOf({ addresses: '127.0.0.1', drain_timeout: '0', ...tokens }, material);
  // Port 0 is the system's choice; the option table refuses it for administrators.
  const settings: Settings = { ...validated, listen: { ...validated.listen, port: 0 } };
  const umask = process.umask(settings.umask);
  const worker = await Worker.start({
    settings,
    log: logger,
    service: await serviceOf(settings, { log: logger }),
  });
  onTestFinished(async () => {
    await worker.drain();
    process.umask(umask);
  });
  const [bound] = worker.bound.addresses;
  if (bound === undefined) throw new Error('not listening');
  return { port: bound.port, settings, log, worker };
}
