/** One server of a soak, as built: a supervisor and its workers. */
import type { ChildProcess } from 'node:child_process';
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { directory, startServer } from '../bench/programs.ts';
import { freePort } from '../support/free-port.ts';
import { childrenOf } from '../support/processes.ts';

const SERVER = resolve('dist/bin/tentacle_server.cjs');
/** Where all of them listen. */
export const HOST = '127.0.0.1';

export class Site {
  readonly name: string;
  readonly port: number;
  /** Where it keeps files; a relay keeps none. */
  readonly folder: string;
  readonly #log: string;
  readonly #child: ChildProcess;
  readonly #exited: Promise<number | null>;

  private constructor(name: string, port: number, child: ChildProcess) {
    this.name = name;
    this.port = port;
    this.folder = folderOfSite(name);
    this.#log = logOf(name);
    this.#child = child;
    this.#exited = new Promise((done) => child.once('close', done));
  }

  /** Starts one with these lines of configuration; resolves when it listens. */
  static async start(name: string, lines: readonly string[]): Promise<Site> {
    const port = await freePort();
    const conf = join(directory, `${name}.conf`);
    const root = process.geteuid?.() === 0 ? ['allow_root 1'] : [];
    writeFileSync(conf, [`addresses ${HOST}`, `port ${String(port)}`, ...root, ...lines, ''].join('\n'), {
      mode: 0o600,
    });
    const log = openSync(logOf(name), 'a');
    // Nothing of this host's own service.
    const env = { ...process.env, TENTACLE_EXT_OPTS: '', TENTACLE_DEFAULTS_FILE: '' };
    const command = [process.execPath, SERVER, '-F', conf];
    try {
      const child = await startServer(command, port, { env, stdio: ['ignore', log, log] });
      return new Site(name, port, child);
    } finally {
      closeSync(log);
    }
  }

  get pid(): number {
    if (this.#child.pid === undefined) throw new Error(`${this.name} is not running`);
    return this.#child.pid;
  }

  get workers(): readonly number[] {
    return childrenOf(this.pid);
  }

  /** What it logged so far. */
  get log(): string {
    return readFileSync(this.#log, 'latin1');
  }

  reload(): void {
    this.#child.kill('SIGHUP');
  }

  /** @returns its exit code */
  async stop(): Promise<number | null> {
    this.#child.kill('SIGTERM');
    return this.#exited;
  }
}

/** Where a server of this name keeps files, once somebody makes it. */
export function folderOfSite(name: string): string {
  return join(directory, name);
}

function logOf(name: string): string {
  return join(directory, `${name}.log`);
}
