/** Proves the order of work: oldest first, nobody twice, those that failed later. */
import { mkdirSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { Queue } from '../../../src/proxy/queue.ts';
import { QueueDirectory, type QueuedFile } from '../../../src/store/queue-directory.ts';
import { recordLog } from '../../support/log.ts';
import { temporarySpool } from '../../support/temporary.ts';

const YEAR_2020 = Date.UTC(2020, 0, 1);
const NEVER = new AbortController().signal;
const PATIENCE_MS = 10_000;

/** Writes files, each a second younger than the one before. */
function put(spool: string, ...names: readonly string[]): void {
  for (const [index, name] of names.entries()) {
    writeFileSync(join(spool, name), name);
    utimesSync(join(spool, name), new Date(), new Date(YEAR_2020 + index * 1000));
  }
}

function queueOf(spool: string, window?: number): Queue {
  const { log } = recordLog();
  return new Queue(new QueueDirectory(spool), window === undefined ? { log } : { log, window });
}

/** Collects all that nobody refers to any more. */
async function collectGarbage(): Promise<void> {
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as () => void;
  // What a WeakRef gave out in this turn of the event loop lives until its end.
  await new Promise(setImmediate);
  gc();
}

async function take(queue: Queue): Promise<QueuedFile> {
  const file = await queue.take(PATIENCE_MS, NEVER);
  if (file === undefined) throw new Error('nothing came');
  return file;
}

test('files come oldest first, each once', async () => {
  const spool = temporarySpool();
  put(spool, 'c', 'a', 'b');
  const queue = queueOf(spool);
  for (const name of ['c', 'a', 'b']) expect((await take(queue)).name).toBe(name);
  await queue.look();
  expect(await queue.take(0, NEVER)).toBeUndefined();
});

test('what was sent is forgotten, also while the queue never runs empty', async () => {
  const spool = temporarySpool();
  const queue = queueOf(spool);
  await queue.look();
  queue.added('f0', 1);
  const sent: WeakRef<QueuedFile>[] = [];
  for (let index = 1; index <= 100; index++) {
    queue.added(`f${String(index)}`, 1);
    const file = await take(queue);
    sent.push(new WeakRef(file));
    queue.done(file);
  }
  await collectGarbage();
  // The last one may still be in a register.
  expect(sent.filter((file) => file.deref() !== undefined).length).toBeLessThanOrEqual(1);
  expect((await take(queue)).name).toBe('f100');
});

test('when the window is used up, the next of many files come', async () => {
  const spool = temporarySpool();
  const names = Array.from({ length: 100 }, (_, index) => `f${String(index).padStart(3, '0')}`);
  put(spool, ...names);
  const queue = queueOf(spool, 7);
  const came: string[] = [];
  while (came.length < names.length) {
    const file = await take(queue);
    came.push(file.name);
    // The upstream has it, or an administrator deleted it: from here it is the same.
    rmSync(join(spool, file.name));
    queue.done(file);
  }
  expect(came).toEqual(names);
  expect(queue.totals.files).toBe(0);
});

test('files in flight or deferred do not keep the younger ones from coming', async () => {
  const spool = temporarySpool();
  put(spool, 'a', 'b', 'c', 'd');
  const queue = queueOf(spool, 1);
  await take(queue);
  queue.later(await take(queue), 60_000);
  expect((await take(queue)).name).toBe('c');
  expect((await take(queue)).name).toBe('d');
});

test('a file that failed comes again after its pause, and others go on', async () => {
  const spool = temporarySpool();
  put(spool, 'a', 'b');
  const queue = queueOf(spool);
  const first = await take(queue);
  queue.later(first, 200);
  const start = performance.now();
  expect((await take(queue)).name).toBe('b');
  expect(await take(queue)).toEqual(first);
  expect(performance.now() - start).toBeGreaterThan(190);
});

test('files that failed and are due again take turns with the others', async () => {
  const spool = temporarySpool();
  put(spool, 'a', 'b', 'c', 'd', 'e');
  const queue = queueOf(spool);
  const failed = [await take(queue), await take(queue), await take(queue)];
  for (const file of failed) queue.later(file, 0);
  // However often the directory is looked at, none is forgotten and none comes twice.
  await queue.look();
  const names: string[] = [];
  while (names.length < 5) names.push((await take(queue)).name);
  expect(names).toEqual(['a', 'd', 'b', 'e', 'c']);
  expect(await queue.take(0, NEVER)).toBeUndefined();
});

test('what this process stores comes at once, and once', async () => {
  const spool = temporarySpool();
  const queue = queueOf(spool);
  await queue.look();
  const coming = take(queue);
  put(spool, 'a');
  queue.added('a', 1);
  queue.added('a', 1);
  expect(await coming).toMatchObject({ name: 'a', size: 1 });
  await queue.look();
  queue.added('a', 1);
  expect(await queue.take(0, NEVER)).toBeUndefined();
});

test('what this process stores does not overtake older files that are not in memory', async () => {
  const spool = temporarySpool();
  put(spool, 'a', 'b', 'c');
  const queue = queueOf(spool, 1);
  await queue.look();
  writeFileSync(join(spool, 'new'), 'new');
  queue.added('new', 3);
  for (const name of ['a', 'b', 'c', 'new']) expect((await take(queue)).name).toBe(name);
});

test('what others put into the directory is found', async () => {
  const spool = temporarySpool();
  const queue = queueOf(spool);
  await queue.look();
  const coming = take(queue);
  put(spool, 'a');
  expect((await coming).name).toBe('a');
});

test('a directory that cannot be read is told once, and read when it can be', async () => {
  const spool = temporarySpool();
  const { log, lines } = recordLog();
  const nowhere = join(spool, 'later');
  const queue = new Queue(new QueueDirectory(nowhere), { log });
  const coming = take(queue);
  await expect
    .poll(() => lines)
    .toEqual([expect.stringMatching(/^error: Cannot read the queue: .*trying again/)]);
  mkdirSync(join(spool, 'made'));
  put(join(spool, 'made'), 'a');
  renameSync(join(spool, 'made'), nowhere);
  expect((await coming).name).toBe('a');
  expect(lines).toHaveLength(1);
});

test('waiting for a file ends with the signal', async () => {
  const queue = queueOf(temporarySpool());
  const stopping = new AbortController();
  const taking = queue.take(PATIENCE_MS, stopping.signal);
  const waiting = queue.untilWaiting(1, stopping.signal);
  stopping.abort();
  expect(await taking).toBeUndefined();
  await waiting;
});

test('a sender that has a connection gets the file, rather than one that would need another', async () => {
  const spool = temporarySpool();
  const queue = queueOf(spool);
  await queue.look();
  const connected = take(queue);
  let needed = false;
  const stopping = new AbortController();
  const another = queue.untilWaiting(1, stopping.signal).then(() => {
    needed = !stopping.signal.aborted;
  });
  put(spool, 'a');
  queue.added('a', 1);
  await connected;
  stopping.abort();
  await another;
  expect(needed).toBe(false);
});

test('the totals follow what happens', async () => {
  const spool = temporarySpool();
  put(spool, 'aa', 'bbb');
  const queue = queueOf(spool);
  await queue.look();
  expect(queue.totals).toEqual({ files: 2, bytes: 5, oldestMs: YEAR_2020 });
  queue.done(await take(queue));
  queue.added('c', 10);
  expect(queue.totals).toMatchObject({ files: 2, bytes: 13 });
  await queue.reject(await take(queue));
  expect(queue.totals).toMatchObject({ files: 1, bytes: 10 });
});
