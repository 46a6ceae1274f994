/** Decides what makes a file equal on both sides, by what they agreed on last. Pure. */

/** One side's version of a file. */
export interface Version {
  readonly sha256: string;
  /** In milliseconds since the epoch. */
  readonly modifiedAt: number;
}

export interface Sides {
  /** SHA-256 of what both agreed on last; undefined: that there is none, or nothing. */
  readonly agreed: string | undefined;
  /** Undefined: there is none, on either side. */
  readonly here: Version | undefined;
  readonly there: Version | undefined;
}

/** `here` is the directory, `there` the bucket. */
export type Decision =
  /** Both are equal. */
  | { readonly kind: 'agree' }
  /** There to here. `keep`: what is here is nowhere else, and is put aside. */
  | { readonly kind: 'take'; readonly keep: boolean }
  /** Here to there. `keep`: what is there is nowhere else, and is put aside. */
  | { readonly kind: 'give'; readonly keep: boolean }
  | { readonly kind: 'delete here' }
  | { readonly kind: 'delete there' };

/** Who changed nothing follows the other; of two changes the newest wins, and a deletion loses against any. */
export function decide({ agreed, here, there }: Sides): Decision {
  if (here?.sha256 === there?.sha256) return { kind: 'agree' };
  if (here?.sha256 === agreed)
    return there === undefined ? { kind: 'delete here' } : { kind: 'take', keep: false };
  if (there?.sha256 === agreed)
    return here === undefined ? { kind: 'delete there' } : { kind: 'give', keep: false };
  if (there === undefined) return { kind: 'give', keep: false };
  if (here === undefined) return { kind: 'take', keep: false };
  // Of equal age the bucket's, so that all hosts choose the same.
  return here.modifiedAt > there.modifiedAt ? { kind: 'give', keep: true } : { kind: 'take', keep: true };
}
