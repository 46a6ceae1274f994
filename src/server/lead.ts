/** Lets one worker at a time do what only one may do. */

export interface Leader {
  /** You are the one, until you resign or are gone. */
  lead(): void;
}

export class Lead {
  readonly #candidates = new Set<Leader>();
  #leader: Leader | undefined;

  /** The worker serves, and may lead. */
  join(worker: Leader): void {
    this.#candidates.add(worker);
    this.#choose();
  }

  /** The worker comes to its end: it leads no more once it has resigned. */
  retire(worker: Leader): void {
    this.#candidates.delete(worker);
  }

  /** The worker has resigned, or is gone. */
  leave(worker: Leader): void {
    this.#candidates.delete(worker);
    if (this.#leader !== worker) return;
    this.#leader = undefined;
    this.#choose();
  }

  #choose(): void {
    if (this.#leader !== undefined) return;
    [this.#leader] = this.#candidates;
    this.#leader?.lead();
  }
}
