/** Lets a bounded number of guests in at a time; a silent one makes room before a waiting one loses patience. */
import { type Link, Row } from './row.ts';

/** Somebody who holds, or waits for, a place. */
export interface Guest {
  /** The place is yours. */
  readonly enter: () => void;
  /** Somebody else needs the place: leave. */
  readonly evict: () => void;
  /** Whether it is the guest's turn to do something: whoever waits for this server is not silent. */
  readonly isAwaited: () => boolean;
  /** Where it sits inside; kept by its admission. */
  seat?: Link<Sitting>;
}

/** A guest inside. */
interface Sitting {
  readonly guest: Guest;
  /** When it last got something done. */
  readonly since: number;
}

export interface AdmissionLimits {
  /** Guests inside at a time, to begin with. */
  readonly capacity: number;
  /** Guests waiting at a time. */
  readonly waitingRoom: number;
  /** How long a guest who had to wait may stay silent inside at least, while others wait. Milliseconds. */
  readonly graceMs: number;
  /** Hears of every guest who had to make room. */
  readonly onEvicted?: () => void;
  /** Asks others for places: somebody waits, or `urgently` has waited for too long and nobody here can go. */
  readonly onFull?: (urgently: boolean) => void;
  /** A place that was asked back is free now. */
  readonly onGivenBack?: (places: number) => void;
}

/** The longest a guest waits while somebody inside has been silent for as long. */
export const PATIENCE_MS = 1000;
const RECHECK_MS = 100;

export class Admission {
  readonly #limits: AdmissionLimits;
  /** The one silent for longest comes first. */
  readonly #inside = new Row<Sitting>();
  /** Since when each guest waits, in order. */
  readonly #waiting = new Map<Guest, number>();
  #timer: NodeJS.Timeout | undefined;
  #capacity: number;
  /** Whether the next place that gets free goes back to others. */
  #owing = false;
  /** Whether places are given back as soon as nobody here needs them. */
  #retiring = false;

  constructor(limits: AdmissionLimits) {
    this.#limits = limits;
    this.#capacity = limits.capacity;
  }

  get inside(): number {
    return this.#inside.size;
  }

  /** Takes a place that is free. @returns whether there is one; then `enter` is not called */
  tryEnter(guest: Guest): boolean {
    if (this.#inside.size >= this.#capacity) return false;
    this.#sit(guest, performance.now());
    return true;
  }

  /** Asks for a place: `enter` is called at once or later, or never if the guest leaves before. */
  request(guest: Guest): void {
    if (this.#inside.size < this.#capacity) {
      this.#letIn(guest, 0);
      return;
    }
    this.#waiting.set(guest, performance.now());
    this.#limits.onFull?.(false);
    if (this.#waiting.size > this.#limits.waitingRoom && !this.#evictLongestSilent()) {
      // Everybody inside waits for this server: there is no room to be made.
      this.#waiting.delete(guest);
      guest.evict();
      return;
    }
    this.#watch();
  }

  /** Something other than places is short: the guest who has been silent for longest goes. @returns whether there was one */
  dismissOne(): boolean {
    const [longest] = this.#longestSilent() ?? [];
    if (longest === undefined) return false;
    this.leave(longest);
    longest.evict();
    return true;
  }

  /** The guest got something done: others are now silent for longer. */
  touch(guest: Guest): void {
    if (this.#rise(guest)) this.#sit(guest, performance.now());
  }

  /** The guest is gone, from inside or from the waiting room. */
  leave(guest: Guest): void {
    this.#waiting.delete(guest);
    if (this.#rise(guest)) this.#freed();
  }

  /** More guests may be inside now. */
  grow(places: number): void {
    this.#capacity += places;
    while (this.#next());
    if (this.#waiting.size > 0) this.#limits.onFull?.(false);
  }

  /**
   * Others need places: gives up half of those that are free, else the next one that gets free, urgently that of a
   * guest who has been silent for too long.
   * @returns how many are free for others now; more may be told to `onGivenBack` later
   */
  giveBack(urgently: boolean): number {
    const free = this.#capacity - this.#inside.size;
    if (free > 0) return this.#giveUp(Math.ceil(free / 2));
    const [, silentSince = Infinity] = this.#longestSilent() ?? [];
    if (urgently && silentSince <= performance.now() - PATIENCE_MS) {
      this.#giveUp(1);
      this.#evictLongestSilent();
      return 1;
    }
    this.#owing = this.#inside.size > 0;
    return 0;
  }

  /**
   * From now on every place that nobody here needs is given up.
   * @returns how many are free for others now
   */
  retire(): number {
    this.#retiring = true;
    return this.#giveUp(Math.max(this.#capacity - this.#inside.size, 0));
  }

  #sit(guest: Guest, since: number): void {
    guest.seat = this.#inside.add({ guest, since });
  }

  /** @returns whether it was inside */
  #rise({ seat }: Guest): boolean {
    return seat !== undefined && this.#inside.remove(seat);
  }

  #giveUp(places: number): number {
    this.#capacity -= places;
    return places;
  }

  #freed(): void {
    if (this.#owing || (this.#retiring && this.#waiting.size === 0)) {
      this.#owing = false;
      this.#limits.onGivenBack?.(this.#giveUp(1));
    } else this.#next();
  }

  /** Clients speak first: what one who waited has to say is here already, so its wait counts as silence. */
  #letIn(guest: Guest, waitedMs: number): void {
    const silentMs = Math.min(waitedMs, PATIENCE_MS - this.#limits.graceMs);
    this.#sit(guest, performance.now() - silentMs);
    guest.enter();
  }

  /** Whether somebody who waited could be let in. */
  #next(): boolean {
    const [first] = this.#waiting;
    if (first === undefined || this.#inside.size >= this.#capacity) return false;
    const [guest, since] = first;
    this.#waiting.delete(guest);
    this.#letIn(guest, performance.now() - since);
    return true;
  }

  /** Who has been silent for longest, and since when. */
  #longestSilent(): readonly [Guest, number] | undefined {
    for (const { guest, since } of this.#inside) if (guest.isAwaited()) return [guest, since];
    return undefined;
  }

  /** Whether somebody had to go. */
  #evictLongestSilent(): boolean {
    const [longest] = this.#longestSilent() ?? [];
    if (longest === undefined) return false;
    // Out first, so that a guest who leaves late does not hold the place.
    this.#rise(longest);
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
        // After a stall of this process timers come before what guests have said meanwhile.
        setImmediate(() => {
          this.#timer = undefined;
          this.#relieve();
          this.#watch();
        });
      },
      Math.max(wait, 1),
    );
  }

  /** Makes room for those who waited too long, as long as somebody inside was silent for as long. */
  #relieve(): void {
    const limit = performance.now() - PATIENCE_MS;
    for (;;) {
      const [waitingSince] = this.#waiting.values();
      if (waitingSince === undefined || waitingSince > limit) return;
      const [, silentSince] = this.#longestSilent() ?? [];
      if (silentSince === undefined || silentSince > limit) {
        this.#limits.onFull?.(true);
        return;
      }
      this.#evictLongestSilent();
    }
  }
}
