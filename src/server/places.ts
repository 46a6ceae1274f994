/** Shares the places of max_connections among workers, those that drain included. */

/** A worker, as far as its places go. */
export interface Holder {
  readonly grant: (places: number) => void;
  /** Asks it to give places back; urgently, even that of a guest who has been silent for too long. */
  readonly recall: (urgently: boolean) => void;
}

/** How long to wait before holders are asked again. */
const AGAIN_MS = 100;

export class Places {
  #total = 0;
  readonly #held = new Map<Holder, number>();
  /** Who waits for places, in order, and whether urgently. */
  readonly #wanting = new Map<Holder, boolean>();
  #timer: NodeJS.Timeout | undefined;

  /** Places over all holders; fewer than are held now means that none is granted until enough came back. */
  setTotal(places: number): void {
    this.#total = places;
    this.#distribute();
  }

  /** A new holder. @returns the places it begins with, `share` of them if there are so many */
  join(holder: Holder, share: number): number {
    const places = Math.min(share, this.#free());
    this.#held.set(holder, places);
    return places;
  }

  want(holder: Holder, urgently: boolean): void {
    // One that is gone may have asked with its last breath.
    if (!this.#held.has(holder)) return;
    this.#wanting.set(holder, urgently || this.#wanting.get(holder) === true);
    this.#distribute();
  }

  returned(holder: Holder, places: number): void {
    const held = this.#held.get(holder);
    if (held === undefined) return;
    this.#held.set(holder, held - places);
    this.#distribute();
  }

  /** The holder is gone, and its places are free. */
  leave(holder: Holder): void {
    this.#held.delete(holder);
    this.#wanting.delete(holder);
    this.#distribute();
  }

  #free(): number {
    let held = 0;
    for (const places of this.#held.values()) held += places;
    return Math.max(this.#total - held, 0);
  }

  #distribute(): void {
    // A few at a time, so that the next one who asks finds some, too.
    const portion = Math.max(1, Math.ceil(this.#total / (4 * this.#held.size)));
    for (const holder of this.#wanting.keys()) {
      const places = Math.min(this.#free(), portion);
      if (places === 0) break;
      this.#wanting.delete(holder);
      this.#held.set(holder, (this.#held.get(holder) ?? 0) + places);
      holder.grant(places);
    }
    this.#recall();
  }

  /** While somebody goes without, everybody else is asked now and again. */
  #recall(): void {
    if (this.#wanting.size === 0 || this.#timer !== undefined) return;
    for (const holder of this.#held.keys()) {
      const others = [...this.#wanting].filter(([wanting]) => wanting !== holder);
      if (others.length > 0) holder.recall(others.some(([, urgently]) => urgently));
    }
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#distribute();
    }, AGAIN_MS);
  }
}
