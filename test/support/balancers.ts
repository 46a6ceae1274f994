/** Other people's proxies and tunnels, as processes that go with the current test. */
import { type ChildProcess, spawn } from 'node:child_process';
import { connect } from 'node:net';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { freePort } from './program.ts';
import { temporaryDirectory } from './temporary.ts';

export interface Balancer {
  readonly port: number;
  /** What it said so far. */
  readonly said: () => string;
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' });
    socket.once('error', () => {
      resolve(false);
    });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
  });
}

/** Starts a program with a configuration file, and waits until it listens. */
async function start(
  command: (file: string) => readonly string[],
  configuration: string,
  port: number,
): Promise<Balancer> {
  const file = join(temporaryDirectory(), 'configuration');
  writeFileSync(file, configuration);
  const [program = '', ...args] = command(file);
  const child: ChildProcess = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk: Buffer) => (said += chunk.toString()));
  }
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  const state = async (): Promise<string> =>
    `${String(child.exitCode)} ${String(await accepts(port))} ${said}`;
  await expect.poll(state, { timeout: 20_000 }).toMatch(/^null true/);
  return { port, said: () => said };
}

interface HaproxyOptions {
  /** Of the line that names its listener. */
  readonly bind?: string;
  /** Of the line that names its server. */
  readonly server?: string;
}

/** HAProxy in TCP mode, from a free port of 127.0.0.1 to another. */
export async function startHaproxy(
  to: number,
  { bind = '', server = '' }: HaproxyOptions,
): Promise<Balancer> {
  const port = await freePort();
  const lines = [
    ...[
      'global',
      '  log stdout format raw local0',
      'defaults',
      '  mode tcp',
      '  log global',
      '  option tcplog',
    ],
    ...['  timeout connect 5s', '  timeout client 60s', '  timeout server 60s'],
    ...['frontend in', `  bind 127.0.0.1:${String(port)} ${bind}`, '  default_backend out'],
    // Known from its log when it is down, and not taken for up before it was asked.
    ...['backend out', `  server central 127.0.0.1:${String(to)} ${server}`, ''],
  ];
  return start((file) => ['haproxy', '-db', '-f', file], lines.join('\n'), port);
}

/** stunnel as a TLS server, from a free port of 127.0.0.1 to another. @param service lines of its service */
export async function startStunnel(to: number, service: readonly string[]): Promise<Balancer> {
  const port = await freePort();
  const lines = [
    ...['foreground = yes', 'pid =', 'debug = info', '[central]', `accept = 127.0.0.1:${String(port)}`],
    ...[`connect = 127.0.0.1:${String(to)}`, ...service, ''],
  ];
  return start((file) => ['stunnel4', file], lines.join('\n'), port);
}

/** nginx with its stream module, from a free port of 127.0.0.1 to another. @param lines of its server */
export async function startNginx(to: number, lines: readonly string[]): Promise<Balancer> {
  const port = await freePort();
  const directory = temporaryDirectory();
  const text = `
    load_module /usr/lib/nginx/modules/ngx_stream_module.so;
    daemon off; master_process off; pid ${directory}/pid; error_log stderr;
    events {}
    stream { server { listen 127.0.0.1:${String(port)}${lines.includes('accept') ? ' proxy_protocol' : ''};
      proxy_pass 127.0.0.1:${String(to)}; ${lines.filter((line) => line !== 'accept').join(' ')} } }`;
  return start((file) => ['nginx', '-c', file, '-e', 'stderr'], text, port);
}
