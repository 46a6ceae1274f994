/** What /proc says of other processes. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

function file(pid: number, name: string): string {
  return readFileSync(`/proc/${String(pid)}/${name}`, 'latin1');
}

/** The processes that it forked and that still live. */
export function childrenOf(pid: number): number[] {
  const children = file(pid, `task/${String(pid)}/children`);
  return children
    .trim()
    .split(' ')
    .filter((word) => word !== '')
    .map(Number);
}

/** Whether it is there, and not merely waiting for its parent to notice its end. */
export function isAlive(pid: number): boolean {
  try {
    return !/^State:\s*[ZX]/m.test(file(pid, 'status'));
  } catch {
    return false;
  }
}

/** Its line in the list of processes. */
export function shownAs(pid: number): string {
  return file(pid, 'cmdline').replaceAll('\0', ' ').trim();
}

/** What it was given as environment when it started. */
export function environmentOf(pid: number): string[] {
  return file(pid, 'environ').split('\0');
}

/** Its session, group and working directory. */
export function placeOf(pid: number): {
  readonly session: number;
  readonly group: number;
  readonly cwd: string;
} {
  const [, , group = 0, session = 0] = file(pid, 'stat')
    .replace(/^.*\) /s, '')
    .split(' ')
    .map(Number);
  return { session, group, cwd: readlinkSync(`/proc/${String(pid)}/cwd`) };
}

/** What its descriptors lead to. */
export function openIn(pid: number): string[] {
  const directory = `/proc/${String(pid)}/fd`;
  return readdirSync(directory).map((name) => readlinkSync(`${directory}/${name}`));
}

/** The most memory that it ever had resident, in bytes. */
export function peakOf(pid: number): number {
  return Number(/^VmHWM:\s*(\d+) kB$/m.exec(file(pid, 'status'))?.[1]) * 1024;
}

/** What it takes of the memory of this host, its part of what it shares with others included, in bytes. */
export function proportionalSizeOf(pid: number): number {
  return Number(/^Pss:\s*(\d+) kB$/m.exec(file(pid, 'smaps_rollup'))?.[1]) * 1024;
}
