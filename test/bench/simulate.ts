/**
 * Says how many agents so many servers behind a TCP balancer bear, from what the benchmark measured of one.
 *
 *     npm run simulate -- [--row fsync|plain|tls|...] [--rate N] [--agents N,...] [--servers N,...] [--buffered N] [--readme]
 *
 * Each agent sends a file every 300 s. "spread": each at some time of its own. "on the minute": a fifth of them within the
 * first second of each minute; then there are so many connections at once. "gone": when all have worked off what they kept
 * during an outage of an hour, or --buffered files each (1024, when an agent's buffer is full), beside their usual ones.
 * --rate: files that one server stores in a second, else the median of the row.
 */
import { parseArgs } from 'node:util';
import { drainSeconds, type Fleet, percentile, randomFrom, serve, utilisation } from './queueing.ts';
import { writeToReadme } from './readme.ts';
import { lastResults } from './results.ts';
import { FULL } from './sizes.ts';
import { median } from './statistics.ts';
import { markdown, round } from './tables.ts';
import { figure } from './report.ts';

const INTERVAL = 300;
const MINUTE = 60;
const INTERVALS_AN_HOUR = 3600 / INTERVAL;
/** What programs that wake up on the minute differ by. Seconds. */
const JITTER = 1;
/** Served and waiting at a time in one server (max_connections 1000); for further ones it has no memory. */
const MOST_AT_ONCE = 2000;
/** Each fleet is twice as large as the one before; one that does less than this is larger than needed. */
const IDLE = 0.25;

const { values } = parseArgs({
  options: {
    row: { type: 'string', default: 'fsync' },
    rate: { type: 'string' },
    agents: { type: 'string', default: '10000,100000,1000000' },
    servers: { type: 'string' },
    readme: { type: 'boolean', default: false },
    buffered: { type: 'string', default: '1024' },
  },
});

function measured(key: string): number | undefined {
  const result = lastResults().find((each) => each.key === key);
  return result && median(result.ours);
}

const rate = Number(values.rate ?? measured(values.row));
if (!(rate > 0))
  throw new Error(`no figures: npm run bench -- --only ${values.row}, or give --rate FILES_A_SECOND`);
const base = measured('memory');
const perConnection = (measured('memory-idle') ?? NaN) / FULL.crowd;

function numbers(list: string): number[] {
  return list.split(',').map(Number);
}

/** Two intervals, so that the second shows what the first leaves behind. */
function arrivalsOf(agents: number, phase: () => number): Float64Array {
  const phases = Float64Array.from({ length: agents }, phase);
  return Float64Array.from({ length: 2 * agents }, (_, index) =>
    index < agents ? (phases[index] ?? 0) : (phases[index - agents] ?? 0) + INTERVAL,
  ).sort();
}

const random = randomFrom(1);
const PATTERNS = {
  spread: () => random() * INTERVAL,
  onTheMinute: () => Math.floor(random() * (INTERVAL / MINUTE)) * MINUTE + random() * JITTER,
};

function duration(seconds: number): string {
  if (seconds === Infinity) return 'never';
  if (seconds < 1) return `${String(round(seconds * 1000))} ms`;
  if (seconds < 2 * MINUTE) return `${String(round(seconds))} s`;
  return seconds < 7200 ? `${String(round(seconds / 60))} min` : `${String(round(seconds / 3600))} h`;
}

function memory(atOnce: number): string {
  if (base === undefined || Number.isNaN(perConnection)) return '';
  return `${figure(base + Math.min(atOnce, MOST_AT_ONCE) * perConnection)} MB`;
}

/** p50, p99 and the longest, and how many connections there are at once. */
function latenciesOf(agents: number, phase: () => number, fleet: Fleet): { text: string; atOnce: number } {
  if (utilisation(fleet, agents / INTERVAL) >= 1) return { text: 'too few servers', atOnce: agents };
  const { latencies, atOnce } = serve(arrivalsOf(agents, phase), fleet);
  const text = [0.5, 0.99, 1].map((part) => duration(percentile(latencies, part))).join(' / ');
  return { text, atOnce };
}

function line(agents: number, fleet: Fleet): string[] {
  const offered = agents / INTERVAL;
  const spread = latenciesOf(agents, PATTERNS.spread, fleet);
  const together = latenciesOf(agents, PATTERNS.onTheMinute, fleet);
  const atOnce = Math.ceil(together.atOnce / fleet.servers);
  const gone = [INTERVALS_AN_HOUR, Number(values.buffered)].map((files) =>
    // All come back within one interval; not all files can be there before.
    duration(Math.max(drainSeconds(fleet, agents * files, offered), INTERVAL)),
  );
  return [
    ...[
      figure(agents),
      String(fleet.servers),
      figure(offered),
      `${figure(utilisation(fleet, offered) * 100)} %`,
    ],
    ...[spread.text, together.text, figure(atOnce), memory(atOnce), ...gone],
  ];
}

function fleetsFor(agents: number): Fleet[] {
  if (values.servers !== undefined) return numbers(values.servers).map((servers) => ({ servers, rate }));
  const fleets = [{ servers: 1, rate }];
  for (let fleet = { servers: 1, rate }; utilisation(fleet, agents / INTERVAL) > IDLE;) {
    fleet = { servers: fleet.servers * 2, rate };
    fleets.push(fleet);
  }
  return fleets;
}

// prettier-ignore
const HEADINGS = ['agents', 'servers', 'files/s', 'used', 'spread: p50 / p99 / max', 'on the minute: p50 / p99 / max', 'at once, each',
  'memory, each', 'an hour gone', `${values.buffered} each gone`];
const source = values.rate === undefined ? `median of the row "${values.row}"` : 'as given';
const lines = numbers(values.agents).flatMap((agents) =>
  fleetsFor(agents).map((fleet) => line(agents, fleet)),
);
const found = `One server stores ${figure(rate)} files a second (${source}).\n\n${markdown([HEADINGS, ...lines])}`;
console.log(found);
if (values.readme) writeToReadme('npm run simulate -- --readme', found);
