/** One worker process, as its supervisor sees it. */
import { type ChildProcess, fork } from 'node:child_process';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Server } from 'node:net';
import { NOTHING } from './counts.ts';
import type { ListeningSocket, Sockets } from './listener.ts';
import type { StartOrder, ToSupervisor, ToWorker, WorkerReport } from './messages.ts';
import type { Leader } from './lead.ts';
import type { Holder } from './places.ts';
import type { Promiser } from './room.ts';
import { reasonOf } from '../log/errno.ts';
import { relayLines } from '../log/relay-lines.ts';

export type Listening = Extract<ToSupervisor, { kind: 'listening' }>;

/** How worker processes are started. */
export interface Program {
  readonly file: string;
  /** What the list of processes shows behind its name. */
  readonly words: readonly string[];
  /** Descriptors that the workers inherit. */
  readonly descriptors: readonly number[];
  readonly environment: Readonly<Record<string, string>>;
}

/** What a supervisor wants to hear of its workers. */
export interface WorkerEvents {
  readonly onWanted: (worker: WorkerProcess, urgently: boolean) => void;
  readonly onReturned: (worker: WorkerProcess, places: number) => void;
  readonly onPromised: (worker: WorkerProcess, device: number, bytes: number) => void;
  /** It does no more what only one may do at a time. */
  readonly onResigned: (worker: WorkerProcess) => void;
  /** What it tells of itself, each time that it is asked, and at its end. */
  readonly onReport: (worker: WorkerProcess, report: WorkerReport) => void;
  /** Files of earlier processes are gone from the spool. */
  readonly onRemoved: (files: number) => void;
  /** Complete lines of its log. */
  readonly onLog: (lines: Buffer) => void;
  /** A line that it, or Node in it, wrote to standard error. */
  readonly onStderr: (worker: WorkerProcess, line: string) => void;
}

/** How a process ended. */
export interface Exit {
  /** In words, such as `ended by SIGKILL`, with what it wrote to standard error last. */
  readonly how: string;
  /** Neither as it was told to, nor by `kill`, nor because it could not listen, as it said. */
  readonly crashed: boolean;
  /** Connections that it had to cut off. */
  readonly cut: number;
}

/** Pings without an answer after which a worker counts as hung. */
const MOST_UNANSWERED = 6;
const MOST_LAST_WORDS = 8;
/** A worker that does not answer for so long is not waited for. */
const ANSWER_MS = 1000;
/** One that does not answer for so long serves nobody, whatever it waits for. */
const SILENCE_MS = 5000;

export class WorkerProcess implements Holder, Promiser, Leader {
  readonly startedAt = performance.now();
  readonly exited: Promise<Exit>;
  readonly #process: ChildProcess;
  readonly #bound = new Map<string, ListeningSocket>();
  readonly #events: WorkerEvents;
  readonly #lastWords: string[] = [];
  /** Before its start order it serves nobody, and obeys nothing. */
  #isOrdered = false;
  /** Its end is no surprise: it said why, or was killed from here. */
  #isDue = false;
  #unanswered = 0;
  /** When the first question without an answer was asked, on the clock of performance.now(). */
  #askedAt: number | undefined;
  #report: WorkerReport = { counts: NOTHING, memory: 0, lag: 0, happened: undefined };
  #cut = 0;
  #listening: { resolve: (listening: Listening) => void; reject: (error: Error) => void } | undefined;
  #onStopping: ((busy: number) => void) | undefined;
  #onPong: (() => void)[] = [];

  /** Forks a process, which waits for its order. */
  constructor({ file, words, descriptors, environment }: Program, events: WorkerEvents) {
    this.#events = events;
    this.#process = fork(file, words, {
      serialization: 'advanced',
      stdio: ['ignore', 'pipe', 'pipe', 'ipc', ...descriptors],
      env: { ...process.env, ...environment },
    });
    this.exited = this.#end();
    // Where the system could not fork, there are not even streams.
    if (this.#process.pid !== undefined) this.#listen();
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  /** As of its last answer to a ping. */
  get report(): WorkerReport {
    return this.#report;
  }

  /** It was asked, and has not answered for seconds. */
  get isSilent(): boolean {
    return performance.now() - (this.#askedAt ?? Infinity) > SILENCE_MS;
  }

  /** Sockets that it bound, and that outlive it. */
  get bound(): Sockets {
    return this.#bound;
  }

  /**
   * @param sockets that listen already
   * @throws Error with the reason when it cannot listen, or ends before it does
   */
  async start(order: StartOrder, sockets: Sockets): Promise<Listening> {
    const listening = new Promise<Listening>((resolve, reject) => {
      this.#listening = { resolve, reject };
    });
    for (const [name, socket] of sockets) this.#send({ kind: 'socket', name }, socket);
    this.#send(order);
    this.#isOrdered = true;
    const early = this.exited.then(({ how }) => {
      throw new Error(`a worker ${how} before it listened`);
    });
    return Promise.race([listening, early]);
  }

  /** Lets its sessions come to their end. */
  finish(): void {
    if (this.#isOrdered) this.#send({ kind: 'finish' });
    else this.kill();
  }

  /** Lets its commands in progress come to their end. @returns how many there are */
  async stop(): Promise<number> {
    if (!this.#isOrdered) {
      this.kill();
      return 0;
    }
    const stopping = new Promise<number>((resolve) => (this.#onStopping = resolve));
    this.#send({ kind: 'stop' });
    return Promise.race([stopping, this.exited.then(() => 0), sleep(ANSWER_MS, 0, { ref: false })]);
  }

  kill(): void {
    this.#isDue = true;
    this.#process.kill('SIGKILL');
  }

  /** Asks for a sign of life. @returns false when it has not answered for so long that it must be hung */
  ping(): boolean {
    if (++this.#unanswered > MOST_UNANSWERED) return false;
    this.#ping();
    return true;
  }

  /** Its report as of now, or the last one known when it does not answer. */
  async ask(): Promise<WorkerReport> {
    const pong = new Promise<void>((resolve) => this.#onPong.push(resolve));
    this.#ping();
    await Promise.race([pong, this.exited, sleep(ANSWER_MS, undefined, { ref: false })]);
    return this.#report;
  }

  grant(places: number): void {
    this.#send({ kind: 'granted', places });
  }

  tellPromised(device: number, bytes: number): void {
    this.#send({ kind: 'promised', device, bytes });
  }

  lead(): void {
    this.#send({ kind: 'lead' });
  }

  recall(urgently: boolean): void {
    this.#send({ kind: 'recall', urgently });
  }

  #listen(): void {
    this.#process.on('message', (message, handle) => {
      this.#hear(message as ToSupervisor, handle as ListeningSocket | undefined);
    });
    const { stdout, stderr } = this.#process;
    if (stdout !== null) relayLines(stdout, this.#events.onLog);
    if (stderr !== null) {
      createInterface({ input: stderr }).on('line', (line) => {
        this.#remember(line);
      });
    }
  }

  #end(): Promise<Exit> {
    return new Promise((resolve) => {
      this.#process.on('error', (cause) => {
        // Of a process that is there, its end says more.
        if (this.#process.pid === undefined)
          resolve({ how: `could not be started (${reasonOf(cause)})`, crashed: true, cut: 0 });
      });
      // All it wrote has been read then.
      this.#process.once('close', (code: number | null, signal: string | null) => {
        const words = this.#lastWords.length === 0 ? '' : `: ${this.#lastWords.join(' | ')}`;
        const how = `ended by ${signal ?? `exit code ${String(code)}`}${words}`;
        resolve({ how, crashed: code !== 0 && !this.#isDue, cut: this.#cut });
      });
    });
  }

  #remember(line: string): void {
    this.#events.onStderr(this, line);
    if (line.trim() !== '') this.#lastWords.push(line.trim());
    if (this.#lastWords.length > MOST_LAST_WORDS) this.#lastWords.shift();
  }

  #ping(): void {
    this.#askedAt ??= performance.now();
    this.#send({ kind: 'ping' });
  }

  #send(message: ToWorker, socket?: ListeningSocket): void {
    // One that is just dying cannot be told; its end is heard of. Node takes the bare handle of a server, too.
    if (this.#process.connected)
      this.#process.send(message, socket as unknown as Server, {}, () => undefined);
  }

  #take(report: WorkerReport): void {
    this.#report = report;
    this.#events.onReport(this, report);
  }

  #hear(message: ToSupervisor, socket: ListeningSocket | undefined): void {
    switch (message.kind) {
      case 'bound':
        if (socket !== undefined) this.#bound.set(message.name, socket);
        break;
      case 'listening':
        this.#listening?.resolve(message);
        break;
      case 'removed':
        this.#events.onRemoved(message.files);
        break;
      case 'failed':
        this.#isDue = true;
        this.#listening?.reject(new Error(message.reason));
        break;
      case 'wanted':
        this.#events.onWanted(this, message.urgently);
        break;
      case 'returned':
        this.#events.onReturned(this, message.places);
        break;
      case 'promised':
        this.#events.onPromised(this, message.device, message.bytes);
        break;
      case 'resigned':
        this.#events.onResigned(this);
        break;
      case 'stopping':
        this.#onStopping?.(message.busy);
        break;
      case 'ended':
        this.#cut = message.cut;
        this.#take(message.report);
        break;
      case 'pong':
        this.#unanswered = 0;
        this.#askedAt = undefined;
        this.#take(message.report);
        for (const resolve of this.#onPong.splice(0)) resolve();
        break;
      default:
        message satisfies never;
    }
  }
}
