/** kill -9 of workers and supervisors under load: nothing acknowledged is lost, nothing is half, others are not disturbed. */
import { readdirSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { Crowd, nextClientIsServed } from '../support/crowd.ts';
import { Dialogue } from '../support/dialogue.ts';
import { LibcShim } from '../support/libc-shim.ts';
import { isAlive } from '../support/processes.ts';
import { ServerProcess } from '../support/program.ts';
import { testWith } from '../support/requires.ts';
import { Restartable } from '../support/restartable.ts';
import { temporarySpool } from '../support/temporary.ts';

const KILLS = Number(process.env.TENTACLE_KILLS ?? 1);
const WAIT = { timeout: 20_000 };
const LOAD = { clients: 20, size: 50_000 };
const PATIENT = ['-t', '60', '--workers', '2'];
const REFUSED = 'RECV ERR (file does not exist)\n';

function hidden(spool: string): string[] {
  return readdirSync(spool).filter((name) => name.startsWith('.'));
}

/** Kills a worker, and waits until another one serves in its place. */
async function killOne(server: ServerProcess): Promise<void> {
  const before = server.workers();
  process.kill(before[0] ?? 0, 'SIGKILL');
  const replaced = (): boolean => server.workers().filter((pid) => !before.includes(pid)).length === 1;
  const told = server.output.split('took the place').length;
  await expect.poll(replaced, WAIT).toBe(true);
  await expect.poll(() => server.output.split('took the place').length, WAIT).toBe(told + 1);
}

describe('a worker killed under load', () => {
  test('N3 loses nothing, half files are removed, and clients of the other one notice nothing', async () => {
    const spool = temporarySpool();
    const server = await ServerProcess.start(['-s', spool, ...PATIENT]);
    const crowd = new Crowd(server.port, LOAD);
    for (let kill = 0; kill < KILLS; kill++) {
      await crowd.stores(50);
      await killOne(server);
    }
    await crowd.stores(50);
    await crowd.leave();
    crowd.check(spool);
    expect(crowd.refusals).toEqual([]);
    // Each kill ended connections of one worker, and of the others none.
    expect(crowd.lost).toBeGreaterThan(0);
    expect(crowd.lost).toBeLessThan(KILLS * LOAD.clients);
    // The one that takes its place removes them.
    await expect.poll(() => hidden(spool), WAIT).toEqual([]);
    await nextClientIsServed(server.port, spool);
  });

  testWith(['cc'], 'N4 leaves no lock that blocks a name, where there are no hard links', async () => {
    const shim = LibcShim.compile('link-EPERM');
    const spool = temporarySpool();
    const server = await ServerProcess.start(['-s', spool, ...PATIENT], { env: shim.env });
    const crowd = new Crowd(server.port, LOAD);
    for (let kill = 0; kill < KILLS; kill++) {
      await crowd.stores(50);
      // The lock is taken, and the worker killed before it can let it go.
      shim.become('link-EPERM hang-rename');
      await expect.poll(() => hidden(spool).some((name) => name.includes('.lock.')), WAIT).toBe(true);
      const doomed = server.workers();
      for (const pid of doomed) process.kill(pid, 'SIGKILL');
      shim.become('link-EPERM');
      const isReplaced = (): boolean => server.workers().filter((pid) => !doomed.includes(pid)).length === 2;
      await expect.poll(isReplaced, WAIT).toBe(true);
    }
    await crowd.stores(50);
    await crowd.leave();
    crowd.check(spool);
    await expect.poll(() => hidden(spool), WAIT).toEqual([]);
    // N3: of many at once exactly one wins.
    for (let round = 0; round < 5; round++) {
      const name = `contended.${String(round)}.data`;
      const dialogues = await Promise.all(Array.from({ length: 10 }, () => Dialogue.open(server.port)));
      const first = await Promise.all(dialogues.map((each) => each.ask(`SEND <${name}> SIZE 4\n`)));
      expect(new Set(first)).toEqual(new Set(['SEND OK\n']));
      const second = await Promise.all(dialogues.map((each, index) => each.ask(`dat${String(index)}`)));
      expect(second.filter((answer) => answer === 'SEND OK\n')).toHaveLength(1);
      expect(second.filter((answer) => answer === 'SEND ERR (file already exists)\n')).toHaveLength(9);
    }
    expect(hidden(spool)).toEqual([]);
  });
});

test('P3 N3 a supervisor killed under load loses nothing; the next start serves at once', async () => {
  const spool = temporarySpool();
  const site = await Restartable.start({ args: ['-s', spool, ...PATIENT] });
  const crowd = new Crowd(site.port, LOAD);
  for (let kill = 0; kill < KILLS; kill++) {
    await crowd.stores(50);
    const workers = site.server.workers();
    process.kill(site.server.pid, 'SIGKILL');
    await site.start();
    await expect.poll(() => workers.filter(isAlive), WAIT).toEqual([]);
  }
  await crowd.stores(50);
  await crowd.leave();
  crowd.check(spool);
  expect(crowd.refusals).toEqual([]);
  expect(hidden(spool)).toEqual([]);
  const dialogue = await Dialogue.open(site.port);
  expect(await dialogue.ask('RECV <nothing>\n')).toBe(REFUSED);
  await nextClientIsServed(site.port, spool);
});
