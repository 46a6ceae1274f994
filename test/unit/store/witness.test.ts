/** A file that somebody answers for: told before and after it gets its name, with the time that it is given. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { temporaryDirectory } from '../../support/temporary.ts';
import { DirectoryStore } from '../../../src/store/directory-store.ts';
import type { Witness } from '../../../src/store/staged-file.ts';

const WRITTEN = Date.parse('2026-01-02T03:04:05.678Z');

/** Stores a file, and what its witness saw: what it was told, whether the file had its name, and hidden ones. */
async function store(
  options: { readonly fsync: boolean; readonly overwrite?: boolean },
  check: () => void = () => undefined,
): Promise<{ readonly directory: string; readonly seen: readonly string[]; readonly error: unknown }> {
  const directory = temporaryDirectory();
  const spool = { directory, filters: [], overwrite: false, minFreeSpace: 0, maxFiles: 0, ...options };
  const seen: string[] = [];
  const see = (what: string): void => {
    seen.push(`${what}: ${existsSync(join(directory, 'a.data')) ? 'named' : 'not named'}`);
  };
  const witness: Witness = {
    prepare: (staged) => {
      expect(readFileSync(join(directory, staged), 'utf8')).toBe('bytes');
      see('prepare');
      return Promise.resolve();
    },
    check: () => {
      see('check');
      check();
    },
    named: () => {
      see('named');
      return Promise.resolve();
    },
  };
  const incoming = await new DirectoryStore(spool).accept({
    name: 'a.data',
    size: 5,
    mtimeMs: WRITTEN,
    witness,
  });
  let error: unknown;
  try {
    await incoming.write(Buffer.from('bytes'));
    await incoming.commit();
  } catch (thrown) {
    error = thrown;
  } finally {
    await incoming.discard();
  }
  return { directory, seen, error };
}

test.each([true, false])(
  'it has its time, and its witness knew at each step (fsync, overwrite %s)',
  async (overwrite) => {
    const { directory, seen, error } = await store({ fsync: true, overwrite });
    expect(error).toBeUndefined();
    expect(seen).toEqual(['prepare: not named', 'check: not named', 'named: named']);
    expect(statSync(join(directory, 'a.data')).mtimeMs).toBeCloseTo(WRITTEN, 0);
    expect(readdirSync(directory)).toEqual(['a.data']);
  },
);

test('without fsync there is nothing to prepare', async () => {
  const { seen } = await store({ fsync: false });
  expect(seen).toEqual(['check: not named', 'named: named']);
});

test('what speaks against it at the last moment leaves no trace', async () => {
  const cause = new Error('not any more');
  const { directory, error } = await store({ fsync: true }, () => {
    throw cause;
  });
  expect((error as Error).cause).toBe(cause);
  expect(readdirSync(directory)).toEqual([]);
});
