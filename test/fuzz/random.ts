/** A small generator of pseudo-random numbers, so that a seed repeats a run. */

export interface Random {
  /** From 0 to `below - 1`. */
  readonly below: (below: number) => number;
  readonly oneOf: <T>(of: readonly [T, ...T[]]) => T;
}

/** Mulberry32: 32 bits of state, which is enough for choices. */
export function randomOf(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
  const below = (limit: number): number => next() % limit;
  return { below, oneOf: (of) => of[below(of.length)] ?? of[0] };
}
