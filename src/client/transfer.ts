/** Runs tasks over a connection, and over another one when that one fails. */
import { connect, type ConnectOptions, type TentacleClient } from './client.ts';
import { endpointText } from './endpoint.ts';
import { ClosedError, LocalFileError, RefusedError } from './errors.ts';
import { monotonicMs } from '../protocol/timer.ts';

/** One file, to be sent or fetched. */
export interface Task {
  /** What to call it. */
  readonly file: string;
  /** Does it; when this resolves, it is confirmed. */
  run(client: TentacleClient): Promise<void>;
  /** Whether another way is left on a new connection, after this error on this one. */
  fallBack?(error: unknown): boolean;
}

export interface Outcome {
  readonly task: Task;
  /** The server that confirmed or refused it; undefined when none could be reached. */
  readonly server: string | undefined;
  /** Undefined when it was confirmed. */
  readonly error: Error | undefined;
  readonly ms: number;
}

/** How to connect to each of the servers. The pauses in between want a real AbortSignal. */
export interface Way extends Omit<ConnectOptions, 'host' | 'signal'> {
  readonly signal?: AbortSignal | undefined;
}

export interface TransferOptions {
  /** Tried in turn. */
  readonly servers: readonly string[];
  readonly connect: Way;
  /** Give up at the first file that fails. */
  readonly stopOnError?: boolean | undefined;
  /** How often to try again what was not confirmed, for want of a working connection. */
  readonly retry?: number | undefined;
  /** Hears of each file once, when its fate is known. */
  readonly report: (outcome: Outcome) => void;
}

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 60_000;

/** How a connection ended before all its tasks were done. */
interface Broken {
  readonly error: Error;
  readonly server: string | undefined;
  /** Whether the server took part: then no other is tried, unless on another attempt. */
  readonly engaged: boolean;
  /** Whether a new connection to the same server is what is needed. */
  readonly again: boolean;
}

/**
 * Runs all tasks, in order.
 * @returns whether every one was confirmed
 */
export async function transfer(tasks: readonly Task[], options: TransferOptions): Promise<boolean> {
  const { retry = 0, connect: to } = options;
  const run = new Run(tasks, options);
  for (let attempt = 0; ; attempt++) {
    const broken = await run.overServers();
    if (broken === undefined) return run.allConfirmed;
    if (attempt >= retry || to.signal?.aborted === true) {
      run.failRest(broken);
      return false;
    }
    to.log?.(`${broken.error.message}; trying again`);
    const { setTimeout: sleep } = await import('node:timers/promises');
    await sleep(pauseMs(attempt), undefined, to.signal ? { signal: to.signal } : {}).catch(() => undefined);
  }
}

/** Doubles from half a second to a minute; half of it is left to chance, so that many clients do not come at once. */
function pauseMs(attempt: number): number {
  const longest = Math.min(FIRST_PAUSE_MS * 2 ** attempt, LONGEST_PAUSE_MS);
  return longest / 2 + (Math.random() * longest) / 2;
}

class Run {
  allConfirmed = true;
  readonly #pending: Task[];
  readonly #options: TransferOptions;
  #started = 0;
  /** The server that confirmed a file: no other is asked from then on. */
  #host: string | undefined;

  constructor(tasks: readonly Task[], options: TransferOptions) {
    this.#pending = [...tasks];
    this.#options = options;
  }

  /** Tries each server until one takes the tasks; undefined when no task is left. */
  async overServers(): Promise<Broken | undefined> {
    let last: Broken | undefined;
    for (const host of this.#host === undefined ? this.#options.servers : [this.#host]) {
      let broken = await this.#overServer(host);
      while (broken?.again === true) broken = await this.#overServer(host);
      if (broken === undefined || broken.engaged || this.#host !== undefined) return broken;
      last = broken;
    }
    return last;
  }

  /** Reports what is left as failed. */
  failRest({ error, server }: Broken): void {
    for (const task of this.#pending.splice(0)) this.#report(task, error, server);
  }

  async #overServer(host: string): Promise<Broken | undefined> {
    const { connect: to } = this.#options;
    this.#started = monotonicMs();
    let client: TentacleClient;
    try {
      client = await connect({ ...to, host });
    } catch (error) {
      return { error: error as Error, server: undefined, engaged: false, again: false };
    }
    try {
      return await this.#overConnection(client, host);
    } finally {
      client.close();
    }
  }

  async #overConnection(client: TentacleClient, host: string): Promise<Broken | undefined> {
    const server = endpointText({ host, port: this.#options.connect.port });
    for (let [task] = this.#pending; task !== undefined; [task] = this.#pending) {
      try {
        await task.run(client);
        this.#host = host;
        this.#done(task, undefined, server);
      } catch (error) {
        const engaged = client.answered;
        if (task.fallBack?.(error) === true) {
          return { error: error as Error, server, engaged, again: true };
        }
        // The server said no, or the file is not fit: the others can still go.
        if (!(error instanceof RefusedError || error instanceof LocalFileError)) {
          return { error: error as Error, server, engaged, again: false };
        }
        this.#done(task, error, server);
        if (this.#pending.length > 0 && client.stream.destroyed) {
          return { error, server, engaged, again: true };
        }
      }
      this.#started = monotonicMs();
    }
    await client.quit();
    return undefined;
  }

  #done(task: Task, error: Error | undefined, server: string): void {
    this.#pending.shift();
    this.#report(task, error, server);
    if (error === undefined || this.#options.stopOnError !== true) return;
    for (const left of this.#pending.splice(0)) {
      this.#report(left, new ClosedError('not tried, since another file failed'), server);
    }
  }

  #report(task: Task, error: Error | undefined, server: string | undefined): void {
    if (error !== undefined) this.allConfirmed = false;
    this.#options.report({ task, server, error, ms: Math.round(monotonicMs() - this.#started) });
  }
}
