/** Asks libwrap for a worker: in order, but nobody whose name is hard to find out keeps others waiting. */
import { addressKey } from './address-limits.ts';
import { LibwrapHelper, type Outcome } from './libwrap-helper.ts';
import type { Question } from './libwrap-main.ts';
import { timerMs } from '../protocol/timer.ts';

/** Some 28 MB each; more than one are started only while the others are busy. */
const MOST_HELPERS = 3;
/** Questions that wait at a time; further ones count as unanswered. */
const MOST_WAITING = 4096;
/** Without names to look up a question takes less than a millisecond: after so long, others wait in vain. */
const BUSY_MS = 500;
/** After a helper that ended before it had answered anything. */
const PAUSE_MS = 1000;

interface Asked {
  readonly question: Question;
  readonly settle: (outcome: Outcome) => void;
}

export class Libwrap {
  readonly #limitMs: number;
  readonly #helpers = new Set<LibwrapHelper>();
  readonly #free: LibwrapHelper[] = [];
  /** By address; the one whose turn is next comes first. */
  readonly #waiting = new Map<string, Set<Asked>>();
  /** Addresses with a question in progress: one each, so that no address keeps all helpers busy. */
  readonly #inProgress = new Set<string>();
  #waitingCount = 0;
  #later: NodeJS.Timeout | undefined;

  /** @param limitMs how long a question may wait for a helper, and then for its answer */
  constructor(limitMs: number) {
    this.#limitMs = timerMs(limitMs);
    this.#start();
  }

  /** Never rejects. Nothing is remembered: the files may change at any moment. */
  ask(question: Question): Promise<Outcome> {
    if (this.#waitingCount >= MOST_WAITING) return Promise.resolve('unanswered');
    return new Promise((resolve) => {
      const key = addressKey(question.client.address);
      const asked: Asked = {
        question,
        settle: (outcome) => {
          clearTimeout(late);
          resolve(outcome);
        },
      };
      const late = setTimeout(() => {
        if (this.#take(key, asked)) resolve('unanswered');
      }, this.#limitMs);
      const others = this.#waiting.get(key) ?? new Set();
      this.#waiting.set(key, others.add(asked));
      this.#waitingCount++;
      this.#next();
    });
  }

  #next(): void {
    for (const [key, questions] of this.#waiting) {
      if (this.#inProgress.has(key)) continue;
      const helper = this.#free.pop();
      if (helper === undefined) {
        this.#startLater(BUSY_MS);
        return;
      }
      const [asked] = questions;
      if (asked !== undefined) void this.#ask(helper, key, asked);
    }
  }

  async #ask(helper: LibwrapHelper, key: string, asked: Asked): Promise<void> {
    this.#take(key, asked);
    this.#inProgress.add(key);
    const outcome = await helper.ask(asked.question, this.#limitMs);
    this.#inProgress.delete(key);
    // A helper that gave no answer is gone, or about to be.
    if (outcome === 'unanswered') this.#helpers.delete(helper);
    if (this.#helpers.has(helper)) this.#free.push(helper);
    asked.settle(outcome);
    this.#next();
  }

  /** Out of the queue; the others of its address go to the end. @returns whether it was there */
  #take(key: string, asked: Asked): boolean {
    const questions = this.#waiting.get(key);
    if (questions?.delete(asked) !== true) return false;
    this.#waitingCount--;
    this.#waiting.delete(key);
    if (questions.size > 0) this.#waiting.set(key, questions);
    return true;
  }

  #start(): void {
    const helper = new LibwrapHelper((isUseful) => {
      this.#helpers.delete(helper);
      const index = this.#free.indexOf(helper);
      if (index >= 0) this.#free.splice(index, 1);
      if (this.#helpers.size === 0) this.#startLater(isUseful ? 0 : PAUSE_MS);
    });
    this.#helpers.add(helper);
    this.#free.push(helper);
  }

  #startLater(ms: number): void {
    if (this.#later !== undefined) return;
    this.#later = setTimeout(() => {
      this.#later = undefined;
      const isNeeded = this.#free.length === 0 && (this.#helpers.size === 0 || this.#isAnybodyWaiting());
      if (isNeeded && this.#helpers.size < MOST_HELPERS) this.#start();
      this.#next();
    }, ms).unref();
  }

  #isAnybodyWaiting(): boolean {
    return [...this.#waiting.keys()].some((key) => !this.#inProgress.has(key));
  }
}
