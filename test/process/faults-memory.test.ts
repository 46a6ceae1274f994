/** Workers that run out of memory under load: another one serves, nothing acknowledged is lost. */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { expect } from 'vitest';
import { Crowd, nextClientIsServed } from '../support/crowd.ts';
import { ServerProcess } from '../support/program.ts';
import { testWith } from '../support/requires.ts';
import { temporarySpool } from '../support/temporary.ts';

const ROUNDS = Number(process.env.TENTACLE_FAULTS ?? 1);
const WAIT = { timeout: 20_000 };

/** Bytes of address space that a process takes. */
function addressSpace(pid: number): number {
  const status = readFileSync(`/proc/${String(pid)}/status`, 'latin1');
  return Number(/^VmSize:\s*(\d+) kB$/m.exec(status)?.[1] ?? 'NaN') * 1024;
}

testWith(
  ['prlimit'],
  'N3 a worker without memory dies, another one serves, and nothing is lost',
  async () => {
    const spool = temporarySpool();
    const server = await ServerProcess.start(['-s', spool, '-t', '60', '--workers', '2']);
    const crowd = new Crowd(server.port, { clients: 20, size: 200_000 });
    for (let round = 0; round < ROUNDS; round++) {
      await crowd.stores(20);
      const [victim = 0] = server.workers();
      // Not one byte more than it has now, and then more clients than it has buffers for.
      execFileSync('prlimit', ['--pid', String(victim), `--as=${String(addressSpace(victim))}`]);
      const more = new Crowd(server.port, { clients: 150, size: 500_000, stem: `more${String(round)}` });
      await server.logged(new RegExp(`\\[err\\]Worker ${String(victim)} ended by .*another one starts in`));
      await expect.poll(() => server.output.split('took the place').length - 1, WAIT).toBe(round + 1);
      await more.leave();
      more.check(spool);
    }
    await crowd.stores(20);
    await crowd.leave();
    crowd.check(spool);
    expect(crowd.lost).toBeGreaterThan(0);
    await expect.poll(() => readdirSync(spool).filter((name) => name.startsWith('.')), WAIT).toEqual([]);
    await nextClientIsServed(server.port, spool);
  },
);
