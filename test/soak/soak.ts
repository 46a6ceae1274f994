/**
 * A soak: clients that behave as real ones do, against every kind of server, for as long as is asked.
 *
 *     npm run soak -- [--minutes 30] [--clients 50] [--workers 2] [--timeout 1] [--seed 1]
 *
 * Judged: what was acknowledged is there at once, is taken exactly once, and whole; nothing half-done stays; honest
 * clients are served, all others end as they should; no worker is lost; descriptors come back to what they were; memory
 * is flat, from 9 minutes on. Exit code 0 or 1; the figures go to test/bench/results/soak.json, too. On a machine that
 * others keep busy, `--timeout` gives clients and servers more patience than the default.
 */
import { setMaxListeners } from 'node:events';
import { setInterval } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { type Census, censusAtRest, takeCensus } from './census.ts';
import { runClients } from './clients.ts';
import { DataServer } from './data-server.ts';
import { Journal } from './journal.ts';
import { Ledger } from './ledger.ts';
import { flatnessOf, LEAST_MINUTES } from './memory.ts';
import { report } from './report.ts';
import { settle, stopAll } from './settling.ts';
import { startField } from './field.ts';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '30' },
    clients: { type: 'string', default: '50' },
    workers: { type: 'string', default: '2' },
    timeout: { type: 'string', default: '1' },
    seed: { type: 'string', default: '1' },
  },
});
const settings = {
  minutes: Number(values.minutes),
  clients: Number(values.clients),
  workers: Number(values.workers),
  timeout: Number(values.timeout),
  seed: Number(values.seed),
};
if (!Object.values(settings).every((value) => value > 0)) {
  throw new Error('every option takes a number above 0');
}
const CENSUS_MS = 10_000;
/** Once a minute, and in a short soak some times all the same. */
const RELOAD_MS = Math.min(60_000, settings.minutes * 10_000);

/** Resolves when the signal says that it is over. */
async function every(ms: number, until: AbortSignal, run: () => void): Promise<void> {
  try {
    for await (const again of setInterval(ms, run, { signal: until })) again();
  } catch (error) {
    if (!until.aborted) throw error;
  }
}

const journal = new Journal();
const ledger = new Ledger(journal);
const field = await startField(settings);
const before = await censusAtRest(field.sites);
const dataServers = field.spools.map((spool) => new DataServer(spool, ledger));

const until = AbortSignal.timeout(settings.minutes * 60_000);
// Every client listens for it while it pauses.
setMaxListeners(0, until);
const start = performance.now();
const censuses: Census[] = [];
console.log(`Soaking for ${values.minutes} minutes with ${values.clients} clients.`);
await Promise.all([
  runClients({ field, journal, ledger }, { ...settings, until }),
  every(CENSUS_MS, until, () => void censuses.push(takeCensus(field.sites))),
  every(RELOAD_MS, until, () => {
    field.reloaded.reload();
    journal.did('reloads');
  }),
]);
const seconds = (performance.now() - start) / 1000;

for (const text of await settle(field, ledger, before)) journal.problem(text);
const after = takeCensus(field.sites);
await Promise.all(dataServers.map((server) => server.stop()));
for (const text of await stopAll(field.sites)) journal.problem(text);
if (settings.minutes >= LEAST_MINUTES) {
  for (const text of flatnessOf(censuses).growing) journal.problem(text);
} else {
  console.log(`NOT JUDGED: whether memory is flat; that takes ${String(LEAST_MINUTES)} minutes or more.`);
}
report({ settings, seconds, journal, censuses, before, after });
const { problems } = journal;
console.log(problems === 0 ? 'All is well.' : `FAILED: ${String(problems)} problems, see above.`);
process.exit(problems === 0 ? 0 : 1);
