/** What two sides agreed on survives whatever happens to the process, and to its file. */
import {
  appendFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type Agreed, SyncMemory } from '../../../src/store/sync-memory.ts';
import { temporaryDirectory } from '../../support/temporary.ts';

const agreed = (revision: number): Agreed => ({
  ...{ revision, sha256: `sha${String(revision)}` },
  ...{ size: 7, mtimeMs: 1_700_000_000_123.25, ino: 99 },
});

async function memory(): Promise<{ directory: string; file: string; open: () => Promise<SyncMemory> }> {
  const directory = temporaryDirectory();
  const open = (): Promise<SyncMemory> => SyncMemory.open(Buffer.from(directory));
  const first = await open();
  first.startAnew('2026-01-01');
  first.set('a.conf', agreed(1));
  first.set('\xe4\xff"\n.conf', agreed(2));
  first.set('gone.conf', agreed(3));
  first.forget('gone.conf');
  await first.close();
  return { directory, file: join(directory, '.tentacle-sync'), open };
}

describe('a memory', () => {
  test('is there again for the next process, for its user alone', async () => {
    const { directory, file, open } = await memory();
    const next = await open();
    expect([...next.names()]).toEqual(['a.conf', '\xe4\xff"\n.conf']);
    expect(next.get('a.conf')).toEqual(agreed(1));
    expect(next.bucket).toBe('2026-01-01');
    expect(readdirSync(directory)).toEqual(['.tentacle-sync']);
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  test('that was cut off by a crash keeps what was whole, and the next line is not glued to the rest', async () => {
    const { file, open } = await memory();
    appendFileSync(file, '{"n":"b.conf","r":4,"h":"x","s":1,"m":1,"i":1}\n{"n":"c.conf","r"');
    const next = await open();
    expect(next.get('b.conf')?.revision).toBe(4);
    next.set('d.conf', agreed(5));
    await next.close();
    const third = await open();
    expect([...third.names()].sort()).toEqual(['a.conf', 'b.conf', 'd.conf', '\xe4\xff"\n.conf']);
  });

  test('of nonsense remembers nothing of it', async () => {
    const { file, open } = await memory();
    writeFileSync(file, 'null\n[]\n{"n":5}\n\0\0\0\n{"n":"a.conf","r":1,"h":"x","s":1,"m":1,"i":1}\n');
    expect([...(await open()).names()]).toEqual(['a.conf']);
    truncateSync(file);
    expect((await open()).size).toBe(0);
  });

  test('forgets all with another bucket, but for what comes then', async () => {
    const { open } = await memory();
    const next = await open();
    next.hold(true);
    next.startAnew('2026-02-02');
    next.set('b.conf', agreed(1));
    await next.close();
    const third = await open();
    expect([third.bucket, third.isHeld, [...third.names()]]).toEqual(['2026-02-02', false, ['b.conf']]);
  });

  test('does not grow with the number of changes', async () => {
    const { file, open } = await memory();
    const next = await open();
    for (let revision = 0; revision < 5000; revision++) {
      next.set('a.conf', agreed(revision));
      if (revision % 100 === 0) await next.flush();
    }
    next.hold(true);
    await next.close();
    expect(readFileSync(file, 'utf8').split('\n').length).toBeLessThan(1300);
    const third = await open();
    expect(third.get('a.conf')?.revision).toBe(4999);
    expect(third.isHeld).toBe(true);
  });

  test('knows when it was removed', async () => {
    const { file, open } = await memory();
    const next = await open();
    next.set('b.conf', agreed(1));
    await next.flush();
    expect(await next.isThere()).toBe(true);
    rmSync(file);
    expect(await next.isThere()).toBe(false);
    await next.close();
  });

  test('that cannot be written is written later', async () => {
    const { directory, open } = await memory();
    const next = await open();
    renameSync(directory, `${directory}.away`);
    next.set('b.conf', agreed(1));
    await expect(next.flush()).rejects.toThrow('ENOENT');
    renameSync(`${directory}.away`, directory);
    await next.close();
    expect((await open()).get('b.conf')).toEqual(agreed(1));
  });

  test('is not written into another directory, where all that it knows would seem to be deleted', async () => {
    const { directory, open } = await memory();
    const next = await open();
    renameSync(directory, `${directory}.away`);
    next.set('b.conf', agreed(1));
    await expect(next.flush()).rejects.toThrow('ENOENT');
    mkdirSync(directory);
    await expect(next.close()).rejects.toThrow('another directory');
    expect(readdirSync(directory)).toEqual([]);
    rmSync(`${directory}.away`, { recursive: true });
  });
});
