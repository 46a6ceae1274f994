/** A worker of the server inside the test process, for tests that need no process of their own. */
import { onTestFinished } from 'vitest';
import { createLogger, type Logger } from '../../src/log/logger.ts';
import { serviceOf } from '../../src/cli/services.ts';
import { Worker } from '../../src/server/worker.ts';
import { mergeAssignments } from '../../src/settings/merge.ts';
import { OPTIONS, type Token } from '../../src/settings/options.ts';
import { Secret } from '../../src/settings/secret.ts';
import type { Settings } from '../../src/settings/settings.ts';
import { type Material, validate } from '../../src/settings/validate.ts';

export interface TestWorker {
  readonly port: number;
  readonly settings: Settings;
  /** What it logged so far, at `verbose 2`. */
  readonly log: readonly string[];
  readonly worker: Worker;
}

export const NO_MATERIAL: Material = {
  cert: undefined,
  key: undefined,
  ca: undefined,
  crl: undefined,
  password: undefined,
  passphrase: undefined,
  proxyCa: undefined,
  proxyCert: undefined,
  proxyKey: undefined,
  proxyPassword: undefined,
};

/** Settings as a configuration file with these tokens would give them. */
export function settingsOf(
  tokens: Partial<Record<Token, string>>,
  material: Partial<Material> = {},
): Settings {
  const assignments = Object.entries(tokens).map(([token, value]) => ({
    token: token as Token,
    value,
    source: 'test',
    typed: true,
  }));
  const password = tokens.password === undefined ? undefined : new Secret(tokens.password);
  const merged = mergeAssignments(OPTIONS, assignments);
  const { settings, problems } = validate(merged, { ...NO_MATERIAL, password, ...material }, Date.now());
  if (settings === undefined) throw new Error(JSON.stringify([...merged.problems, ...problems]));
  return settings;
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
  const worker = await Worker.start({ settings, log: logger, service: serviceOf(settings, { log: logger }) });
  onTestFinished(async () => {
    await worker.drain();
    process.umask(umask);
  });
  const [bound] = worker.bound.addresses;
  if (bound === undefined) throw new Error('not listening');
  return { port: bound.port, settings, log, worker };
}
