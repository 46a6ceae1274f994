/** Decides by its address alone whether a connection may go on: allow_from, the limits of each address, libwrap. */
import { AddressLimits, type LimitName, type Visitor } from './address-limits.ts';
import type { Libwrap } from './libwrap.ts';
import type { Outcome } from './libwrap-helper.ts';
import type { Question } from './libwrap-main.ts';
import { contains } from '../settings/networks.ts';
import type { Settings } from '../settings/settings.ts';

/** Why a connection is refused; each is warned of by itself. */
export type TurnedAwayBy = 'allow_from' | LimitName | `libwrap ${Exclude<Outcome, 'granted'>}`;

/** A connection that may not go on. */
export class TurnedAway extends Error {
  override readonly name = 'TurnedAway';
  readonly by: TurnedAwayBy;

  constructor(by: TurnedAwayBy) {
    super(by);
    this.by = by;
  }
}

/** Somebody at the gate, with both ends of the connection. */
export interface Comer extends Visitor, Question {}

export class Gate {
  readonly #allowFrom: Settings['access']['allowFrom'];
  readonly #limits: AddressLimits;
  readonly #libwrap: Libwrap | undefined;

  /** @param libwrap undefined: it is not asked */
  constructor({ access, workers }: Settings, libwrap: Libwrap | undefined) {
    const share = (limit: number): number => Math.ceil(limit / workers);
    const { connections, rate, bytes } = access.perAddress;
    this.#allowFrom = access.allowFrom;
    this.#limits = new AddressLimits({
      connections: share(connections),
      rate: share(rate),
      bytes: share(bytes),
    });
    this.#libwrap = libwrap;
  }

  /** Whether nobody is looked at. */
  get isOpen(): boolean {
    return this.#allowFrom === undefined && this.#limits.areNone && this.#libwrap === undefined;
  }

  /**
   * All but libwrap decide before this returns.
   * @returns undefined: it may go on, and counts until it leaves
   */
  async enter(comer: Comer): Promise<TurnedAwayBy | undefined> {
    if (this.#allowFrom !== undefined && !contains(this.#allowFrom, comer.address)) return 'allow_from';
    const limit = this.#limits.enter(comer);
    if (limit !== undefined) return limit;
    const outcome = (await this.#libwrap?.ask(comer)) ?? 'granted';
    return outcome === 'granted' ? undefined : `libwrap ${outcome}`;
  }

  /** Its connection is closed. */
  leave(comer: Comer): void {
    this.#limits.leave(comer);
  }
}
