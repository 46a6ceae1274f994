/** Turns "something changed" into a new generation, or into a refusal that changes nothing. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Candidate, Supervisor } from './supervisor.ts';
import type { Logger } from '../log/logger.ts';
import { describe, keyOf, type Problem, warning } from '../settings/assignment.ts';
import { changesOf, isSame } from '../settings/changes.ts';

/** What a look at all sources of settings gave. */
export interface Loaded {
  /** Undefined when a problem is an error. */
  readonly candidate: Candidate | undefined;
  readonly problems: readonly Problem[];
  /** Every file that was looked at, and such as were not there. */
  readonly files: readonly string[];
  /** Tokens that somebody wants otherwise than they can be while the server runs. */
  readonly kept: readonly string[];
}

export interface ReloaderContext {
  readonly supervisor: Supervisor;
  readonly log: Logger;
  /** Reads all sources of settings anew. */
  readonly load: () => Promise<Loaded>;
  /** Before a reload: at every SIGHUP, and when a file brings a change. */
  readonly onReloading: () => void;
  /** After one that succeeded. */
  readonly onReloaded: (candidate: Candidate) => Promise<void>;
  /** After one that `onReloading` told of, refused or not. */
  readonly onSettled: () => void;
}

/** What came of reloads since the start. */
export interface Reloads {
  readonly succeeded: number;
  readonly refused: number;
  /** When the settings in force were taken over, in milliseconds since the epoch, as below. */
  readonly lastGoodAt: number;
  /** Since then. */
  readonly lastRefusal: { readonly at: number; readonly text: string } | undefined;
}

/** What the server was started with. */
export interface Running {
  readonly candidate: Candidate;
  readonly warnings: readonly Problem[];
}

/** `SIGHUP` is obeyed even when nothing changed. */
export type Occasion = 'SIGHUP' | 'a file changed';

/** A certificate tool writes certificate and key one after the other: what is wrong for so long is right soon. */
const SETTLE_MS = 1000;

export class Reloader {
  readonly #context: ReloaderContext;
  #current: Candidate;
  #state: 'not yet' | 'open' | 'closed' = 'not yet';
  #asked: Occasion | undefined;
  #running: Promise<void> | undefined;
  /** Why the last attempt failed, not to be told again for every look at the same files. */
  #failure: string | undefined;
  /** What was doubtful at the last look, likewise, by its key. */
  #told: ReadonlySet<string>;
  #reloads: Reloads = { succeeded: 0, refused: 0, lastGoodAt: Date.now(), lastRefusal: undefined };

  constructor({ candidate, warnings }: Running, context: ReloaderContext) {
    this.#current = candidate;
    this.#told = new Set(warnings.map(keyOf));
    this.#context = context;
  }

  get reloads(): Reloads {
    return this.#reloads;
  }

  /** What the serving generation is made of. */
  get current(): Candidate {
    return this.#current;
  }

  /** Has the sources looked at, now or after the look in progress. */
  request(occasion: Occasion): void {
    if (this.#state === 'closed') return;
    if (this.#asked !== 'SIGHUP') this.#asked = occasion;
    if (this.#state === 'open') this.#work();
  }

  /** From now on requests are served; the first one may have come before. */
  open(): void {
    this.#state = 'open';
    this.#work();
  }

  /** Nothing begins or is told from now on. Resolves when nothing is in progress. */
  async close(): Promise<void> {
    this.#state = 'closed';
    this.#asked = undefined;
    await this.#running;
  }

  /** One look after the other. Never fails. */
  #work(): void {
    this.#running ??= this.#serveRequests().finally(() => {
      this.#running = undefined;
    });
  }

  async #serveRequests(): Promise<void> {
    while (this.#asked !== undefined) {
      const occasion = this.#asked;
      this.#asked = undefined;
      const look = (): Promise<void> => this.#look(occasion);
      // Whoever sent the signal waits to hear of it, whatever comes of it.
      await (occasion === 'SIGHUP' ? this.#announced(look) : look());
    }
  }

  async #announced(work: () => Promise<void>): Promise<void> {
    this.#context.onReloading();
    try {
      await work();
    } finally {
      // Whoever stops has said so by now.
      if (this.#state !== 'closed') this.#context.onSettled();
    }
  }

  /** Never fails. */
  async #look(occasion: Occasion): Promise<void> {
    try {
      await this.#compare(occasion);
    } catch (cause) {
      this.#refuse(occasion, [(cause as Error).message]);
    }
  }

  async #compare(occasion: Occasion): Promise<void> {
    const loaded = await this.#settled();
    const { candidate, problems } = loaded;
    if (candidate === undefined) {
      this.#refuse(occasion, problems.filter(({ severity }) => severity === 'error').map(describe));
      return;
    }
    const isChanged = !isSame(candidate.blueprint, this.#current.blueprint);
    this.#tellDoubts(loaded, { isAsked: occasion === 'SIGHUP', isChanged });
    if (occasion === 'SIGHUP') await this.#reload(occasion, candidate);
    else if (isChanged) {
      await this.#announced(() => this.#reload(occasion, candidate));
    } else this.#forgive();
  }

  /** The sources say again what is in force. */
  #forgive(): void {
    if (this.#failure === undefined) return;
    this.#failure = undefined;
    const text = 'The files say again what is in force: what was refused is settled';
    this.#context.log.notice(text, { event: 'reload forgiven' });
    this.#reloads = { ...this.#reloads, lastRefusal: undefined };
  }

  /**
   * What is doubtful: each thing once for as long as it is so, and all of it to somebody who asks. What only time has
   * brought about is told by ExpiryWatch.
   */
  #tellDoubts(
    { problems, kept }: Loaded,
    { isAsked, isChanged }: { readonly isAsked: boolean; readonly isChanged: boolean },
  ): void {
    const doubts = [...problems];
    if (kept.length > 0) {
      const text = 'cannot change while the server runs, and is kept until a restart';
      doubts.push(warning('', `Reload: ${text}: ${kept.join(', ')}`));
    }
    for (const doubt of doubts) {
      const isNew = !this.#told.has(keyOf(doubt)) && (isChanged || doubt.key === undefined);
      if (isAsked || isNew) this.#context.log.warning(describe(doubt), { event: 'setting' });
    }
    this.#told = new Set(doubts.map(keyOf));
  }

  /** What the sources say, once they have said it for a moment or it makes sense. */
  async #settled(): Promise<Loaded> {
    const loaded = await this.#context.load();
    if (loaded.candidate !== undefined) return loaded;
    await sleep(SETTLE_MS);
    return this.#context.load();
  }

  async #reload(occasion: Occasion, candidate: Candidate): Promise<void> {
    const { supervisor, log, onReloaded } = this.#context;
    await supervisor.reload(candidate);
    const changes = changesOf(this.#current.blueprint, candidate.blueprint);
    this.#current = candidate;
    this.#failure = undefined;
    const succeeded = this.#reloads.succeeded + 1;
    this.#reloads = { ...this.#reloads, succeeded, lastGoodAt: Date.now(), lastRefusal: undefined };
    await onReloaded(candidate);
    const what = changes.length === 0 ? 'nothing changed' : changes.join('; ');
    log.notice(`Reloaded (${occasion}): ${what}`, { event: 'reloaded' });
  }

  /** The running settings stay; each reason is a line of its own, told once. */
  #refuse(occasion: Occasion, reasons: readonly string[]): void {
    const failure = reasons.join('\n');
    if (this.#state === 'closed') return;
    if (occasion !== 'SIGHUP' && failure === this.#failure) return;
    this.#failure = failure;
    const refused = this.#reloads.refused + 1;
    this.#reloads = { ...this.#reloads, refused, lastRefusal: { at: Date.now(), text: failure } };
    const { log } = this.#context;
    for (const reason of reasons) log.error(`Reload refused: ${reason}`, { event: 'reload refused' });
    log.error(`Reload refused (${occasion}): the settings of before stay in force`, {
      event: 'reload refused',
    });
  }
}
