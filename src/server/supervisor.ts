/** Keeps generations of workers: one that serves, and earlier ones that come to their end. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Counts, NOTHING, sum } from './counts.ts';
import { Generation, type Surroundings } from './generation.ts';
import { Lead } from './lead.ts';
import type { Happened } from './recent.ts';
import { type Bound, closeBut, type Sockets } from './listener.ts';
import type { WorkerReport } from './messages.ts';
import { Places } from './places.ts';
import { Room } from './room.ts';
import type { Exit, WorkerProcess } from './worker-process.ts';
import { count } from '../log/count.ts';
import { reasonOf } from '../log/errno.ts';
import type { Blueprint } from '../settings/blueprint.ts';
import type { Settings } from '../settings/settings.ts';

export interface SupervisorContext extends Pick<Surroundings, 'log' | 'onLog' | 'program' | 'notify'> {
  /** What happened lately in a worker. */
  readonly onHappened?: (happened: Happened) => void;
}

/** What a generation is made of. */
export interface Candidate {
  readonly blueprint: Blueprint;
  readonly settings: Settings;
}

export interface Status {
  readonly generation: number;
  readonly workers: readonly WorkerStatus[];
  /** Of all workers, those that are gone included. */
  readonly counts: Counts;
  /** Workers that were gone before their time. */
  readonly lost: number;
}

/** `draining`: of an earlier generation, its sessions are not over; `silent`: it should serve, and does not answer. */
export type WorkerState = 'serving' | 'draining' | 'silent';

export interface WorkerStatus {
  readonly pid: number;
  /** Counted from 1. */
  readonly generation: number;
  readonly state: WorkerState;
  /** In milliseconds of performance.now(). */
  readonly startedAt: number;
  readonly report: WorkerReport;
}

/** A killed supervisor's workers need a moment to hear of it; until then they hold the port. */
const PORT_FREE_MS = 1500;
const RETRY_MS = 100;
/** Beyond the drain time, for a worker that does not end by itself. */
const HARD_STOP_MS = 5000;

export class Supervisor {
  readonly #around: Surroundings;
  readonly #places = new Places();
  readonly #generations = new Set<Generation>();
  #serving: Generation | undefined;
  #bound: Pick<Bound, 'addresses' | 'failures'> = { addresses: [], failures: [] };
  #number = 0;
  /** They outlive the workers: while none of them lives, connections wait. */
  #sockets: Sockets = new Map();
  /** Of workers that are gone. */
  #past: Counts = NOTHING;
  #cut = 0;
  #lost = 0;
  #stopping = false;

  constructor(context: SupervisorContext) {
    const shared = { places: this.#places, room: new Room(), lead: new Lead() };
    this.#around = {
      ...context,
      ...shared,
      onReport: (_, { happened }) => {
        if (happened !== undefined) context.onHappened?.(happened);
      },
      onLost: () => {
        this.#lost++;
      },
      onExit: this.#remember.bind(this),
    };
  }

  /** Where the serving generation listens. */
  get bound(): Pick<Bound, 'addresses' | 'failures'> {
    return this.#bound;
  }

  /** The number of the serving generation, counted from 1. */
  get generation(): number {
    return this.#number;
  }

  /** How long a stop may let commands in progress go on, in milliseconds. */
  get drainMs(): number {
    return Math.max(0, ...[...this.#generations].map(({ plan }) => plan.settings.drainMs));
  }

  /**
   * Starts the first generation.
   * @throws Error with the reason when it cannot listen
   */
  async start(candidate: Candidate): Promise<void> {
    const deadline = performance.now() + PORT_FREE_MS;
    for (;;) {
      try {
        await this.#launch(candidate, true);
        return;
      } catch (cause) {
        const inUse = (cause as Error).message.includes(reasonOf({ code: 'EADDRINUSE' }));
        if (!inUse || performance.now() > deadline) throw cause;
        await sleep(RETRY_MS);
      }
    }
  }

  /**
   * Puts a new generation in the place of the serving one, which then comes to its end.
   * @throws Error with the reason when it cannot serve; then nothing has changed
   */
  async reload(candidate: Candidate): Promise<void> {
    const before = this.#serving;
    await this.#launch(candidate, false);
    if (before !== undefined) void this.#letGo(before);
  }

  /**
   * Accepts nothing new, lets commands in progress finish, and ends when all workers are gone.
   * @returns how many connections had to be cut off
   */
  async stop(): Promise<number> {
    this.#stopping = true;
    const all = [...this.#generations];
    closeBut(new Map(), this.#sockets);
    const { drainMs } = this;
    const busy = (await Promise.all(all.map((each) => each.stop()))).reduce((a, b) => a + b, 0);
    const wait = `: waiting up to ${count(drainMs / 1000, 'second')} for ${count(busy, 'transfer')}`;
    this.#around.log.notice(`Server going down${busy > 0 ? wait : ''}`, { event: 'stopping' });
    const late = setTimeout(() => {
      this.kill();
    }, drainMs + HARD_STOP_MS);
    await Promise.all(all.map((each) => each.gone()));
    clearTimeout(late);
    return this.#cut;
  }

  /** Ends all workers at once. */
  kill(): void {
    for (const generation of this.#generations) generation.kill();
  }

  /** To be called every few seconds: finds workers that are hung. */
  ping(): void {
    for (const generation of this.#generations) generation.ping();
  }

  async status(): Promise<Status> {
    const all = [...this.#generations].flatMap((generation) =>
      [...generation.workers].map((worker) => ({ generation, worker })),
    );
    const workers = await Promise.all(
      all.map(async ({ generation, worker }): Promise<WorkerStatus> => {
        const report = await worker.ask();
        const { pid, startedAt } = worker;
        return {
          pid,
          generation: generation.plan.number,
          state: this.#stateOf(worker, generation),
          startedAt,
          report,
        };
      }),
    );
    // One that ended meanwhile is among those of the past.
    const alive = all.filter(({ generation, worker }) => generation.workers.has(worker));
    return {
      generation: this.#number,
      workers: workers.filter(({ pid }) => alive.some(({ worker }) => worker.pid === pid)),
      counts: sum([this.#past, ...alive.map(({ worker }) => worker.report.counts)]),
      lost: this.#lost,
    };
  }

  #stateOf(worker: WorkerProcess, generation: Generation): WorkerState {
    if (generation !== this.#serving || this.#stopping) return 'draining';
    return worker.isSilent ? 'silent' : 'serving';
  }

  async #launch(candidate: Candidate, clean: boolean): Promise<void> {
    if (this.#stopping) throw new Error('the server is stopping');
    const { maxConnections } = candidate.settings;
    if (this.#serving === undefined) this.#places.setTotal(maxConnections);
    const generation = new Generation({ ...candidate, number: this.#number + 1, clean }, this.#around);
    this.#generations.add(generation);
    try {
      const bound = await generation.start(this.#sockets);
      if (this.#serving !== undefined) refuseLosses(this.#bound, bound);
      this.#bound = bound;
    } catch (cause) {
      // Some of its workers may have listened for a moment: whom they serve is not to lose by it.
      const gone = this.#letGo(generation);
      if (this.#serving === undefined) {
        generation.kill();
        await gone;
      }
      closeBut(this.#sockets, generation.sockets);
      throw cause;
    }
    closeBut(generation.sockets, this.#sockets);
    this.#sockets = generation.sockets;
    this.#number++;
    this.#serving = generation;
    this.#places.setTotal(maxConnections);
  }

  /** Lets its sessions come to their end; resolves when all of its workers are gone. */
  async #letGo(generation: Generation): Promise<void> {
    await generation.finish();
    this.#generations.delete(generation);
  }

  #remember(worker: WorkerProcess, { cut }: Exit): void {
    this.#past = sum([this.#past, { ...worker.report.counts, open: 0 }]);
    this.#cut += cut;
  }
}

/** A start goes on when only some addresses can be bound; a reload must not give up one that is served. */
function refuseLosses(before: Pick<Bound, 'failures'>, after: Pick<Bound, 'failures'>): void {
  const lost = after.failures.filter((failure) => !before.failures.includes(failure));
  if (lost.length > 0) throw new Error([...new Set(lost)].join('; '));
}
