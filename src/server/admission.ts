/** Lets a bounded number of guests in at a time; a silent one makes room before a waiting one loses patience. */

/** Somebody who holds, or waits for, a place. */
export interface Guest {
  /** The place is yours. */
  readonly enter: () => void;
  /** Somebody else needs the place: leave. */
  readonly evict: () => void;
  /** Whether it is the guest's turn to do something: whoever waits for this server is not silent. */
  readonly isAwaited: () => boolean;
}

export interface AdmissionLimits {
  /** Guests inside at a time. */
  readonly capacity: number;
  /** Guests waiting at a time. */
  readonly waitingRoom: number;
  /** How long a guest who had to wait may stay silent inside at least, while others wait. Milliseconds. */
  readonly graceMs: number;
  /** Hears of every guest who had to make room. */
  readonly onEvicted?: () => void;
}

/** The longest a guest waits while somebody inside has been silent for as long. */
export const PATIENCE_MS = 1000;
const RECHECK_MS = 100;

export class Admission {
  readonly #limits: AdmissionLimits;
  /** When each guest inside last got something done; the one silent for longest comes first. */
  readonly #inside = new Map<Guest, number>();
  /** Since when each guest waits, in order. */
  readonly #waiting = new Map<Guest, number>();
  #timer: NodeJS.Timeout | undefined;

  constructor(limits: AdmissionLimits) {
    this.#limits = limits;
  }

  get inside(): number {
    return this.#inside.size;
  }

  /** Asks for a place: `enter` is called at once or later, or never if the guest leaves before. */
  request(guest: Guest): void {
    if (this.#inside.size < this.#limits.capacity) {
      this.#letIn(guest, 0);
      return;
    }
    this.#waiting.set(guest, performance.now());
    if (this.#waiting.size > this.#limits.waitingRoom && !this.#evictLongestSilent()) {
      // Everybody inside waits for this server: there is no room to be made.
      this.#waiting.delete(guest);
      guest.evict();
      return;
    }
    this.#watch();
  }

  /** The guest got something done: others are now silent for longer. */
  touch(guest: Guest): void {
    if (!this.#inside.delete(guest)) return;
    this.#inside.set(guest, performance.now());
  }

  /** The guest is gone, from inside or from the waiting room. */
  leave(guest: Guest): void {
    this.#waiting.delete(guest);
    if (this.#inside.delete(guest)) this.#next();
  }

  /** Clients speak first: what one who waited has to say is here already, so its wait counts as silence. */
  #letIn(guest: Guest, waitedMs: number): void {
    const silentMs = Math.min(waitedMs, PATIENCE_MS - this.#limits.graceMs);
    this.#inside.set(guest, performance.now() - silentMs);
    guest.enter();
  }

  #next(): void {
    const [first] = this.#waiting;
    if (first === undefined || this.#inside.size >= this.#limits.capacity) return;
    const [guest, since] = first;
    this.#waiting.delete(guest);
    this.#letIn(guest, performance.now() - since);
  }

  /** Who has been silent for longest, and since when. */
  #longestSilent(): readonly [Guest, number] | undefined {
    for (const entry of this.#inside) if (entry[0].isAwaited()) return entry;
    return undefined;
  }

  /** Whether somebody had to go. */
  #evictLongestSilent(): boolean {
    const [longest] = this.#longestSilent() ?? [];
    if (longest === undefined) return false;
    // Out first, so that a guest who leaves late does not hold the place.
    this.#inside.delete(longest);
    longest.evict();
    this.#limits.onEvicted?.();
    this.#next();
    return true;
  }

  /** Looks again when the first in the waiting room and the longest silent inside may both be past their time. */
  #watch(): void {
    const [waitingSince] = this.#waiting.values();
    if (waitingSince === undefined || this.#timer !== undefined) return;
    // While everybody inside waits for this server, look again soon.
    const [, silentSince = performance.now() - PATIENCE_MS + RECHECK_MS] = this.#longestSilent() ?? [];
    const wait = Math.max(waitingSince, silentSince) + PATIENCE_MS - performance.now();
    this.#timer = setTimeout(
      () => {
        this.#timer = undefined;
        this.#relieve();
        this.#watch();
      },
      Math.max(wait, 1),
    );
  }

  /** Makes room for those who waited too long, as long as somebody inside was silent for as long. */
  #relieve(): void {
    const limit = performance.now() - PATIENCE_MS;
    for (;;) {
      const [waitingSince] = this.#waiting.values();
      const [, silentSince] = this.#longestSilent() ?? [];
      if (waitingSince === undefined || silentSince === undefined) return;
      if (waitingSince > limit || silentSince > limit) return;
      this.#evictLongestSilent();
    }
  }
}
