/** Holds servers to their word: what was acknowledged is there from then on, and is taken exactly once. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { folderOf } from './content.ts';
import type { Journal } from './journal.ts';

export class Ledger {
  readonly #journal: Journal;
  readonly #awaited = new Set<string>();
  readonly #taken = new Set<string>();

  constructor(journal: Journal) {
    this.#journal = journal;
  }

  /** Acknowledged and not taken yet. */
  get awaited(): readonly string[] {
    return [...this.#awaited];
  }

  get taken(): number {
    return this.#taken.size;
  }

  /**
   * A client has just read the OK for it.
   * @param places paths where it may be, in the order in which it passes through them
   */
  acknowledged(name: string, places: readonly string[]): void {
    this.#journal.did('files acknowledged');
    const there = places.some((path) => existsSync(path));
    // Asked last: nobody gives back what was taken.
    if (!there && !this.#taken.has(name)) this.#journal.problem(`${name}: acknowledged before it is there`);
    if (!this.#taken.has(name)) this.#awaited.add(name);
  }

  /** The data server has it, and is about to delete it. */
  took(name: string, whole: boolean): void {
    if (!whole) this.#journal.problem(`${name}: not the bytes that were sent`);
    if (this.#taken.has(name)) this.#journal.problem(`${name}: there for the second time`);
    this.#taken.add(name);
    this.#awaited.delete(name);
  }
}

/** Where a file of this name may be, for a way through these spools; in a queue there are no sub-directories. */
export function placesOf(name: string, queue: string | undefined, spool: string): readonly string[] {
  const end = join(spool, folderOf(name), name);
  return queue === undefined ? [end] : [join(queue, name), end];
}
