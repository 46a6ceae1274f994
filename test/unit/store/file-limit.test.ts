/** Proves that no directory takes more files than max_files, and that one counts no more often than need be. */
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { FileLimit, fullWarning } from '../../../src/store/file-limit.ts';
import { recordLog } from '../../support/log.ts';
import { temporarySpool } from '../../support/temporary.ts';

/** A directory with so many files, and a limit. */
function limited(files: number, maxFiles: number): { spool: string; path: Buffer; limit: FileLimit } {
  const spool = temporarySpool();
  fill(spool, files);
  return { spool, path: Buffer.from(spool), limit: new FileLimit(maxFiles) };
}

function fill(spool: string, files: number): void {
  for (let file = 0; file < files; file++) writeFileSync(join(spool, `f${String(file)}`), '');
}

const FULL = { reason: 'too many files' };

describe('max_files', () => {
  test('as many as are missing are admitted, all at once or one by one', async () => {
    const { path, limit } = limited(3, 10);
    const outcomes = await Promise.allSettled(Array.from({ length: 20 }, () => limit.admit(path)));
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(7);
    await expect(limit.admit(path)).rejects.toMatchObject(FULL);
  });

  test('0 is no limit, and nothing is counted', async () => {
    await expect(new FileLimit(0).admit(Buffer.from('/nonexistent'))).resolves.toBeDefined();
    await expect(new FileLimit(1).admit(Buffer.from('/nonexistent'))).rejects.toMatchObject({
      code: 'ENOENT',
    });
  });

  test('directories do not count, unfinished files do', async () => {
    const { spool, path, limit } = limited(1, 4);
    for (const name of ['conf', 'md5', 'collections']) mkdirSync(join(spool, name));
    writeFileSync(join(spool, '.tentacle.x.part'), '');
    await limit.admit(path);
    await limit.admit(path);
    await expect(limit.admit(path)).rejects.toMatchObject(FULL);
  });

  test('each directory counts by itself', async () => {
    const { spool, path, limit } = limited(2, 2);
    mkdirSync(join(spool, 'conf'));
    await expect(limit.admit(path)).rejects.toMatchObject(FULL);
    await limit.admit(Buffer.from(join(spool, 'conf')));
  });

  test('the place of one that did not come is free again', async () => {
    const { path, limit } = limited(1, 2);
    const leave = await limit.admit(path);
    await expect(limit.admit(path)).rejects.toMatchObject(FULL);
    leave();
    await limit.admit(path);
  });

  test('whoever takes files away is noticed, and so is whoever puts some there', async () => {
    const { spool, path, limit } = limited(5, 5);
    await expect(limit.admit(path)).rejects.toMatchObject(FULL);
    rmSync(join(spool, 'f0'));
    const tries = (): Promise<boolean> =>
      limit.admit(path).then(
        () => true,
        () => false,
      );
    await expect.poll(tries).toBe(true);
    rmSync(join(spool, 'f1'));
    await expect.poll(tries).toBe(true);
    fill(spool, 5);
    await expect.poll(tries).toBe(false);
  });

  test('a directory that was full is looked at no more than ten times a second', async () => {
    const { spool, path, limit } = limited(5, 5);
    await expect(limit.admit(path)).rejects.toMatchObject(FULL);
    for (const name of readdirSync(spool)) rmSync(join(spool, name));
    const start = performance.now();
    let asked = 0;
    while (
      await limit.admit(path).then(
        () => false,
        () => true,
      )
    )
      asked++;
    expect(performance.now() - start).toBeGreaterThan(90);
    expect(asked).toBeGreaterThan(10);
  });

  test('a directory that is gone is an error for whoever must know, and comes back', async () => {
    const { spool, path, limit } = limited(0, 1);
    rmSync(spool, { recursive: true });
    await expect(limit.admit(path)).rejects.toMatchObject({ code: 'ENOENT' });
    mkdirSync(spool);
    await limit.admit(path);
  });
});

test('the log hears at once, and then once a minute', async () => {
  const { log, lines } = recordLog();
  const spool = temporarySpool();
  fill(spool, 2);
  const limit = new FileLimit(2, fullWarning(2, log));
  for (let time = 0; time < 3; time++) {
    await expect(limit.admit(Buffer.from(spool))).rejects.toMatchObject(FULL);
  }
  expect(lines).toEqual([
    `warning: max_files 2 reached in ${spool}: 1 file refused; files there are not taken away as fast as they come`,
  ]);
});
