/**
 * Compares this server with nginx, HAProxy, the Perl server, a bare C program and with itself, row by row.
 *
 *     npm run bench -- [--only WORD,...] [--rounds N] [--seconds N] [--quick] [--large] [--directory DIR] [--readme] [--chart]
 *
 * Prints one table; each row is also kept in test/bench/results. `--only tls` runs the rows with that word in their key,
 * `--quick` all of them shortly, `--large` also the one with 1,000,000 files in the spool. `--readme` puts the last results
 * of all rows into README.md, `--chart` into docs/benchmark.svg; with `--rounds 0` nothing is measured before. Who cannot
 * take part is told, and why; the Perl server needs TENTACLE_REFERENCE_DIR.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { parseArgs } from 'node:util';
import { chart, charted } from './chart.ts';
import { loadGenerator } from './load.ts';
import { type Effort, measure } from './measure.ts';
import { temporaryDirectory } from './programs.ts';
import { writeToReadme } from './readme.ts';
import { conditions, resultTable } from './report.ts';
import { keep, lastResults, type Result, thisMachine } from './results.ts';
import { type BenchRow, rows, termsOf } from './rows.ts';
import { FULL, QUICK } from './sizes.ts';

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    rounds: { type: 'string' },
    seconds: { type: 'string' },
    quick: { type: 'boolean', default: false },
    large: { type: 'boolean', default: false },
    directory: { type: 'string', default: tmpdir() },
    readme: { type: 'boolean', default: false },
    chart: { type: 'boolean', default: false },
  },
});
const { quick, large } = values;
const effort: Effort = {
  rounds: Number(values.rounds ?? (quick ? 1 : 5)),
  seconds: Number(values.seconds ?? (quick ? 0.15 : 2)),
  settleMs: quick ? 300 : 2000,
  directory: temporaryDirectory(values.directory),
};
if (!(effort.rounds >= 0 && effort.seconds > 0)) refuse('--rounds and --seconds take numbers');

function refuse(why: string): never {
  console.error(why);
  process.exit(2);
}

function chosen(all: readonly BenchRow[]): readonly BenchRow[] {
  const words = values.only?.split(',');
  const unknown = words?.filter(
    (word) => !all.some(({ key }) => key.split('-').includes(word) || key === word),
  );
  if (unknown !== undefined && unknown.length > 0) {
    refuse(`no row has ${unknown.join(', ')}; there are: ${all.map(({ key }) => key).join(' ')}`);
  }
  if (words === undefined) return all.filter(({ key }) => key !== 'spool' || large || quick);
  return all.filter(({ key }) => words.includes(key) || key.split('-').some((word) => words.includes(word)));
}

async function measureAll(): Promise<readonly Result[]> {
  const all = rows(quick ? QUICK : FULL);
  const machine = thisMachine(effort.directory);
  const results: Result[] = [];
  for (const row of chosen(all)) {
    const { key, title, bar, aim } = row;
    process.stderr.write(`${key}: ${title}\n`);
    const found = await measure(row, effort).catch((cause: unknown) => {
      console.log(`FAILED: ${key}, ${title}:`, cause);
      process.exitCode = 1;
    });
    if (found === undefined) continue;
    if (found.missing !== undefined) console.log(`NOT MEASURED: ${key}, ${title}: ${found.missing}`);
    const about = { key, position: all.indexOf(row), title, ...termsOf(row), bar, aim };
    const result = { ...about, ...found, when: new Date().toISOString(), machine };
    if (!quick) keep(result);
    results.push(result);
  }
  return results;
}

if (effort.rounds > 0) {
  loadGenerator();
  const results = await measureAll();
  console.log(`\n${resultTable(results)}\n\n${conditions(results)}`);
}
if (values.readme) {
  const last = lastResults();
  writeToReadme('npm run bench -- --readme', `${resultTable(last)}\n\n${conditions(last)}`);
}
if (values.chart) {
  mkdirSync('docs', { recursive: true });
  writeFileSync('docs/benchmark.svg', chart(charted(lastResults())));
}
process.exit();
