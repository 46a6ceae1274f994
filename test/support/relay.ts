/** A relay inside the test process, and what it says. */
import { expect } from 'vitest';
import type { Token } from '../../src/settings/options.ts';
import type { Material } from '../../src/settings/validate.ts';
import { startWorker, type TestWorker } from './worker.ts';

interface Listening {
  readonly port: number;
  readonly host?: string;
}

/** Starts a worker that relays to these servers, of 127.0.0.1 unless they say otherwise. Its idle limit is 1 s. */
export function startRelay(
  upstreams: Listening | readonly Listening[],
  tokens: Partial<Record<Token, string>> = {},
  material: Partial<Material> = {},
): Promise<TestWorker> {
  const servers = [upstreams].flat().map(({ host = '127.0.0.1', port }) => `${host}:${String(port)}`);
  return startWorker({ proxy_ip: servers.join(','), timeout: '1', retries: '0', ...tokens }, material);
}

/** Waits until the worker logged a line that matches. */
export async function logged({ log }: TestWorker, pattern: RegExp): Promise<void> {
  await expect.poll(() => log.join(''), { timeout: 20_000 }).toMatch(pattern);
}

/** What it warned of so far. */
export function warnings({ log }: TestWorker): readonly string[] {
  return log.filter((line) => line.includes('Warning: '));
}
