/** What open connections that do nothing cost in memory. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { childrenOf } from '../support/processes.ts';

const AT_ONCE = 50;

/** Proportional memory (PSS) of a process and all that it forked, in MB. */
export function memoryOf(pid: number): number {
  const rollup = readFileSync(`/proc/${String(pid)}/smaps_rollup`, 'latin1');
  const kilobytes = Number(/^Pss:\s+(\d+) kB$/m.exec(rollup)?.[1]);
  return childrenOf(pid).reduce((sum, child) => sum + memoryOf(child), (kilobytes * 1024) / 1e6);
}

/** The same, once it has tidied up. */
export async function restingMemoryOf(pid: number, settleMs: number): Promise<number> {
  await pause(settleMs);
  return memoryOf(pid);
}

/** What a client says after another, each answered by SEND OK, before it stays as it is. */
export type Opening = (number: number) => readonly string[];
export const SILENT: Opening = () => [];
export const IN_A_FILE: Opening = (number) => [`SEND <idle.${String(number)}.data> SIZE 2048\n`];
export const AFTER_A_FILE: Opening = (number) => [...IN_A_FILE(number), 'x'.repeat(2048)];

async function open(port: number, words: readonly string[]): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  const signal = AbortSignal.timeout(30_000);
  await once(socket, 'connect', { signal });
  for (const each of words) {
    socket.write(each);
    const [answer] = (await once(socket, 'data', { signal })) as [Buffer];
    if (answer.toString() !== 'SEND OK\n')
      throw new Error(`an idle client was answered ${answer.toString()}`);
  }
  return socket;
}

export interface Crowd {
  readonly count: number;
  readonly opening: Opening;
}

/** What is looked at. */
export interface Resting {
  readonly port: number;
  readonly pid: number;
  readonly settleMs: number;
}

/**
 * MB that a server takes for so many connections. Where the limit of open files makes it close some, that is told, and
 * those that stay stand for all.
 * @throws Error when one of them does not open, or most do not last
 */
export async function addedMemory(
  { port, pid, settleMs }: Resting,
  { count, opening }: Crowd,
): Promise<number> {
  const before = await restingMemoryOf(pid, settleMs);
  const sockets: Socket[] = [];
  try {
    while (sockets.length < count) {
      const some = Array.from({ length: Math.min(AT_ONCE, count - sockets.length) }, (_, index) =>
        open(port, opening(sockets.length + index)),
      );
      sockets.push(...(await Promise.all(some)));
    }
    const after = await restingMemoryOf(pid, settleMs);
    const held = sockets.filter((socket) => socket.readyState === 'open').length;
    if (held < count)
      console.log(`of ${String(count)} idle connections ${String(held)} stayed: see ulimit -n`);
    if (held < count / 2) throw new Error('too few idle connections stayed');
    return ((after - before) * count) / held;
  } finally {
    for (const socket of sockets) socket.destroy();
  }
}
