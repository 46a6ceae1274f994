/** A message in work, and how that ends. */
import type { Hold } from './hold.ts';
import type { Taken } from './puller.ts';

/** A message in work. */
export interface Job {
  readonly message: Taken;
  readonly hold: Pick<Hold, 'isSure'>;
  /** Whether another deliverer may have delivered it. */
  readonly isInDoubt: boolean;
  /** To be called when its file is where it stays; an object that it refers to is not needed any more. */
  readonly acknowledge: (object: string | undefined) => void;
  /** To be called when its file can never be delivered. */
  readonly terminate: () => void;
}

/**
 * `settled`: acknowledged. `disk`: the disk did not take it. `away`: JetStream has to be asked again. `body`: its bytes do
 * not come. `dropped`: by now it may be somebody else's, or this one comes to its end.
 */
export type Outcome = 'settled' | 'disk' | 'away' | 'body' | 'dropped';

/** The message is not this deliverer's any more, or may not be. */
export class NotSure extends Error {
  override readonly name = 'NotSure';
}
