/** Asks libwrap for a worker: in order, but nobody whose name is hard to find out keeps others waiting. */
import { addressKey } from './address-limits.ts';
import { LibwrapHelper, type Outcome } from './libwrap-helper.ts';
import type { Question } from './libwrap-main.ts';
import { timerMs } from '../protocol/timer.ts';

/** Some 28 MB each; more than one are started only while the others are busy for long. */
const MOST_HELPERS = 3;
/** Questions that wait at a time; beyond that, the address with the most of them gets no answer to one. */
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
    const key = addressKey(question.client.address);
    if (this.#waitingCount >= MOST_WAITING && !this.#makeRoom(key)) return Promise.resolve('unanswered');
    return new Promise((resolve) => {
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
    // Whoever comes next should not have to wait until another one has started.
    const slow = setTimeout(() => {
      this.#startAnother();
    }, BUSY_MS);
    const outcome = await helper.ask(asked.question, this.#limitMs);
    clearTimeout(slow);
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

  /** Nobody keeps others out by asking for too much. @returns whether there is room now for one of this address */
  #makeRoom(key: string): boolean {
    const most = [...this.#waiting].reduce((one, other) => (other[1].size > one[1].size ? other : one));
    const [greedy, questions] = most;
    if (questions.size <= (this.#waiting.get(key)?.size ?? 0)) return false;
    const last = [...questions].pop();
    if (last === undefined || !this.#take(greedy, last)) return false;
    last.settle('unanswered');
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
      if (this.#helpers.size === 0 || this.#isAnybodyWaiting()) this.#startAnother();
    }, ms).unref();
  }

  #startAnother(): void {
    if (this.#free.length === 0 && this.#helpers.size < MOST_HELPERS) this.#start();
    this.#next();
  }

  #isAnybodyWaiting(): boolean {
    return [...this.#waiting.keys()].some((key) => !this.#inProgress.has(key));
  }
}
