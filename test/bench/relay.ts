/**
 * Compares relays: ours, HAProxy, the Perl server and none at all, interleaved, in front of one fast receiver.
 *
 *     npm run bench:relay -- [--rounds N] [--seconds N]
 *
 * A table is printed and written to test/bench/results/relay.json. Who cannot take part is told, and why; the Perl
 * server needs TENTACLE_REFERENCE_DIR.
 */
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, release } from 'node:os';
import { parseArgs } from 'node:util';
import { freePort } from '../support/free-port.ts';
import { type Contender, RELAYS } from './contenders.ts';
import { memoryOf, withIdleRelays } from './memory.ts';
import { compile, outputOf, start } from './programs.ts';
import { type Lane, type Rates, rateRow, round, type Row, show, type Table } from './tables.ts';

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '3' }, seconds: { type: 'string', default: '3' } },
});
const ROUNDS = Number(values.rounds);
const SECONDS = Number(values.seconds);
if (!(ROUNDS >= 1 && SECONDS > 0)) throw new Error('--rounds and --seconds take numbers above 0');
const CLIENTS = 8;
const RESULTS = 'test/bench/results';

interface Workload {
  readonly name: string;
  readonly unit: string;
  readonly bytes: number;
  /** How many of the unit one connection is. */
  readonly worth: number;
}
const WORKLOADS: readonly Workload[] = [
  { name: 'files of 2 KB', unit: 'connections/s', bytes: 2048, worth: 1 },
  { name: 'files of 20 MB', unit: 'MB/s', bytes: 20_000_000, worth: 20 },
];

interface Relay extends Lane {
  readonly pid: number;
  readonly relays: number;
  /** MB before anything was relayed. */
  readonly fresh: number;
}

const load = compile('load.c');

async function startReceiver(): Promise<number> {
  const child = start([compile('receiver.c')], { stdio: ['ignore', 'pipe', 'inherit'] });
  if (child.stdout === null) throw new Error('no output');
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  return Number(line.toString());
}

/** Starts a contender; one that cannot take part is told and left out. */
async function join({ name, relays, start }: Contender, upstream: number): Promise<Relay[]> {
  const port = await freePort();
  try {
    const pid = await start({ own: port, upstream });
    return [{ name, port, pid, relays, fresh: memoryOf(pid) }];
  } catch (cause) {
    console.log(`NOT IN THIS RUN: ${name}: ${cause instanceof Error ? cause.message : String(cause)}`);
    return [];
  }
}

/** One run of the load generator, in the unit of the workload. @throws Error after any wrong answer */
async function measure({ bytes, worth }: Workload, { name, port }: Lane, seconds: number): Promise<number> {
  const command = [load, ...[port, CLIENTS, bytes, seconds].map(String)];
  const printed = await outputOf(command).catch((cause: unknown) => {
    throw new Error(`${name}, files of ${String(bytes)} bytes`, { cause });
  });
  const result = JSON.parse(printed) as { readonly connections: number; readonly seconds: number };
  return (result.connections / result.seconds) * worth;
}

/** Measures all of them in turn, round by round, so that a noisy moment meets all alike; a short one first to warm up. */
async function compare(workload: Workload, lanes: readonly Lane[]): Promise<readonly Rates[]> {
  const results = lanes.map((lane) => ({ ...lane, rates: [] as number[] }));
  for (const lane of lanes) await measure(workload, lane, 1);
  for (let round = 0; round < ROUNDS; round++) {
    for (const lane of results) lane.rates.push(await measure(workload, lane, SECONDS));
  }
  return results;
}

async function memoryRow({ name, pid, port, relays, fresh }: Relay): Promise<Row> {
  const none = memoryOf(pid);
  const idle = await withIdleRelays(port, relays, () => memoryOf(pid));
  return {
    '': name,
    'fresh, MB': round(fresh),
    'after the load, MB': round(none),
    'idle relays': relays,
    'with these, MB': round(idle),
    // Over the fresh one: a collector may tidy up at any time what the load left.
    'KB each': round(((idle - fresh) * 1000) / relays),
  };
}

const upstream = await startReceiver();
const relays: Relay[] = [];
for (const contender of RELAYS) relays.push(...(await join(contender, upstream)));
const lanes = [{ name: 'direct', port: upstream }, ...relays];

const tables: Table[] = [];
for (const workload of WORKLOADS) {
  const { name, unit } = workload;
  const run = `${String(CLIENTS)} clients, ${String(ROUNDS)} rounds of ${String(SECONDS)} s`;
  const results = await compare(workload, lanes);
  const rows = results.map((each) => rateRow(each, results));
  tables.push(show(`${unit}, ${name}, one a connection, ${run}`, rows));
}
const memory: Row[] = [];
for (const relay of relays) memory.push(await memoryRow(relay));
tables.push(show('proportional memory (PSS) of all processes', memory));

const machine = {
  processors: cpus().length,
  model: cpus()[0]?.model,
  kernel: release(),
  node: process.version,
};
mkdirSync(RESULTS, { recursive: true });
writeFileSync(`${RESULTS}/relay.json`, JSON.stringify({ when: new Date(), machine, tables }, undefined, 2));
process.exit();
