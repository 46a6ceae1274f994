/** Disks that fail under load: what was acknowledged is there and whole, and the server goes on. */
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { Crowd, nextClientIsServed } from '../support/crowd.ts';
import { fill, smallDisk } from '../support/full-disk.ts';
import { LibcShim } from '../support/libc-shim.ts';
import { ServerProcess } from '../support/program.ts';
import { testWith } from '../support/requires.ts';
import { temporarySpool } from '../support/temporary.ts';

/** How often each fault comes and goes. */
const ROUNDS = Number(process.env.TENTACLE_FAULTS ?? 1);
const CLIENTS = 50;
/** Files that are stored, and that are refused, in each round. */
const MANY = 100;
const NO_SPACE = /^Z?SEND ERR \(not enough space\)\n$/;
const CANNOT = /^Z?SEND ERR \(cannot store file\)\n$/;

/** What a server that was closed in the middle of nothing leaves beside whole files. */
function hidden(spool: string): string[] {
  return readdirSync(spool).filter((name) => name.startsWith('.'));
}

for (const workers of ['1', '2']) {
  testWith(
    ['root', 'mount'],
    `N3 a disk that fills up and drains under ${String(CLIENTS)} clients loses nothing, with workers ${workers}`,
    async () => {
      const spool = smallDisk('64m');
      const server = await ServerProcess.start(['-s', spool, '-t', '60', '--workers', workers]);
      const crowd = new Crowd(server.port, { clients: CLIENTS, size: 20_000 });
      for (let round = 0; round < ROUNDS; round++) {
        await crowd.stores(MANY);
        fill(join(spool, 'ballast'));
        await crowd.isRefused(MANY);
        rmSync(join(spool, 'ballast'));
      }
      await crowd.stores(MANY);
      await crowd.leave();
      crowd.check(spool);
      expect(crowd.refusals.filter((answer) => !NO_SPACE.test(answer))).toEqual([]);
      expect(crowd.lost).toBe(0);
      expect(hidden(spool)).toEqual([]);
      // One of each kind from each worker: refused before a byte came, and in the middle.
      expect(errors(server.output, 'not enough space').length).toBeLessThanOrEqual(2 * Number(workers));
      await nextClientIsServed(server.port, spool);
    },
  );
}

/** Lines of files that were refused so. */
function errors(output: string, words: string): string[] {
  return output.split('\n').filter((line) => line.includes('[err]File ') && line.includes(words));
}

/** Each way in which the disk may fail: what clients are told, and the log. */
const FAULTS = [
  ['open-EMFILE', CANNOT, 'raise LimitNOFILE'],
  ['write-EDQUOT', NO_SPACE, 'the disk quota of user'],
  ['write-EIO', CANNOT, 'the disk fails (input/output error)'],
  ['short-writes write-ENOSPC', NO_SPACE, 'the disk is full'],
  ['fsync-EIO', CANNOT, 'the disk fails (input/output error)'],
  ['close-EIO', CANNOT, 'the disk fails (input/output error)'],
  ['link-EIO', CANNOT, 'the disk fails (input/output error)'],
  ['link-EPERM rename-EIO', CANNOT, 'the disk fails (input/output error)'],
  ['sync-directory-EIO', CANNOT, 'the disk fails (input/output error)'],
] as const;
/** Kinds that the log tells apart among them: codes of errors. */
const KINDS = 4;

testWith(
  ['cc'],
  'N3 N4 after no error of the disk there is an OK, and once it is over all is stored',
  async () => {
    const shim = LibcShim.compile();
    const spool = temporarySpool();
    const server = await ServerProcess.start(['-s', spool, '-t', '60', '--workers', '2'], { env: shim.env });
    for (const [habits, answer, words] of FAULTS) {
      for (let round = 0; round < ROUNDS; round++) {
        shim.become('');
        const crowd = new Crowd(server.port, { clients: 8, size: 50_000, stem: `${habits}${String(round)}` });
        await crowd.stores(8);
        shim.become(habits);
        const { begun } = crowd;
        await crowd.isRefused(32);
        expect(crowd.acknowledgedBeyond(begun)).toEqual([]);
        shim.become('short-writes');
        await crowd.stores(16);
        await crowd.leave();
        crowd.check(spool);
        expect(crowd.refusals.filter((each) => !answer.test(each))).toEqual([]);
        expect(crowd.lost).toBe(0);
      }
      // The first of its kind from each worker: there were no others to tell of.
      expect(errors(server.output, words).length).toBeGreaterThanOrEqual(1);
    }
    expect(server.output.split('[err]').length - 1).toBeLessThanOrEqual(2 * KINDS);
    expect(hidden(spool)).toEqual([]);
    await nextClientIsServed(server.port, spool);
  },
);
