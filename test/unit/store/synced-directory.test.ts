/** Nothing is replaced or removed in a shared directory but what is known. */
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { FileChanged } from '../../../src/protocol/errors.ts';
import type { Facts } from '../../../src/store/facts.ts';
import { asideName, type Content, SyncedDirectory } from '../../../src/store/synced-directory.ts';
import { temporarySpool } from '../../support/temporary.ts';

const AT = 1_700_000_000_123;

interface Place {
  readonly directory: SyncedDirectory;
  readonly path: string;
  readonly write: (name: string, content: string) => Promise<Facts>;
  readonly read: (name: string) => string;
}

function place(): Place {
  const spool = temporarySpool('conf');
  const path = join(spool, 'conf');
  const rest = { filters: [], overwrite: false, fsync: true, minFreeSpace: 0, maxFiles: 0 };
  const directory = new SyncedDirectory({ directory: spool, ...rest }, 'conf');
  const read = (name: string): string => readFileSync(join(path, name), 'latin1');
  const write = async (name: string, content: string): Promise<Facts> => {
    writeFileSync(join(path, name), content);
    const facts = await directory.look(name);
    if (facts === undefined || facts === 'no file') throw new Error('it is not there');
    return facts;
  };
  return { directory, path, write, read };
}

/** @param during happens before the last piece */
function content(text: string, during: () => unknown = () => undefined): Content {
  async function* bytes(): AsyncGenerator<Buffer> {
    yield Buffer.from(text.slice(0, 1));
    await during();
    yield Buffer.from(text.slice(1));
  }
  return { size: text.length, modifiedAt: AT, bytes: bytes() };
}

describe('placing a file', () => {
  test('makes it appear with its time, and says what is there then', async () => {
    const { directory, read } = place();
    const { facts, aside } = await directory.place('a', content('one'), { replaces: undefined, keep: false });
    expect([read('a'), aside]).toEqual(['one', undefined]);
    expect(await directory.look('a')).toEqual(facts);
    expect(Math.round(facts.mtimeMs)).toBe(AT);
  });

  test('replaces what is known, and leaves nothing of it but what is to be kept', async () => {
    const { directory, path, read, write } = place();
    const one = await write('a', 'one');
    const { facts } = await directory.place('a', content('two'), { replaces: one, keep: false });
    expect(readdirSync(path)).toEqual(['a']);
    const { aside } = await directory.place('a', content('three'), { replaces: facts, keep: true });
    expect([read('a'), read(aside ?? '')]).toEqual(['three', 'two']);
    expect(readdirSync(path)).toHaveLength(2);
  });

  test.each<[string, (at: Place) => void]>([
    [
      'written to',
      ({ path }) => {
        writeFileSync(join(path, 'a'), 'other', { flag: 'a' });
      },
    ],
    [
      'replaced',
      ({ path }) => {
        writeFileSync(join(path, 'b'), 'one');
        renameSync(join(path, 'b'), join(path, 'a'));
      },
    ],
    [
      'removed',
      ({ path }) => {
        renameSync(join(path, 'a'), join(path, 'b'));
      },
    ],
  ])('does not, when it was %s meanwhile', async (_, happens) => {
    const at = place();
    for (const keep of [false, true]) {
      const one = await at.write('a', 'one');
      const placed = at.directory.place(
        'a',
        content('two', () => {
          happens(at);
        }),
        { replaces: one, keep },
      );
      await expect(placed).rejects.toBeInstanceOf(FileChanged);
    }
    for (const name of readdirSync(at.path)) {
      expect(name).not.toMatch(/^\./);
      expect(at.read(name)).not.toBe('two');
    }
  });

  test('does not, when one was created meanwhile where nothing is to be replaced', async () => {
    const { directory, path, read } = place();
    const placed = directory.place(
      'a',
      content('two', () => {
        writeFileSync(join(path, 'a'), 'one');
      }),
      { replaces: undefined, keep: false },
    );
    await expect(placed).rejects.toBeInstanceOf(FileChanged);
    expect([readdirSync(path), read('a')]).toEqual([['a'], 'one']);
  });

  test('leaves nothing when its content fails', async () => {
    const { directory, path, write } = place();
    const one = await write('a', 'one');
    const failing = content('two', () => Promise.reject(new Error('away')));
    await expect(directory.place('a', failing, { replaces: one, keep: true })).rejects.toThrow('away');
    expect(readdirSync(path)).toEqual(['a']);
  });

  test('gives it the group of its directory, and what the umask leaves (N5)', async () => {
    const { directory, path } = place();
    chmodSync(path, 0o2775);
    const before = process.umask(0o027);
    try {
      await directory.place('a', content('one'), { replaces: undefined, keep: false });
    } finally {
      process.umask(before);
    }
    expect(statSync(join(path, 'a')).mode & 0o777).toBe(0o640);
    expect(statSync(join(path, 'a')).gid).toBe(statSync(path).gid);
  });
});

describe('removing a file', () => {
  test('removes what is known, and nothing else', async () => {
    const { directory, path, write, read } = place();
    const one = await write('a', 'one');
    await write('a', 'other');
    await expect(directory.remove('a', one)).rejects.toBeInstanceOf(FileChanged);
    expect(read('a')).toBe('other');
    await directory.remove('a', await write('a', 'other'));
    expect(readdirSync(path)).toEqual([]);
    await expect(directory.remove('a', one)).rejects.toBeInstanceOf(FileChanged);
  });
});

describe('looking', () => {
  test('sees regular files that are not hidden, however many', async () => {
    const { directory, path, write } = place();
    for (let file = 0; file < 150; file++) await write(`f${String(file)}`, 'x');
    await write('.hidden', 'x');
    mkdirSync(join(path, 'directory'));
    symlinkSync('f1', join(path, 'link'));
    const names: string[] = [];
    for await (const batch of directory.files()) names.push(...batch.map(([name]) => name));
    expect(names.sort()).toEqual(Array.from({ length: 150 }, (_, file) => `f${String(file)}`).sort());
    expect(await directory.look('link')).toBe('no file');
    expect(await directory.look('directory')).toBe('no file');
    expect(await directory.look('nothing')).toBeUndefined();
  });
});

describe('what loses', () => {
  test('gets a hidden name that is never too long', () => {
    const at = new Date(AT);
    expect(asideName('a.conf', at, 0)).toBe('.conflict-20231114T221320.123Z-a.conf');
    expect(asideName('a.conf', at, 2)).toBe('.conflict-20231114T221320.123Z-2-a.conf');
    expect(asideName('x'.repeat(255), at, 2)).toHaveLength(255);
  });

  test('is stored whole', async () => {
    const { directory, path, read } = place();
    const name = await directory.keepContent('a', content('lost'));
    expect([existsSync(join(path, 'a')), read(name)]).toEqual([false, 'lost']);
  });
});
