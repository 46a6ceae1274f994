/** Servers that tell how they are, and who asks them, over HTTP, as Prometheus or a balancer does. */
import { writeFileSync } from 'node:fs';
import { type IncomingMessage, request, type RequestOptions } from 'node:http';
import { expect } from 'vitest';
import { runClient } from './client-program.ts';
import { freePort, ServerProcess } from './program.ts';
import { temporaryDirectory, temporarySpool } from './temporary.ts';
import { join } from 'node:path';
import type { StatusReport } from '../../src/status/report.ts';

export interface Answer {
  readonly status: number | undefined;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

/** A TCP port of 127.0.0.1, or the path of a socket. */
export type Where = number | string;

/** Asks for a path. @throws the system's error when nobody answers */
export function ask(where: Where, path: string, options: RequestOptions = {}): Promise<Answer> {
  const to = typeof where === 'number' ? { host: '127.0.0.1', port: where } : { socketPath: where };
  return new Promise((resolve, reject) => {
    const asked = request({ ...to, path, agent: false, timeout: 20_000, ...options }, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (text: string) => (body += text));
      response.once('end', () => {
        resolve({ status: response.statusCode, headers: response.headers, body });
      });
      response.once('error', reject);
    });
    asked.once('error', reject);
    asked.once('timeout', () => {
      asked.destroy(new Error('no answer'));
    });
    asked.end();
  });
}

/** What the page is made of. */
export async function reportOf(where: Where): Promise<StatusReport> {
  return JSON.parse((await ask(where, '/status.json')).body) as StatusReport;
}

/** One figure of /metrics, by its name and labels as they are written there; undefined when there is none. */
export async function metricOf(where: Where, series: string): Promise<number | undefined> {
  const { body } = await ask(where, '/metrics');
  const line = body.split('\n').find((each) => each.startsWith(`${series} `));
  return line === undefined ? undefined : Number(line.slice(series.length + 1));
}

/** What a check of /readyz says. */
export async function checkOf(
  where: Where,
  name: string,
): Promise<{ ok: boolean; text: string } | undefined> {
  const { body } = await ask(where, '/readyz');
  return (JSON.parse(body) as { checks: Record<string, { ok: boolean; text: string }> }).checks[name];
}

/** Between two looks of the server there are up to ten seconds. */
export const LOOKS = { timeout: 30_000, interval: 100 };

/** Waits until /readyz answers so. */
export async function becomes(where: Where, status: 200 | 503): Promise<void> {
  await expect.poll(async () => (await ask(where, '/readyz')).status, LOOKS).toBe(status);
}

export interface Started {
  readonly server: ServerProcess;
  readonly spool: string;
  /** Where it tells. */
  readonly at: number;
}

/** Starts the server with a spool of its own, and waits until it tells. */
export async function start(...options: readonly string[]): Promise<Started> {
  const [spool, at] = [temporarySpool(), await freePort()];
  const server = await ServerProcess.start([
    ...['-v', '-s', spool, '--status-address', `127.0.0.1:${String(at)}`],
    ...options,
  ]);
  await server.logged('Status page on');
  return { server, spool, at };
}

/** Sends files of these names, each by a client of its own. */
export async function send({ server }: Pick<Started, 'server'>, ...names: readonly string[]): Promise<void> {
  const directory = temporaryDirectory();
  for (const name of names) {
    writeFileSync(join(directory, name), 'x'.repeat(100));
    await runClient(['-a', '127.0.0.1', '-p', String(server.port), join(directory, name)]);
  }
}
