/** Counts what the processes of the servers hold: memory and descriptors. */
import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { openIn } from '../support/processes.ts';
import type { Site } from './site.ts';

export interface Holding {
  readonly site: string;
  readonly role: 'supervisor' | 'worker';
  readonly pid: number;
  /** MB resident. */
  readonly rss: number;
  /** MB, pages that are shared counted in parts. */
  readonly pss: number;
  /** Seconds of a processor that it has used. */
  readonly cpu: number;
  /** What its descriptors lead to. */
  readonly open: readonly string[];
}

export interface Census {
  /** Seconds since the start. */
  readonly at: number;
  /** Processes that wanted to run, of the whole machine, over the last minute. */
  readonly load: number;
  readonly holdings: readonly Holding[];
}

function megabytes(rollup: string, field: string): number {
  return (Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(rollup)?.[1]) * 1024) / 1e6;
}

/** In ticks of the kernel's, of which there are a hundred a second: fields 14 and 15, see proc(5). */
function processorTimeOf(pid: number): number {
  const stat = readFileSync(`/proc/${String(pid)}/stat`, 'latin1');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

/** Nothing when it has ended meanwhile, as the workers of before a reload do. */
function holdingOf(site: string, role: Holding['role'], pid: number): readonly Holding[] {
  try {
    const rollup = readFileSync(`/proc/${String(pid)}/smaps_rollup`, 'latin1');
    const [rss, pss] = [megabytes(rollup, 'Rss'), megabytes(rollup, 'Pss')];
    return [{ site, role, pid, rss, pss, cpu: processorTimeOf(pid), open: openIn(pid) }];
  } catch {
    return [];
  }
}

export function takeCensus(sites: readonly Site[]): Census {
  return {
    at: performance.now() / 1000,
    load: Number(readFileSync('/proc/loadavg', 'latin1').split(' ')[0]),
    holdings: sites.flatMap(({ name, pid, workers }) => [
      ...holdingOf(name, 'supervisor', pid),
      ...workers.flatMap((worker) => holdingOf(name, 'worker', worker)),
    ]),
  };
}

/** A census of servers that have come to rest: nothing is opened any more for a second. */
export async function censusAtRest(sites: readonly Site[]): Promise<Census> {
  for (let earlier = takeCensus(sites); ;) {
    await pause(1000);
    const now = takeCensus(sites);
    if (openAt(earlier) === openAt(now)) return now;
    earlier = now;
  }
}

function openAt({ holdings }: Census): string {
  return JSON.stringify(holdings.map(({ pid, open }) => [pid, open]));
}
