/** Measures one row of the benchmark. */
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type Contender, OURS, type Server } from './contenders.ts';
import { type Measured, putLoad } from './load.ts';
import { addedMemory, restingMemoryOf } from './memory.ts';
import type { BenchRow, ColdRow, MemoryRow, RateRow, Side } from './rows.ts';

export interface Effort {
  readonly rounds: number;
  readonly seconds: number;
  /** How long a server is left alone before its memory is looked at. */
  readonly settleMs: number;
  /** Where the servers get their directories. */
  readonly directory: string;
}

/** One value of each round, of ours and of the other. */
export interface Values {
  readonly ours: number[];
  readonly other: number[];
  readonly missing?: string;
}

/** From this size on files do not stay, and a run has few: else the disk would be measured instead of servers. */
const LARGE = 1_000_000;
const LARGE_PER_SECOND = 32;
/** Starts take long, and memory does not waver. */
const MOST_STARTS = 3;

let places = 0;

/** A directory that was never used: deleting many files makes ext4 slow for a while, for everybody. */
function freshPlace({ directory }: Effort): string {
  const place = join(directory, `place-${String(++places)}`);
  mkdirSync(place);
  return place;
}

function reasonOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}

export function measure(row: BenchRow, effort: Effort): Promise<Values> {
  switch (row.kind) {
    case 'rate':
      return measureRates(row, effort);
    case 'cold':
      return measureCold(row, effort);
    case 'memory':
      return measureMemory(row, effort);
    default:
      throw new Error(`no such row: ${row satisfies never}`);
  }
}

/** Starts what ours is compared with, or says why it cannot take part. */
async function startOther({ name, start }: Contender, effort: Effort): Promise<Server | string> {
  try {
    return await start(freshPlace(effort));
  } catch (cause) {
    return `${name}: ${reasonOf(cause)}`;
  }
}

function rate({ load }: Side, { connections, files, seconds }: Measured): number {
  return load.bytes < LARGE ? files / seconds : (connections * load.bytes) / seconds / 1e6;
}

/** One run. */
async function runOnce({ port, spool }: Server, side: Side, seconds: number): Promise<number> {
  // A relay keeps nothing.
  const mayStay = spool === '' || side.load.bytes < LARGE;
  const extent = mayStay ? { seconds } : { seconds, connections: Math.ceil(seconds * LARGE_PER_SECOND) };
  const measured = await putLoad(port, side.load, extent);
  if (!mayStay) for (const name of readdirSync(spool)) rmSync(join(spool, name));
  return rate(side, measured);
}

/** Both in turn, round by round, so that a noisy moment meets both alike; the first runs only warm up. */
async function measureRates({ sides }: RateRow, effort: Effort): Promise<Values> {
  const [ours, other] = sides;
  const values = { ours: [] as number[], other: [] as number[] };
  const own = await ours.contender.start(freshPlace(effort));
  const peer = await startOther(other.contender, effort);
  try {
    let missing = typeof peer === 'string' ? peer : undefined;
    const runPeer = async (): Promise<number> => {
      if (typeof peer === 'string') return NaN;
      try {
        return await runOnce(peer, other, effort.seconds);
      } catch (cause) {
        missing = `${other.contender.name}: ${reasonOf(cause)}`;
        return NaN;
      }
    };
    await runOnce(own, ours, effort.seconds);
    await runPeer();
    for (let round = 0; round < effort.rounds && missing === undefined; round++) {
      if (round % 2 === 1) values.other.push(await runPeer());
      values.ours.push(await runOnce(own, ours, effort.seconds));
      if (round % 2 === 0) values.other.push(await runPeer());
    }
    if (missing === undefined) return values;
    // One that fails is left out, but not this server beside itself.
    if (other.contender.name === OURS) throw new Error(missing);
    return { ours: [await runOnce(own, ours, effort.seconds)], other: [], missing };
  } finally {
    await own.stop();
    if (typeof peer !== 'string') await peer.stop();
  }
}

/** A fresh server in each round: its first connections, then some seconds to warm up, then as it stays. */
async function measureCold({ side, connections }: ColdRow, effort: Effort): Promise<Values> {
  const values: Values = { ours: [], other: [] };
  for (let round = 0; round < effort.rounds; round++) {
    const server = await side.contender.start(freshPlace(effort));
    try {
      values.ours.push(rate(side, await putLoad(server.port, side.load, { connections })));
      await runOnce(server, side, effort.seconds);
      values.other.push(await runOnce(server, side, effort.seconds));
    } finally {
      await server.stop();
    }
  }
  return values;
}

async function memoryOnce(server: Server, { crowd }: MemoryRow, settleMs: number): Promise<number> {
  try {
    if (crowd === undefined) return await restingMemoryOf(server.pid, settleMs);
    return await addedMemory({ ...server, settleMs }, crowd);
  } finally {
    await server.stop();
  }
}

async function measureMemory(row: MemoryRow, effort: Effort): Promise<Values> {
  const [ours, other] = row.contenders;
  const values: Values = { ours: [], other: [] };
  for (let round = 0; round < Math.min(effort.rounds, MOST_STARTS); round++) {
    values.ours.push(await memoryOnce(await ours.start(freshPlace(effort)), row, effort.settleMs));
    if (other === undefined) continue;
    const peer = await startOther(other, effort);
    if (typeof peer === 'string') return { ...values, other: [], missing: peer };
    values.other.push(await memoryOnce(peer, row, effort.settleMs));
  }
  return values;
}
