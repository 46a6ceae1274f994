/** More clients than descriptors: the silent ones go, the honest ones are served, and the log says what to raise. */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { Crowd, nextClientIsServed } from '../support/crowd.ts';
import { Dialogue } from '../support/dialogue.ts';
import { openIn } from '../support/processes.ts';
import { ServerProcess } from '../support/program.ts';
import { testWith } from '../support/requires.ts';
import { temporarySpool } from '../support/temporary.ts';

const LIMIT = 80;
const SILENT = 300;
/** Long enough to see a busy loop, which would take all of it. */
const WATCHED_MS = 1000;

/** Processor time that a process took so far, in milliseconds. */
function usedMs(pid: number): number {
  const fields = readFileSync(`/proc/${String(pid)}/stat`, 'latin1')
    .replace(/^.*\) /s, '')
    .split(' ');
  // In ticks of 10 ms.
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

function startWithFewDescriptors(spool: string): Promise<ServerProcess> {
  return ServerProcess.start(['-s', spool, '-t', '60', '--workers', '1', '-c', '100'], {
    through: ['prlimit', `--nofile=${String(LIMIT)}:${String(LIMIT)}`, '--'],
  });
}

testWith(
  ['prlimit'],
  'N3 silent clients that would take all descriptors make room for honest ones',
  async () => {
    const spool = temporarySpool();
    const server = await startWithFewDescriptors(spool);
    const [worker = 0] = server.workers();
    for (let count = 0; count < SILENT; count++) await Dialogue.open(server.port);
    await server.logged(
      `the limit of open files (${String(LIMIT)}) leaves a worker 20 connections: 1 closed to make room; raise LimitNOFILE`,
    );
    const before = usedMs(worker);
    await sleep(WATCHED_MS);
    expect(usedMs(worker) - before).toBeLessThan(WATCHED_MS / 2);
    // Half of them is for files.
    expect(openIn(worker).length).toBeLessThan(LIMIT * 0.6);
    const crowd = new Crowd(server.port, { clients: 8, size: 20_000 });
    await crowd.stores(100);
    await crowd.leave();
    crowd.check(spool);
    expect([crowd.refusals, crowd.lost]).toEqual([[], 0]);
    expect(server.output.match(/make room/g)).toHaveLength(1);
  },
);

testWith(
  ['prlimit'],
  'N3 more clients at work than descriptors: whoever is served is served whole',
  async () => {
    const spool = temporarySpool();
    const server = await startWithFewDescriptors(spool);
    const crowd = new Crowd(server.port, { clients: SILENT / 2, size: 20_000 });
    await crowd.stores(300);
    await crowd.leave();
    crowd.check(spool);
    expect(crowd.refusals).toEqual([]);
    expect(crowd.lost).toBeGreaterThan(0);
    await nextClientIsServed(server.port, spool);
  },
);
