/** What open relays that do nothing cost in memory. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { childrenOf } from '../support/processes.ts';

const AT_ONCE = 50;

/** Proportional memory (PSS) of a process and all that it forked, in MB. */
export function memoryOf(pid: number): number {
  const rollup = readFileSync(`/proc/${String(pid)}/smaps_rollup`, 'latin1');
  const kilobytes = Number(/^Pss:\s+(\d+) kB$/m.exec(rollup)?.[1]);
  return childrenOf(pid).reduce((sum, child) => sum + memoryOf(child), (kilobytes * 1024) / 1e6);
}

/** Opens a relay whose two ends have spoken: its client waits for nothing, its upstream for a file. */
async function openRelay(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  socket.write('SEND <agent.1.data> SIZE 2048\n');
  const [answer] = (await once(socket, 'data', { signal: AbortSignal.timeout(10_000) })) as [Buffer];
  if (answer.toString() !== 'SEND OK\n') throw new Error(`an idle relay answered ${answer.toString()}`);
  return socket;
}

/** Runs something while so many relays are open. @throws Error when one of them does not open or does not last */
export async function withIdleRelays<T>(port: number, count: number, measure: () => T): Promise<T> {
  const sockets: Socket[] = [];
  try {
    while (sockets.length < count) {
      const some = Array.from({ length: Math.min(AT_ONCE, count - sockets.length) }, () => openRelay(port));
      sockets.push(...(await Promise.all(some)));
    }
    const result = measure();
    const lost = sockets.filter((socket) => socket.readyState !== 'open').length;
    if (lost > 0) throw new Error(`${String(lost)} of ${String(count)} idle relays ended`);
    return result;
  } finally {
    for (const socket of sockets) socket.destroy();
  }
}
