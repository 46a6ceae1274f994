/** Names that wait to be settled: several at a time, none twice at a time, those that somebody waits for first. */

/** At a time. */
const MOST = 8;
/** Beyond it a delay is a pause after a failure, which whoever hears of a change need not wait for. Milliseconds. */
const LONG_MS = 1000;

interface Delay {
  readonly ms: number;
  readonly timer: NodeJS.Timeout;
}

export class Worklist {
  readonly #settle: (name: string) => Promise<void>;
  readonly #urgent = new Set<string>();
  readonly #others = new Set<string>();
  readonly #delayed = new Map<string, Delay>();
  readonly #running = new Map<string, Promise<void>>();
  #isOpen = false;
  #pausing: NodeJS.Timeout | undefined;

  /** @param settle never throws */
  constructor(settle: (name: string) => Promise<void>) {
    this.#settle = settle;
  }

  /** Begins what waits, and whatever comes. */
  open(): void {
    this.#isOpen = true;
    this.#pump();
  }

  /** Begins nothing any more; resolves when nothing is in progress. What waits is kept, until opened again. */
  async close(): Promise<void> {
    this.#isOpen = false;
    clearTimeout(this.#pausing);
    this.#pausing = undefined;
    await Promise.all(this.#running.values());
  }

  /** Forgets what waits. */
  clear(): void {
    for (const { timer } of this.#delayed.values()) clearTimeout(timer);
    for (const each of [this.#urgent, this.#others, this.#delayed]) each.clear();
  }

  /** One that is delayed for a moment stays so; what is urgent ends longer delays. */
  add(name: string, how: 'urgent' | 'other' = 'urgent'): void {
    const delay = this.#delayed.get(name);
    if (delay !== undefined && (how === 'other' || delay.ms <= LONG_MS)) return;
    clearTimeout(delay?.timer);
    this.#delayed.delete(name);
    if (how === 'urgent') {
      this.#others.delete(name);
      this.#urgent.add(name);
    } else if (!this.#urgent.has(name)) this.#others.add(name);
    this.#pump();
  }

  /** Not before so many milliseconds. */
  addLater(name: string, ms: number): void {
    clearTimeout(this.#delayed.get(name)?.timer);
    this.#urgent.delete(name);
    this.#others.delete(name);
    const timer = setTimeout(() => {
      this.#delayed.delete(name);
      this.add(name);
    }, ms);
    this.#delayed.set(name, { ms, timer });
  }

  /** Begins nothing for so many milliseconds. */
  pause(ms: number): void {
    if (!this.#isOpen) return;
    clearTimeout(this.#pausing);
    this.#pausing = setTimeout(() => {
      this.#pausing = undefined;
      this.#pump();
    }, ms);
  }

  #pump(): void {
    while (this.#isOpen && this.#pausing === undefined && this.#running.size < MOST) {
      const name = this.#next(this.#urgent) ?? this.#next(this.#others);
      if (name === undefined) return;
      const settled = this.#settle(name).finally(() => {
        this.#running.delete(name);
        this.#pump();
      });
      this.#running.set(name, settled);
    }
  }

  /** Takes the first that is not in progress. */
  #next(waiting: Set<string>): string | undefined {
    for (const name of waiting) {
      if (this.#running.has(name)) continue;
      waiting.delete(name);
      return name;
    }
    return undefined;
  }
}
