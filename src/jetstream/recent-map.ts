/** A map that forgets what is old, in two steps, without looking at each entry. */
import { monotonicMs } from '../protocol/timer.ts';

export class RecentMap<V> {
  readonly #ms: number;
  #recent = new Map<string, V>();
  #before = new Map<string, V>();
  #sinceMs = monotonicMs();

  /** @param ms entries are remembered for so long at least, and at most for twice as long; in milliseconds */
  constructor(ms: number) {
    this.#ms = ms;
  }

  get(key: string): V | undefined {
    this.#turn();
    return this.#recent.get(key) ?? this.#before.get(key);
  }

  set(key: string, value: V): void {
    this.#turn();
    this.#recent.set(key, value);
  }

  #turn(): void {
    const turns = Math.floor((monotonicMs() - this.#sinceMs) / this.#ms);
    if (turns === 0) return;
    this.#before = turns === 1 ? this.#recent : new Map<string, V>();
    this.#recent = new Map();
    this.#sinceMs += turns * this.#ms;
  }
}
