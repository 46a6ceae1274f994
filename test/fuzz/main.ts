/**
 * Looks for inputs that break a promise of the program.
 *
 *     npm run fuzz -- [--minutes N | --seconds N] [--target NAME] [--seed N] [--input FILE]
 *
 * All targets share the time, as many at once as there are processors. With the same seed a target makes the same
 * inputs. `--input` runs only what that file holds. An input that fails is written to dist/fuzz/found.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import pLimit from 'p-limit';
import type { Progress } from './loop.ts';
import { type Name, NAMES } from './names.ts';
import { type Outcome, watch } from './watch.ts';

const PROGRAM = 'dist/fuzz/worker.js';
const FOUND = 'dist/fuzz/found';
const TOLD_MS = 10_000;

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '1' },
    seconds: { type: 'string' },
    target: { type: 'string' },
    seed: { type: 'string' },
    input: { type: 'string' },
  },
});
const seconds = Number(values.seconds ?? 60 * Number(values.minutes));
const seed = Number(values.seed ?? Date.now() % 2 ** 31);
const names = NAMES.filter((name) => values.target === undefined || name === values.target);
if (!(seconds > 0) || !Number.isInteger(seed))
  throw new Error('--minutes, --seconds and --seed take numbers above 0');
if (names.length === 0) throw new Error(`--target is one of ${NAMES.join(', ')}`);
if (values.input !== undefined && values.target === undefined) throw new Error('--input needs --target');

const atOnce = Math.min(availableParallelism(), names.length);
const records = mkdtempSync(join(tmpdir(), 'tentacle-fuzz-'));
const limit = pLimit(atOnce);
console.log(`seed ${String(seed)}`);
const failed = await Promise.all(names.map((name) => limit(() => fuzz(name))));
rmSync(records, { recursive: true, force: true });
process.exitCode = failed.includes(true) ? 1 : 0;

/** @returns whether something went wrong, which is told */
async function fuzz(target: Name): Promise<boolean> {
  const record = join(records, target);
  writeFileSync(record, '');
  const order = { target, seed, seconds: (seconds * atOnce) / names.length, record, input: values.input };
  const start = Date.now();
  let told = start;
  const outcome = await watch(PROGRAM, order, (progress) => {
    if (Date.now() - told < TOLD_MS) return;
    told = Date.now();
    tell(target, progress, told - start);
  });
  tell(target, outcome.progress, Date.now() - start);
  return judge(target, outcome);
}

function tell(target: string, { executions, corpus, blocks }: Progress, ms: number): void {
  const rate = ((executions * 1000) / ms).toFixed(0);
  const kept = `corpus ${String(corpus).padStart(5)}   ${String(blocks).padStart(5)} blocks covered`;
  console.log(
    `${target.padEnd(9)}${String(executions).padStart(9)} executions ${rate.padStart(6)}/s   ${kept}`,
  );
}

function judge(target: string, { progress, failure }: Outcome): boolean {
  if (failure === undefined) {
    if (progress.executions > 0) return false;
    console.log(`${target}: NOTHING WAS RUN`);
    return true;
  }
  const { input, text } = failure;
  console.log(`${target}: FAILED: ${text}`);
  if (values.input !== undefined || progress.executions + input.length === 0) return true;
  mkdirSync(FOUND, { recursive: true });
  const file = join(FOUND, `${target}-${createHash('sha256').update(input).digest('hex').slice(0, 8)}`);
  writeFileSync(file, input);
  console.log(`${target}: ${file} holds the input: npm run fuzz -- --target ${target} --input ${file}`);
  return true;
}
