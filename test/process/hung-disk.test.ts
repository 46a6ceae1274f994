/** Disks that hang: with the log's the supervisor hangs, and the service does not; with the spool's a worker hangs, and is spared. */
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { isWaitingForDisk } from '../../src/process/waiting-for-disk.ts';
import { Dialogue } from '../support/dialogue.ts';
import { hungDisk, noLoopMounts } from '../support/hung-disk.ts';
import { freePort, ServerProcess } from '../support/program.ts';
import { has } from '../support/requires.ts';
import { type Said, ServiceManager } from '../support/service-manager.ts';
import { storeMany } from '../support/store.ts';
import { temporarySpool } from '../support/temporary.ts';

const WATCHDOG_MS = 2000;
/** Refused without a look at the disk; its log lines are long. */
const REFUSED = `RECV </${'n'.repeat(250)}>\n`;
const REFUSAL = 'RECV ERR (file has an invalid file name)\n';
const FAR_MORE_THAN_A_WORKER_KEEPS = 4000;
const WAIT = { timeout: 30_000 };

async function refusals(port: number): Promise<void> {
  const dialogue = await Dialogue.open(port);
  dialogue.send(REFUSED.repeat(FAR_MORE_THAN_A_WORKER_KEEPS));
  await dialogue.take(REFUSAL.length * FAR_MORE_THAN_A_WORKER_KEEPS);
  dialogue.send('QUIT\n');
  await dialogue.rest();
}

function longestGapMs(beats: readonly Said[]): number {
  const times = beats.map(({ atMs }) => atMs);
  return Math.max(...times.slice(1).map((time, index) => time - (times[index] ?? 0)));
}

const why = noLoopMounts() ?? (has('python3') ? undefined : 'missing: python3');
// A container without loop devices is no fault of the CI's.
test.skipIf(why !== undefined)(
  `workers store on, answer the watchdog, and tell what the log lacks${why === undefined ? '' : ` [${why}]`}`,
  async () => {
    const disk = hungDisk();
    const log = join(disk.directory, 'server.log');
    const spool = temporarySpool();
    const port = await freePort();
    const manager = await ServiceManager.start(port);
    const env = { NOTIFY_SOCKET: manager.address, WATCHDOG_USEC: String(WATCHDOG_MS * 1000) };
    const server = await ServerProcess.start(
      ['-a', '127.0.0.1', '-p', String(port), '-s', spool, '-V', '-t', '60', '-l', log, '--workers', '2'],
      { port, env, listening: () => manager.heard(1) },
    );
    const workers = server.workers();
    const beatsOf = (pids: readonly number[]): readonly Said[] =>
      manager.beats().filter(({ pid }) => pids.includes(pid));
    await expect.poll(() => beatsOf([server.pid]).length, WAIT).toBeGreaterThan(1);
    disk.freeze();
    try {
      expect(await storeMany(port, 100)).toHaveLength(100);
      await expect.poll(() => isWaitingForDisk(server.pid), WAIT).toBe(true);
      // They say so, too, and the pipe still has room for it.
      await expect.poll(() => beatsOf(workers).length, WAIT).toBeGreaterThan(0);
      await Promise.all([refusals(port), refusals(port), refusals(port)]);
      // For longer than the watchdog would have waited.
      await expect
        .poll(() => (beatsOf(workers).at(-1)?.atMs ?? 0) - (beatsOf(workers)[0]?.atMs ?? 0), WAIT)
        .toBeGreaterThan(WATCHDOG_MS);
      expect(isWaitingForDisk(server.pid)).toBe(true);
      expect(await storeMany(port, 50, 'later')).toHaveLength(50);
    } finally {
      disk.thaw();
    }
    const before = beatsOf([server.pid]).length;
    await expect.poll(() => beatsOf([server.pid]).length, WAIT).toBeGreaterThan(before + 1);
    expect(longestGapMs(manager.beats())).toBeLessThan(WATCHDOG_MS);
    // The same workers, none of them killed as hung.
    expect(server.workers()).toEqual(workers);
    expect(readdirSync(spool)).toHaveLength(150);
    await expect.poll(() => readFileSync(log, 'utf8'), WAIT).toMatch(/\]Warning: \d+ log lines were lost/);
    expect(readFileSync(log, 'utf8')).toContain('its workers answer the watchdog');
    const silent = beatsOf(workers).length;
    await expect.poll(() => beatsOf([server.pid]).length, WAIT).toBeGreaterThan(before + 4);
    expect(beatsOf(workers)).toHaveLength(silent);
    expect(await server.stop()).toBe(0);
  },
);

test.skipIf(why !== undefined)(
  `a worker that waits for the spool's disk is spared, and goes on with it${why === undefined ? '' : ` [${why}]`}`,
  async () => {
    const disk = hungDisk();
    const spool = join(disk.directory, 'spool');
    mkdirSync(spool);
    const port = await freePort();
    const manager = await ServiceManager.start(port);
    const env = { NOTIFY_SOCKET: manager.address, WATCHDOG_USEC: String(WATCHDOG_MS * 1000) };
    const server = await ServerProcess.start(
      ['-a', '127.0.0.1', '-p', String(port), '-s', spool, '-t', '60', '--workers', '1'],
      { port, env, listening: () => manager.heard(1) },
    );
    const workers = server.workers();
    // Prompt until now: its calls are made at once.
    expect(await storeMany(port, 10)).toHaveLength(10);
    disk.freeze();
    const dialogue = await Dialogue.open(port);
    try {
      dialogue.send('SEND <late.data> SIZE 5\n');
      await server.logged(/does not answer: it waits for a disk/);
      const before = manager.beats().length;
      await expect.poll(() => manager.beats().length, WAIT).toBeGreaterThan(before + 4);
    } finally {
      disk.thaw();
    }
    await dialogue.take('SEND OK\n'.length);
    dialogue.send('hello');
    await dialogue.take('SEND OK\n'.length);
    expect(server.workers()).toEqual(workers);
    expect(readFileSync(join(spool, 'late.data'), 'latin1')).toBe('hello');
    expect(await server.stop()).toBe(0);
  },
);
