/** The built programs as processes, as an administrator runs them. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { resolve } from 'node:path';
import { onTestFinished } from 'vitest';
import { freePort } from './free-port.ts';
import { childrenOf } from './processes.ts';
import { isRoot } from './requires.ts';

export { freePort };

export const SERVER = resolve('dist/bin/tentacle_server.cjs');

export interface Result {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Nothing of this host's own service. */
const NO_SERVICE = { TENTACLE_EXT_OPTS: '', TENTACLE_DEFAULTS_FILE: '' };

interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly uid?: number;
  /** The port that the configuration file names; without it the command line names a free one. */
  readonly port?: number;
  /** A program that starts it, with its arguments. */
  readonly through?: readonly string[];
  /** What it says when it serves; without it, that it listens. */
  readonly says?: string;
  /** Resolves when it listens; without it, its output is believed. */
  readonly listening?: () => Promise<unknown>;
}

/** Runs the server to its end: for --help, --check and starts that fail. */
export function runServer(args: readonly string[], options: RunOptions = {}): Result {
  return spawnSync(process.execPath, [SERVER, ...args], {
    encoding: 'utf8',
    timeout: 30_000,
    ...options,
    env: { ...process.env, ...NO_SERVICE, ...options.env },
  });
}

export class ServerProcess {
  readonly port: number;
  readonly child: ChildProcess;
  /** What it wrote so far, both streams together. */
  output = '';
  readonly exited: Promise<number | null>;
  #news: (() => void)[] = [];

  private constructor(port: number, args: readonly string[], options: RunOptions) {
    this.port = port;
    const [program = '', ...words] = [...(options.through ?? []), process.execPath, SERVER, ...args];
    this.child = spawn(program, words, {
      stdio: ['ignore', 'pipe', 'pipe'],
      ...options,
      env: { ...process.env, ...NO_SERVICE, ...options.env },
    });
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream?.on('data', (chunk: Buffer) => {
        this.output += chunk.toString();
        this.#tell();
      });
    }
    this.exited = new Promise((done) => {
      this.child.once('close', (code) => {
        this.#tell();
        done(code);
      });
    });
  }

  /**
   * Starts the server on a free port of 127.0.0.1 with these further options, and waits until it listens.
   * It is killed with the current test. As root, `--allow-root` is added unless -U is among the options.
   */
  static async start(args: readonly string[], options: RunOptions = {}): Promise<ServerProcess> {
    const port = options.port ?? (await freePort());
    const listen = options.port === undefined ? ['-a', '127.0.0.1', '-p', String(port)] : [];
    const root = isRoot && options.uid === undefined && !args.includes('-U') ? ['--allow-root'] : [];
    const server = new ServerProcess(port, [...listen, ...root, ...args], options);
    onTestFinished(() => {
      server.child.kill('SIGKILL');
    });
    await (options.listening?.() ?? server.logged(options.says ?? 'Server listening'));
    return server;
  }

  get pid(): number {
    if (this.child.pid === undefined) throw new Error('not started');
    return this.child.pid;
  }

  /** The processes that it forked and that still live. */
  workers(): number[] {
    return childrenOf(this.pid);
  }

  /** Waits until the output holds a text. @throws Error when the server ends without having said it */
  async logged(text: string | RegExp): Promise<void> {
    const found = (): boolean =>
      typeof text === 'string' ? this.output.includes(text) : text.test(this.output);
    while (!found()) {
      if (this.child.exitCode !== null || this.child.signalCode !== null) {
        // The streams may still hold its last words.
        await this.exited;
        if (found()) return;
        throw new Error(`the server ended without saying ${String(text)}: ${this.output}`);
      }
      await new Promise<void>((resolve) => {
        this.#news.push(resolve);
        setTimeout(resolve, 1000);
      });
    }
  }

  /** Sends a signal and waits for the end; gives the exit code. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    this.child.kill(signal);
    return this.exited;
  }

  #tell(): void {
    const waiting = this.#news;
    this.#news = [];
    for (const resolve of waiting) resolve();
  }
}
