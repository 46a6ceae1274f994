/** Clients that do what real ones do, at random, until their time is over. */
import { setTimeout as pause } from 'node:timers/promises';
import { HALF_CLOSES, LIES, RESETS, SILENCES } from './hostile.ts';
import {
  BE_REFUSED,
  FETCH,
  FETCH_PACKED,
  SEND_LARGE,
  SEND_ONE,
  SEND_SEVERAL,
  SEND_SILENTLY,
} from './honest.ts';
import { PROGRAMS } from './programs.ts';
import { Random } from './random.ts';
import type { Way } from './field.ts';
import type { Action, Soaked } from './action.ts';

/** How often, of a thousand. */
type Weighted = readonly (readonly [number, Action])[];

/** An equal part of the weight for each. */
function each(weight: number, actions: readonly Action[]): Weighted {
  return actions.map((action) => [weight / actions.length, action]);
}

const ACTIONS: Weighted = [
  [560, SEND_ONE],
  [120, SEND_SEVERAL],
  [10, SEND_LARGE],
  [30, SEND_SILENTLY],
  [80, FETCH],
  [40, FETCH_PACKED],
  [10, BE_REFUSED],
  ...each(70, RESETS),
  ...each(30, HALF_CLOSES),
  ...each(20, SILENCES),
  ...each(30, LIES),
];
/** Between two actions of a client, on average. */
const PAUSE_MS = 250;
/** A client rests so many times longer than it took to be served: a busy machine gets less to do. */
const RESTS = 3;
/** One of so many clients is a program; each run of one costs a tenth of a second of a processor. */
const PROGRAM_OF = 16;
const PROGRAM_PAUSE_MS = 8000;

export interface Crowd {
  readonly clients: number;
  readonly seed: number;
  readonly until: AbortSignal;
}

/** Resolves when all have come to their end. */
export async function runClients(
  soaked: Omit<Soaked, 'random'>,
  { clients, seed, until }: Crowd,
): Promise<void> {
  const all = Array.from({ length: clients }, async (_, index) => {
    const random = new Random(seed * clients + index);
    const isProgram = index % PROGRAM_OF === 0;
    const mean = isProgram ? PROGRAM_PAUSE_MS : PAUSE_MS;
    const actions = isProgram ? each(1, PROGRAMS) : ACTIONS;
    const rest = (ms: number): Promise<void> =>
      pause(ms, undefined, { signal: until }).catch(() => undefined);
    await rest(random.around(mean));
    while (!until.aborted) {
      const took = await act({ ...soaked, random }, random.weighted(actions));
      await rest(random.around(Math.max(mean, took * RESTS)));
    }
  });
  await Promise.all(all);
}

/** @returns how long it took, in milliseconds */
async function act(soaked: Soaked, action: Action): Promise<number> {
  const { journal } = soaked;
  const way = chooseWay(soaked, action);
  const start = performance.now();
  try {
    await action.run(soaked, way);
    journal.did(action.name);
  } catch (error) {
    const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    journal.problem(`${action.name}, ${way.name}: ${text}`);
  }
  return performance.now() - start;
}

function chooseWay({ field: { ways }, random }: Soaked, { on = () => true }: Action): Way {
  const weighted = [
    [40, ways.plain],
    [15, ways.tls],
    [10, ways.reloaded],
    [20, ways.store],
    [15, ways.relay],
  ] as const;
  return random.weighted(weighted.filter(([, way]) => on(way)));
}
