/** Hostile crowds, from a program of their own: in this process they would be slower than the server. */
import { type ChildProcessByStdio, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { connect as connectTls } from 'node:tls';
import { onTestFinished } from 'vitest';
import { temporaryDirectory } from './temporary.ts';

export interface Crowd {
  readonly port: number;
  readonly sockets: number;
  /** What each says, and then nothing more. */
  readonly words: Buffer;
  /** One byte of the words every three seconds, again and again. */
  readonly drips: boolean;
  /** Whether another one comes for each that is closed. */
  readonly comesAgain: boolean;
}

/** What became of it; `failed`: the system of this host had no socket or port for it. */
export interface CrowdReport {
  readonly opened: number;
  readonly closed: number;
  readonly open: number;
  readonly failed: number;
}

/** Attempts to connect, a second. */
const MOST_PER_SECOND = 5000;

function compiled(): string {
  const path = join(temporaryDirectory(), 'flood');
  execFileSync('gcc', ['-O2', '-Wall', '-Wextra', '-o', path, 'test/support/flood.c'], { stdio: 'inherit' });
  return path;
}

export class Flood {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  readonly #lines: AsyncIterator<string>;
  /** Resolves when each of its sockets has been opened once. */
  readonly all: Promise<unknown>;

  /** Begins at once; it ends with the current test at the latest. */
  constructor({ port, sockets, words, drips, comesAgain }: Crowd) {
    const file = join(temporaryDirectory(), 'words');
    writeFileSync(file, words);
    const args = [
      port,
      sockets,
      MOST_PER_SECOND,
      file,
      comesAgain ? 'again' : 'once',
      ...(drips ? ['drip'] : []),
    ];
    this.#child = spawn(compiled(), args.map(String), { stdio: ['pipe', 'pipe', 'inherit'] });
    onTestFinished(() => {
      this.#child.kill('SIGKILL');
    });
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
    this.all = this.#lines.next();
  }

  /** Closes all that is open. @throws Error when it failed, as for want of open files; it said why */
  async end(): Promise<CrowdReport> {
    this.#child.stdin.end();
    await this.all;
    const last = await this.#lines.next();
    if (last.done === true) throw new Error('the flood failed: see above');
    return JSON.parse(last.value) as CrowdReport;
  }
}

/** The first words of a real TLS client. */
export async function clientHello(): Promise<Buffer> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connectTls({ port: (server.address() as AddressInfo).port, host: '127.0.0.1' });
  client.on('error', () => undefined);
  const [socket] = (await once(server, 'connection')) as [Socket];
  const [hello] = (await once(socket, 'data')) as [Buffer];
  socket.destroy();
  client.destroy();
  server.close();
  return hello;
}
