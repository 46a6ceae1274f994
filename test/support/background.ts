/** Servers that went into the background, found by their pid file and heard by their log file. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { childrenOf, isAlive } from './processes.ts';
import { freePort, type Result, runServer } from './program.ts';
import { isRoot } from './requires.ts';
import { temporaryDirectory, temporarySpool } from './temporary.ts';

type Options = NonNullable<Parameters<typeof runServer>[1]>;

export class Background {
  readonly port: number;
  readonly spool: string;
  readonly pidFile: string;
  readonly logFile: string;

  private constructor(port: number, paths: { readonly pidFile: string; readonly logFile: string }) {
    this.port = port;
    this.spool = temporarySpool();
    this.pidFile = paths.pidFile;
    this.logFile = paths.logFile;
  }

  /** Not started yet; it is killed with the current test. */
  static async prepare(logFile?: string): Promise<Background> {
    const directory = temporaryDirectory();
    const background = new Background(await freePort(), {
      pidFile: join(directory, 'server.pid'),
      logFile: logFile ?? join(directory, 'server.log'),
    });
    onTestFinished(() => {
      if (existsSync(background.pidFile)) process.kill(background.pid, 'SIGKILL');
    });
    return background;
  }

  /** Starts it with these further options, and takes for granted that it listens. */
  static async start(args: readonly string[] = [], logFile?: string): Promise<Background> {
    const background = await Background.prepare(logFile);
    expect(background.run(args)).toMatchObject({ status: 0, stdout: '' });
    return background;
  }

  /** What the command line holds: port, spool, pid file, log file, -d. */
  get words(): readonly string[] {
    return [
      ...(isRoot ? ['--allow-root'] : []),
      ...['-d', '-a', '127.0.0.1', '-p', String(this.port), '-s', this.spool],
      ...['--pid-file', this.pidFile, '-l', this.logFile],
    ];
  }

  /** Runs the starting command to its end. */
  run(args: readonly string[], options: Options = {}): Result {
    return runServer([...this.words, ...args], options);
  }

  /** The same, with what a configuration file says in place of -l. */
  runWith(conf: string): Result {
    return runServer(['-F', conf, ...this.words.slice(0, -2)]);
  }

  get pid(): number {
    return Number(readFileSync(this.pidFile, 'utf8'));
  }

  workers(): number[] {
    return childrenOf(this.pid);
  }

  /** What is in the log file at the moment. */
  get log(): string {
    return readFileSync(this.logFile, 'utf8');
  }

  /** Waits until the log file holds a text. */
  async logged(text: string | RegExp): Promise<void> {
    await expect.poll(() => this.log, { timeout: 20_000 }).toMatch(text);
  }

  /** Sends a signal and waits for the end. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    const { pid } = this;
    process.kill(pid, signal);
    await expect.poll(() => isAlive(pid), { timeout: 20_000 }).toBe(false);
  }

  /** Names of the files in the spool. */
  stored(): string[] {
    return readdirSync(this.spool);
  }
}
