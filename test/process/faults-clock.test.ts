/** A wall clock that jumps a day forward and back: idle limits, rates and logs go by the monotonic one. */
import { expect } from 'vitest';
import { Crowd, nextClientIsServed } from '../support/crowd.ts';
import { Dialogue } from '../support/dialogue.ts';
import { LibcShim } from '../support/libc-shim.ts';
import { ServerProcess } from '../support/program.ts';
import { testWith } from '../support/requires.ts';
import { temporarySpool } from '../support/temporary.ts';

const DAY = 86_400;
const JUMPS = [`clock+${String(DAY)}`, '', `clock-${String(DAY)}`, ''];

/** The dates that its log lines begin with. */
function dates(output: string): Set<string> {
  return new Set(output.match(/^\d{4}-\d\d-\d\d/gm));
}

testWith(['cc'], 'W4 a clock that jumps ends no transfer and loses nothing', async () => {
  const shim = LibcShim.compile();
  const spool = temporarySpool();
  const idle = ['-t', '60', '--workers', '2'];
  const limits = ['--max-rate-per-ip', '1000', '--max-connections-per-ip', '100'];
  const server = await ServerProcess.start(['-s', spool, '-v', ...idle, ...limits], { env: shim.env });
  const slow = await Dialogue.open(server.port);
  expect(await slow.ask('SEND <slow.1.data> SIZE 5\n')).toBe('SEND OK\n');
  const crowd = new Crowd(server.port, { clients: 20, size: 20_000 });
  for (const jump of JUMPS) {
    shim.become(jump);
    slow.send('x');
    await crowd.stores(50);
  }
  // One byte for each jump.
  expect(await slow.ask('x')).toBe('SEND OK\n');
  await crowd.leave();
  crowd.check(spool);
  expect([crowd.refusals, crowd.lost]).toEqual([[], 0]);
  // It did jump: the log shows the day before and the day after.
  expect(dates(server.output).size).toBe(3);
  expect(server.output).not.toContain('make room');
  await nextClientIsServed(server.port, spool);
});

testWith(['cc'], 'W4 a silent peer is closed in its time, whatever the clock does meanwhile', async () => {
  const shim = LibcShim.compile();
  const server = await ServerProcess.start(['-s', temporarySpool(), '-t', '2', '-r', '0'], { env: shim.env });
  for (const jump of [`clock+${String(DAY)}`, `clock-${String(DAY)}`]) {
    const silent = await Dialogue.open(server.port);
    const start = performance.now();
    shim.become(jump);
    expect(await silent.rest()).toBe('');
    expect(performance.now() - start).toBeGreaterThan(1900);
  }
});
