/** What the rows of a benchmark found: kept in files of their own, and judged. */
import { mkdirSync, readdirSync, readFileSync, statfsSync, writeFileSync } from 'node:fs';
import { cpus, release } from 'node:os';
import { join } from 'node:path';
import { median, ratio } from './statistics.ts';

const FOLDER = 'test/bench/results';
const FILE_SYSTEMS: Readonly<Record<number, string>> = {
  0xef53: 'ext4',
  0x58465342: 'xfs',
  0x9123683e: 'btrfs',
  0x1021994: 'tmpfs',
  0x794c7630: 'overlayfs',
};

export interface Machine {
  readonly processors: number;
  readonly model: string;
  readonly kernel: string;
  readonly node: string;
  readonly fileSystem: string;
}

export interface Result {
  readonly key: string;
  /** Its place among the rows. */
  readonly position: number;
  readonly title: string;
  readonly compares: 'with others' | 'with itself' | 'memory';
  readonly unit: string;
  /** Who was measured: the one in question, and what it is compared with. */
  readonly names: readonly [string, string];
  /** One of each round. */
  readonly ours: readonly number[];
  /** Empty where there is nothing to compare with. */
  readonly other: readonly number[];
  /** Why not, where there should be. */
  readonly missing?: string | undefined;
  /** What the ratio must reach and should reach; without a comparison, what the value may be at most. */
  readonly bar?: number | undefined;
  readonly aim?: number | undefined;
  readonly when: string;
  readonly machine: Machine;
}

/** @param directory where the spools are */
export function thisMachine(directory: string): Machine {
  const { type } = statfsSync(directory);
  return {
    processors: cpus().length,
    model: cpus()[0]?.model ?? 'unknown',
    kernel: release(),
    node: process.version,
    fileSystem: FILE_SYSTEMS[type] ?? `of type 0x${type.toString(16)}`,
  };
}

export function keep(result: Result): void {
  mkdirSync(FOLDER, { recursive: true });
  writeFileSync(join(FOLDER, `row-${result.key}.json`), `${JSON.stringify(result, undefined, 2)}\n`);
}

/** The last results of all rows, in the order of the rows. */
export function lastResults(): readonly Result[] {
  mkdirSync(FOLDER, { recursive: true });
  return readdirSync(FOLDER)
    .filter((name) => /^row-.*\.json$/.test(name))
    .map((name) => JSON.parse(readFileSync(join(FOLDER, name), 'utf8')) as Result)
    .sort((a, b) => a.position - b.position);
}

export interface Verdict {
  /** Median of the ratios of each round, and the least and the greatest of them; undefined without a comparison. */
  readonly ratio?: { readonly median: number; readonly low: number; readonly high: number };
  /** Undefined where there is no bar, or nothing to hold against it. */
  readonly reachesBar?: boolean;
  readonly reachesAim?: boolean;
}

export function judge({ ours, other, missing, bar, aim }: Result): Verdict {
  if (missing !== undefined) return {};
  if (other.length === 0) {
    if (bar === undefined || aim === undefined) return {};
    return { reachesBar: median(ours) <= bar, reachesAim: median(ours) <= aim };
  }
  const ratios = ours.map((value, round) => value / (other[round] ?? NaN));
  const found = { median: ratio(ours, other), low: Math.min(...ratios), high: Math.max(...ratios) };
  if (bar === undefined || aim === undefined) return { ratio: found };
  return { ratio: found, reachesBar: found.median >= bar, reachesAim: found.median >= aim };
}
