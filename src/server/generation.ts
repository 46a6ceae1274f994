/** The workers of one set of settings: starts them together, replaces those that crash, lets them go together. */
import { MOST_HANDSHAKES } from './connection-context.ts';
import type { Lead } from './lead.ts';
import { type Bound, closeBut, type Sockets } from './listener.ts';
import type { Places } from './places.ts';
import type { Room } from './room.ts';
import {
  type Exit,
  type Listening,
  type Program,
  type WorkerEvents,
  WorkerProcess,
} from './worker-process.ts';
import { count } from '../log/count.ts';
import type { Logger } from '../log/logger.ts';
import { printable } from '../log/printable.ts';
import { isWaitingForDisk } from '../process/waiting-for-disk.ts';
import { type Blueprint, pack } from '../settings/blueprint.ts';
import type { Settings } from '../settings/settings.ts';

export interface Plan {
  /** Counted from 1. */
  readonly number: number;
  readonly blueprint: Blueprint;
  readonly settings: Settings;
  /** Whether the first worker is to remove what earlier processes left in the spool. */
  readonly clean: boolean;
}

/** What generations have in common. */
export interface Surroundings {
  readonly log: Logger;
  readonly places: Places;
  readonly room: Room;
  readonly lead: Lead;
  readonly onLog: WorkerEvents['onLog'];
  readonly onReport: WorkerEvents['onReport'];
  /** Hears of every worker that is gone before its time. */
  readonly onLost: () => void;
  /** Hears of every worker that is gone. */
  readonly onExit: (worker: WorkerProcess, exit: Exit) => void;
  readonly program: Program;
  /** See StartOrder. */
  readonly notify: Readonly<Record<string, string>>;
}

const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 30_000;
/** A worker that lived for so long was no part of a series of crashes. */
const STEADY_MS = 60_000;
const START_MS = 30_000;

export class Generation {
  readonly plan: Plan;
  readonly #around: Surroundings;
  readonly #workers = new Set<WorkerProcess>();
  #state: 'starting' | 'serving' | 'leaving' = 'starting';
  #pauseMs = FIRST_PAUSE_MS;
  #pauses = new Set<NodeJS.Timeout>();
  /** Those that wait for a disk, and of which the log knows. */
  readonly #spared = new WeakSet<WorkerProcess>();
  #onEmpty: (() => void)[] = [];
  #sockets: Sockets = new Map();

  constructor(plan: Plan, around: Surroundings) {
    this.plan = plan;
    this.#around = around;
  }

  get workers(): ReadonlySet<WorkerProcess> {
    return this.#workers;
  }

  /** Those that the workers listen on. */
  get sockets(): Sockets {
    return this.#sockets;
  }

  /**
   * Starts all workers, and waits until all of them listen.
   * @param sockets that listen already; for what is to be bound beside, the first worker sees
   * @throws Error when one of them cannot; the others may serve somebody by then, until `finish` or `kill`
   */
  async start(sockets: Sockets): Promise<Pick<Bound, 'addresses' | 'failures'>> {
    const { settings, clean } = this.plan;
    const [first, ...others] = Array.from({ length: settings.workers }, () => this.#fork());
    if (first === undefined) throw new Error('no workers');
    this.#sockets = sockets;
    const listening = await this.#begin(first, clean).finally(() => {
      // All that it bound outlives it, so that it can be closed.
      this.#sockets = new Map([...sockets, ...first.bound]);
    });
    this.#sockets = new Map([...this.#sockets].filter(([name]) => listening.names.includes(name)));
    await Promise.all(others.map((worker) => this.#beginBeside(worker, false)));
    if (this.#state === 'leaving') throw new Error('the server is stopping');
    if (this.#workers.size < settings.workers) throw new Error('a worker ended before all of them listened');
    this.#state = 'serving';
    for (const worker of this.#workers) this.#around.lead.join(worker);
    return listening;
  }

  /** Lets all sessions come to their end; resolves when all workers are gone. */
  finish(): Promise<void> {
    this.#leave();
    for (const worker of this.#workers) worker.finish();
    return this.gone();
  }

  /** Lets all commands in progress come to their end. @returns how many there are */
  async stop(): Promise<number> {
    this.#leave();
    const busy = await Promise.all([...this.#workers].map((worker) => worker.stop()));
    return busy.reduce((sum, each) => sum + each, 0);
  }

  /** Ends all workers at once. */
  kill(): void {
    this.#leave();
    for (const worker of this.#workers) worker.kill();
  }

  /** Resolves when no worker is left. */
  async gone(): Promise<void> {
    if (this.#workers.size > 0) await new Promise<void>((resolve) => this.#onEmpty.push(resolve));
  }

  /** Asks every worker for a sign of life, and ends those that gave none for too long. */
  ping(): void {
    for (const worker of this.#workers) {
      if (worker.ping()) {
        this.#spared.delete(worker);
        continue;
      }
      // It goes on when the disk does; a signal would reach it no sooner.
      if (isWaitingForDisk(worker.pid)) {
        this.#spare(worker);
        continue;
      }
      this.#around.log.error(`Worker ${String(worker.pid)} does not answer: it is killed`, { event: 'hung' });
      worker.kill();
    }
  }

  #spare(worker: WorkerProcess): void {
    if (this.#spared.has(worker)) return;
    this.#spared.add(worker);
    const text = `Worker ${String(worker.pid)} does not answer: it waits for a disk that does not; see dmesg`;
    this.#around.log.error(text, { event: 'hung' });
  }

  #leave(): void {
    this.#state = 'leaving';
    for (const pause of this.#pauses) clearTimeout(pause);
    for (const worker of this.#workers) this.#around.lead.retire(worker);
  }

  #fork(): WorkerProcess {
    const { places, room, lead, onLog, onReport, onExit, program } = this.#around;
    const worker = new WorkerProcess(program, {
      onLog,
      onReport,
      onWanted: (who, urgently) => {
        places.want(who, urgently);
      },
      onReturned: (who, returned) => {
        places.returned(who, returned);
      },
      onPromised: (who, device, bytes) => {
        room.promised(who, device, bytes);
      },
      onResigned: (who) => {
        lead.leave(who);
      },
      onRemoved: (files) => {
        this.#tellRemoved(files);
      },
      onStderr: (who, line) => {
        this.#logStderr(who, line);
      },
    });
    this.#workers.add(worker);
    void worker.exited.then((exit) => {
      places.leave(worker);
      room.leave(worker);
      lead.leave(worker);
      this.#workers.delete(worker);
      onExit(worker, exit);
      this.#lost(worker, exit);
    });
    return worker;
  }

  async #begin(worker: WorkerProcess, clean: boolean): Promise<Listening> {
    const { settings, blueprint } = this.plan;
    const { places, room, notify, program } = this.#around;
    const order = {
      kind: 'start',
      blueprint: pack(blueprint),
      // One that is gone already would never give them back.
      places: this.#workers.has(worker)
        ? places.join(worker, Math.ceil(settings.maxConnections / settings.workers))
        : 0,
      handshakes: Math.ceil(MOST_HANDSHAKES / settings.workers),
      descriptors: program.descriptors.length,
      clean,
      notify,
    } as const;
    const late = setTimeout(() => {
      worker.kill();
    }, START_MS);
    try {
      const listening = await worker.start(order, this.#sockets);
      room.join(worker);
      return listening;
    } finally {
      clearTimeout(late);
    }
  }

  /** What only a later worker could bind goes with it: nobody would accept on it then. */
  async #beginBeside(worker: WorkerProcess, clean: boolean): Promise<void> {
    try {
      await this.#begin(worker, clean);
    } finally {
      closeBut(this.#sockets, worker.bound);
    }
  }

  #tellRemoved(files: number): void {
    if (files === 0) return;
    const text = `Removed ${count(files, 'unfinished file')} of an earlier run`;
    this.#around.log.notice(text, { event: 'cleaned' });
  }

  #lost(worker: WorkerProcess, { how, crashed }: Exit): void {
    if (this.#state === 'serving' || crashed) this.#around.onLost();
    if (this.#state === 'serving') {
      if (performance.now() - worker.startedAt > STEADY_MS) this.#pauseMs = FIRST_PAUSE_MS;
      const wait = `another one starts in ${String(this.#pauseMs / 1000)} s`;
      this.#around.log.error(`Worker ${String(worker.pid)} ${printable(how)}; ${wait}`, { event: 'crashed' });
      this.#replace();
    }
    if (this.#state === 'leaving' && crashed) {
      const text = `Worker ${String(worker.pid)} ${printable(how)} before its last sessions were over`;
      this.#around.log.error(text, { event: 'crashed' });
    }
    if (this.#state === 'leaving' && this.#workers.size === 0)
      for (const resolve of this.#onEmpty.splice(0)) resolve();
  }

  #replace(): void {
    const pause = setTimeout(() => {
      this.#pauses.delete(pause);
      void this.#startAnother();
    }, this.#pauseMs);
    this.#pauses.add(pause);
    this.#pauseMs = Math.min(this.#pauseMs * 2, LONGEST_PAUSE_MS);
  }

  /** Never fails. A replacement that cannot listen ends by itself, and is then replaced like any other. */
  async #startAnother(): Promise<void> {
    const { log, lead } = this.#around;
    const worker = this.#fork();
    try {
      await this.#beginBeside(worker, true);
      if (this.#state !== 'serving') return;
      lead.join(worker);
      log.notice('A new worker took the place of the lost one', { event: 'replaced' });
    } catch (cause) {
      if (this.#state !== 'serving') return;
      log.error(`A new worker cannot serve: ${(cause as Error).message}`, { event: 'crashed' });
      // Not even forked, as without memory: there is none that could be lost.
      if (this.#workers.size + this.#pauses.size < this.plan.settings.workers) this.#replace();
    }
  }

  #logStderr({ pid }: WorkerProcess, line: string): void {
    const text = printable(Buffer.from(line).toString('latin1'));
    this.#around.log.warning(`Worker ${String(pid)} says: ${text}`, { event: 'stderr' });
  }
}
