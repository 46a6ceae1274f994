/** What every action of a client works with. */
import type { Random } from './random.ts';
import type { Journal } from './journal.ts';
import { type Ledger, placesOf } from './ledger.ts';
import type { Field, Way } from './field.ts';

export interface Soaked {
  readonly field: Field;
  readonly journal: Journal;
  readonly ledger: Ledger;
  readonly random: Random;
}

/** One thing that a client does; what it throws is a problem, since whatever is meant to fail is expected to. */
export interface Action {
  readonly name: string;
  readonly run: (soaked: Soaked, way: Way) => Promise<void>;
  /** Ways that it makes sense on; all, without it. */
  readonly on?: (way: Way) => boolean;
}

export function acknowledged({ ledger }: Soaked, way: Way, name: string): void {
  ledger.acknowledged(name, placesOf(name, way.queue, way.spool));
}
