/** Shows what a soak found, and keeps it. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, release } from 'node:os';
import { median } from '../bench/statistics.ts';
import { round, type Row, show } from '../bench/tables.ts';
import type { Census } from './census.ts';
import type { Journal } from './journal.ts';
import { flatnessOf } from './memory.ts';

const RESULTS = 'test/bench/results';

export interface Findings {
  readonly settings: Readonly<Record<string, number>>;
  readonly seconds: number;
  readonly journal: Journal;
  readonly censuses: readonly Census[];
  readonly before: Census;
  readonly after: Census;
}

export function report(findings: Findings): void {
  const { settings, seconds, journal, censuses, before, after } = findings;
  const { counts, sends, told, problems } = journal;
  const acknowledged = counts.get('files acknowledged') ?? 0;
  const tables = [
    show(
      'what was done',
      [...counts].sort(([a], [b]) => a.localeCompare(b)).map(([what, times]) => ({ '': what, times })),
    ),
    show(
      'honest sends of one file, from the connection to the last OK, ms',
      [...sends].map(([way, times]) => latencyRow(way, times)),
    ),
    show('memory: the third before the last, and the last', flatnessOf(censuses).rows),
    show('at rest', restRows(before, after)),
  ];
  const loads = censuses.map(({ load }) => load);
  const summary = {
    ...{ settings, seconds: round(seconds), acknowledged, 'files/s': round(acknowledged / seconds) },
    load: { least: Math.min(...loads), median: median(loads), most: Math.max(...loads) },
    'processor time of the clients, s': round((process.cpuUsage().user + process.cpuUsage().system) / 1e6),
    ...{ problems, processors: cpus().length, kernel: release(), node: process.version },
  };
  console.log(JSON.stringify(summary));
  mkdirSync(RESULTS, { recursive: true });
  const all = { when: new Date(), ...summary, told, tables, censuses: censuses.map(withoutNames) };
  writeFileSync(`${RESULTS}/soak.json`, JSON.stringify(all, undefined, 2));
}

function latencyRow(way: string, times: readonly number[]): Row {
  const sorted = [...times].sort((a, b) => a - b);
  const at = (part: number): number => round(sorted[Math.floor(part * (sorted.length - 1))] ?? NaN);
  return { '': way, sends: sorted.length, p50: at(0.5), p99: at(0.99), most: at(1) };
}

function restRows(before: Census, after: Census): readonly Row[] {
  const descriptors = ({ holdings }: Census, site: string): string =>
    holdings
      .filter((holding) => holding.site === site)
      .map(({ open }) => open.length)
      .join(' + ');
  const cpu = ({ holdings }: Census, site: string): number =>
    holdings.filter((holding) => holding.site === site).reduce((sum, { cpu }) => sum + cpu, 0);
  return [...new Set(before.holdings.map(({ site }) => site))].map((site) => ({
    '': site,
    'descriptors at the start': descriptors(before, site),
    'at the end': descriptors(after, site),
    'processor time of those at the end, s': round(cpu(after, site)),
  }));
}

/** How many descriptors there are says enough for the record. */
function withoutNames({ at, load, holdings }: Census): unknown {
  return { at, load, holdings: holdings.map(({ open, ...rest }) => ({ ...rest, descriptors: open.length })) };
}
