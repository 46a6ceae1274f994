/** Proves what a staged file does when the disk, or somebody else, is in its way. */
import { existsSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Refusal } from '../../../src/protocol/errors.ts';
import { Reservation } from '../../../src/store/free-space.ts';
import { exists, StagedFile } from '../../../src/store/staged-file.ts';
import { temporaryDirectory } from '../../support/temporary.ts';

interface Staged {
  readonly directory: string;
  readonly file: StagedFile;
  /** Bytes of the promises made that were given back. */
  readonly given: () => number;
  /** Bytes promised in all. */
  readonly promised: () => number;
}

/** Room for ten bytes; whether there is more depends. */
async function roomForTen(
  most = Infinity,
): Promise<{ room: Reservation } & Pick<Staged, 'given' | 'promised'>> {
  let [given, promised] = [0, 0];
  const room = new Reservation({
    promise: (bytes) => {
      if (promised + bytes > most) return Promise.reject(new Refusal('not enough space'));
      promised += bytes;
      return Promise.resolve();
    },
    giveBack: (bytes) => {
      given += bytes;
    },
  });
  await room.cover(10);
  return { room, given: () => given, promised: () => promised };
}

async function staged({ overwrite = false, most = Infinity } = {}): Promise<Staged> {
  const directory = temporaryDirectory();
  const { room, ...counts } = await roomForTen(most);
  const target = { directory: Buffer.from(directory), name: 'a', overwrite, fsync: true };
  return { directory, file: await StagedFile.create(target, room), ...counts };
}

test('the promised room is given back as it is filled, and wholly at the end', async () => {
  const { file, given } = await staged();
  await file.write(Buffer.from('abc'));
  expect(given()).toBe(3);
  await file.commit();
  expect(given()).toBe(10);
  await file.discard();
  expect(given()).toBe(10);
});

test('a file that outgrows what was announced is promised more, all of which is given back', async () => {
  const { file, given, promised } = await staged();
  await file.write(Buffer.alloc(10));
  await file.write(Buffer.alloc(25));
  const step = 1024 * 1024;
  expect(promised()).toBe(10 + step);
  expect(given()).toBe(35);
  await file.commit();
  expect(given()).toBe(promised());
});

test('a file that outgrows the room there is, is refused before it is written', async () => {
  const { directory, file, given } = await staged({ most: 10 });
  await file.write(Buffer.alloc(10));
  await expect(file.write(Buffer.alloc(1))).rejects.toMatchObject({ reason: 'not enough space' });
  expect(readdirSync(directory).map((name) => statSync(join(directory, name)).size)).toEqual([10]);
  await file.discard();
  expect(given()).toBe(10);
  expect(readdirSync(directory)).toEqual([]);
});

test('the promised room is given back when a file is discarded', async () => {
  const { file, given } = await staged();
  await file.write(Buffer.from('abc'));
  await file.discard();
  expect(given()).toBe(10);
});

test('the promised room is given back when the file cannot be made, and the path is named', async () => {
  const { room, given } = await roomForTen();
  const target = { directory: Buffer.from('/nonexistent'), name: 'a', overwrite: false, fsync: true };
  const outcome = StagedFile.create(target, room);
  await expect(outcome).rejects.toMatchObject({ reason: 'cannot store file' });
  await expect(outcome).rejects.toThrow('/nonexistent/.tentacle.');
  expect(given()).toBe(10);
});

test.each([
  [
    'a file',
    (path: string) => {
      writeFileSync(path, 'theirs');
    },
  ],
  [
    'a dangling link',
    (path: string) => {
      symlinkSync('nowhere', path);
    },
  ],
])('N3 %s that took the name meanwhile stays, and the loser leaves nothing', async (_what, take) => {
  const { directory, file } = await staged();
  await file.write(Buffer.from('ours'));
  take(join(directory, 'a'));
  await expect(file.commit()).rejects.toMatchObject({ reason: 'file already exists' });
  await file.discard();
  expect(readdirSync(directory)).toEqual(['a']);
  expect(existsSync(join(directory, 'nowhere'))).toBe(false);
});

test('N3 discard after commit leaves the file', async () => {
  const { directory, file } = await staged();
  await file.commit();
  await file.discard();
  expect(readdirSync(directory)).toEqual(['a']);
});

test('N3 a second commit is refused', async () => {
  const { file } = await staged();
  await file.commit();
  await expect(file.commit()).rejects.toThrow(Refusal);
});

test.each([false, true])(
  'a directory that is gone is a refusal, never a crash (overwrite %s)',
  async (overwrite) => {
    const { directory, file } = await staged({ overwrite });
    await file.write(Buffer.from('abc'));
    rmSync(directory, { recursive: true });
    await expect(file.commit()).rejects.toMatchObject({ reason: 'cannot store file' });
    await file.discard();
  },
);

test('exists sees whatever has the name', async () => {
  const directory = temporaryDirectory();
  symlinkSync('nowhere', join(directory, 'dangling'));
  expect(await exists(Buffer.from(directory))).toBe(true);
  expect(await exists(Buffer.from(join(directory, 'dangling')))).toBe(true);
  expect(await exists(Buffer.from(join(directory, 'absent')))).toBe(false);
  await expect(exists(Buffer.from(join(directory, 'n'.repeat(256))))).rejects.toThrow('ENAMETOOLONG');
});
