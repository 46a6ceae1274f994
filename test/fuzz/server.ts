/** Real workers inside this process, and what they left behind. */
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { serviceOf } from '../../src/cli/services.ts';
import { createLogger } from '../../src/log/logger.ts';
import { Worker } from '../../src/server/worker.ts';
import type { Token } from '../../src/settings/options.ts';
import type { Material } from '../../src/settings/validate.ts';
import { settingsOf } from '../support/settings.ts';
import { CONTROL } from './reference.ts';
import { must, shown } from './target.ts';

/** Paths below the spool, as latin-1, and what stands there. */
export type Files = Readonly<Record<string, string>>;

export const DIRECTORIES = ['conf', 'md5'] as const;
/** What lies in each spool before a conversation. */
export const FIXTURES: Files = {
  'm.data': 'move me\n',
  'empty.data': '',
  'conf/a.conf': 'x 1\n',
  'md5/a.md5': 'abc',
};
const OUTSIDE = 'nobody may read this';
const LONGEST_LINE = 2000;

export class FuzzedServer {
  readonly #directory: string;
  readonly #worker: Worker;
  readonly #log: string[];

  /** Starts a worker on a free port of 127.0.0.1. */
  static async start(
    tokens: Partial<Record<Token, string>>,
    material: Partial<Material> = {},
  ): Promise<FuzzedServer> {
    const directory = mkdtempSync(join(tmpdir(), 'tentacle-fuzz-'));
    const spool = join(directory, 'spool');
    for (const each of ['', ...DIRECTORIES]) mkdirSync(join(spool, each));
    writeFileSync(join(directory, 'outside'), OUTSIDE);
    const given = { addresses: '127.0.0.1', drain_timeout: '0', fsync: '0', directory: spool, ...tokens };
    const validated = settingsOf(given, material);
    const settings = { ...validated, listen: { ...validated.listen, port: 0 } };
    const lines: string[] = [];
    const log = createLogger({ level: 'detail', format: 'text' }, { write: (line) => lines.push(line) });
    const worker = await Worker.start({ settings, log, service: await serviceOf(settings, { log }) });
    const server = new FuzzedServer(directory, worker, lines);
    server.reset();
    return server;
  }

  private constructor(directory: string, worker: Worker, log: string[]) {
    this.#directory = directory;
    this.#worker = worker;
    this.#log = log;
  }

  get log(): readonly string[] {
    return this.#log;
  }

  /** A connection, on which nothing was sent yet. */
  async connect(): Promise<Socket> {
    const { port = 0 } = this.#worker.bound.addresses[0] ?? {};
    const socket = connect({ host: '127.0.0.1', port, noDelay: true });
    // A reset ends a conversation like any other end.
    socket.on('error', () => undefined);
    await new Promise<void>((resolve) => socket.once('connect', resolve));
    return socket;
  }

  /** Forgets the log, and lays nothing but the fixtures into the spool. */
  reset(): void {
    this.#log.length = 0;
    for (const [path, content] of Object.entries(this.files())) {
      if (FIXTURES[path] !== content) rmSync(this.#pathOf(path));
    }
    const left = this.files();
    for (const [path, content] of Object.entries(FIXTURES)) {
      if (left[path] === undefined) writeFileSync(this.#pathOf(path), content, 'latin1');
    }
  }

  /** What lies in the spool now. */
  files(): Files {
    const files: [string, string][] = [];
    for (const directory of ['', ...DIRECTORIES]) {
      for (const name of readdirSync(join(this.#directory, 'spool', directory), { encoding: 'latin1' })) {
        const path = directory === '' ? name : `${directory}/${name}`;
        if (!isDirectory(path)) files.push([path, readFileSync(this.#pathOf(path), 'latin1')]);
      }
    }
    // A file may be named __proto__.
    return Object.fromEntries(files);
  }

  /** Resolves when no connection is open any more, and its last words are logged. */
  async quiet(): Promise<void> {
    while (this.#worker.open > 0) await new Promise(setImmediate);
  }

  /** @throws Broken when something beside the spool changed, or the log shows more, or other things, than it may */
  judge(): void {
    must(
      readdirSync(this.#directory).sort().join() === 'outside,spool',
      () => 'something lies beside the spool',
    );
    must(
      readFileSync(join(this.#directory, 'outside'), 'utf8') === OUTSIDE,
      () => 'a file outside was changed',
    );
    for (const line of this.#log) {
      const isOne = line.endsWith('\n') && !CONTROL.test(line.slice(0, -1)) && line.length < LONGEST_LINE;
      must(isOne, () => `the log has ${shown(line)}`);
      // The words for an error that nobody foresaw.
      must(!/Connection from \S+ failed: /.test(line), () => `an error that is none of ours: ${line}`);
    }
  }

  async close(): Promise<void> {
    await this.#worker.drain();
    chmodSync(this.#directory, 0o700);
    rmSync(this.#directory, { recursive: true });
  }

  #pathOf(path: string): Buffer {
    return Buffer.from(`${join(this.#directory, 'spool')}/${path}`, 'latin1');
  }
}

function isDirectory(path: string): boolean {
  return (DIRECTORIES as readonly string[]).includes(path);
}
