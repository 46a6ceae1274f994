/** Proves that files enter the spool whole and once, and that nothing leaves it that should not. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import { Refusal } from '../../../src/protocol/errors.ts';
import { compileInvalidChars, DEFAULT_INVALID_CHARS, isValidName } from '../../../src/protocol/file-name.ts';
import { parseFilters } from '../../../src/settings/filters.ts';
import type { SpoolSettings } from '../../../src/settings/settings.ts';
import { DirectoryStore } from '../../../src/store/directory-store.ts';
import { testWith } from '../../support/requires.ts';
import { temporarySpool } from '../../support/temporary.ts';

function storeOf(directory: string, settings: Partial<SpoolSettings> = {}): DirectoryStore {
  return new DirectoryStore({
    directory,
    filters: [],
    overwrite: false,
    fsync: false,
    minFreeSpace: 0,
    maxFiles: 0,
    ...settings,
  });
}

async function put(store: DirectoryStore, name: string, text: string): Promise<void> {
  const incoming = await store.receive(name, Buffer.byteLength(text));
  try {
    await incoming.write(Buffer.from(text));
    await incoming.commit();
  } finally {
    await incoming.discard();
  }
}

async function get(store: DirectoryStore, name: string): Promise<string> {
  const outgoing = await store.open(name);
  const chunks: Buffer[] = [];
  for await (const chunk of outgoing.content()) chunks.push(chunk);
  await outgoing.close();
  return Buffer.concat(chunks).toString();
}

/** The reason of a refusal. @throws Error when there is none */
async function refusal(action: Promise<unknown>): Promise<string> {
  const outcome = await action.catch((error: unknown) => error);
  if (outcome instanceof Refusal) return outcome.reason;
  throw new Error(`not refused: ${String(outcome)}`);
}

describe('receiving', () => {
  test.each([true, false])(
    'N3 a file appears whole and once, under a hidden name until then (fsync %s)',
    async (fsync) => {
      const spool = temporarySpool();
      const incoming = await storeOf(spool, { fsync }).receive('a.1.data', 6);
      await incoming.write(Buffer.from('abc'));
      await incoming.write(Buffer.from('def'));
      expect(readdirSync(spool)).toEqual([expect.stringMatching(/^\.tentacle\..*\.part$/)]);
      await incoming.commit();
      expect(readdirSync(spool)).toEqual(['a.1.data']);
      await incoming.discard();
      expect(readFileSync(join(spool, 'a.1.data'), 'latin1')).toBe('abcdef');
      expect(statSync(join(spool, 'a.1.data')).nlink).toBe(1);
    },
  );

  test('N3 the hidden name matches no consumer', async () => {
    const spool = temporarySpool();
    const incoming = await storeOf(spool).receive('a.1.data', 1);
    for (const name of readdirSync(spool)) expect(name).not.toMatch(/^.*[._]\d+\.data$/);
    await incoming.discard();
  });

  test('N3 discard leaves nothing, at any time, and may be called again', async () => {
    const spool = temporarySpool();
    const store = storeOf(spool);
    for (const text of ['', 'abc']) {
      const incoming = await store.receive('a', 3);
      await incoming.write(Buffer.from(text));
      await incoming.discard();
      await incoming.discard();
      expect(readdirSync(spool)).toEqual([]);
      expect(await refusal(incoming.write(Buffer.from('x')))).toBe('cannot store file');
      expect(await refusal(incoming.commit())).toBe('cannot store file');
    }
    await put(store, 'a', 'abc');
    expect(readdirSync(spool)).toEqual(['a']);
  });

  test('N3 of twenty commits of one name exactly one wins, and its file is whole', async () => {
    const spool = temporarySpool();
    const store = storeOf(spool);
    const texts = Array.from({ length: 20 }, (_, index) => `content ${String(index)}`);
    const outcomes = await Promise.allSettled(texts.map((text) => put(store, 'a', text)));
    const winners = texts.filter((_, index) => outcomes[index]?.status === 'fulfilled');
    expect(winners).toEqual([await get(store, 'a')]);
    expect(readdirSync(spool)).toEqual(['a']);
  });

  test('W11 an existing name is refused at once, and its file stays', async () => {
    const spool = temporarySpool();
    const store = storeOf(spool);
    await put(store, 'a', 'old');
    mkdirSync(join(spool, 'directory'));
    symlinkSync('nowhere', join(spool, 'dangling'));
    for (const name of ['a', 'directory', 'dangling']) {
      expect(await refusal(store.receive(name, 3))).toBe('file already exists');
    }
    expect(await get(store, 'a')).toBe('old');
    expect(readdirSync(spool)).toEqual(['a', 'dangling', 'directory']);
  });

  test('overwrite replaces a file in one step, and never a directory', async () => {
    const spool = temporarySpool('directory');
    const store = storeOf(spool, { overwrite: true });
    await put(store, 'a', 'old');
    const outgoing = await store.open('a');
    await put(store, 'a', 'newer');
    expect(await get(store, 'a')).toBe('newer');
    expect(outgoing.size).toBe(3);
    await outgoing.close();
    expect(await refusal(put(store, 'directory', 'x'))).toBe('cannot store file');
    expect(readdirSync(spool)).toEqual(['a', 'directory']);
  });

  test.each([
    [0o007, 0o660],
    [0o022, 0o644],
  ])('N5 under umask %o a file has mode %o', async (umask, mode) => {
    const before = process.umask(umask);
    onTestFinished(() => void process.umask(before));
    const spool = temporarySpool();
    await put(storeOf(spool), 'a', 'x');
    await put(storeOf(spool, { overwrite: true }), 'a', 'y');
    expect(statSync(join(spool, 'a')).mode & 0o7777).toBe(mode);
  });

  test('N1 a name of 255 bytes is stored', async () => {
    const spool = temporarySpool();
    const name = 'n'.repeat(255);
    await put(storeOf(spool), name, 'x');
    expect(readdirSync(spool)).toEqual([name]);
  });

  test('N2 filters choose the sub-directory, for both ways', async () => {
    const spool = temporarySpool('conf');
    const { filters } = parseFilters(String.raw`.*\.conf:conf;.*\.md5:md5`, 'test');
    const store = storeOf(spool, { filters });
    await put(store, 'a.conf', 'x');
    await put(store, 'a.data', 'y');
    expect(readdirSync(spool).sort()).toEqual(['a.data', 'conf']);
    expect(await get(store, 'a.conf')).toBe('x');
    expect(await store.list('any.conf')).toEqual(['a.conf']);
    expect(await refusal(store.receive('a.md5', 1))).toBe('cannot store file');
    expect(await refusal(store.list('a.md5'))).toBe('cannot list');
    expect(await refusal(store.open('a.md5'))).toBe('file does not exist');
  });

  test('a file that cannot fit is refused before it is sent', async () => {
    const spool = temporarySpool();
    expect(await refusal(storeOf(spool).receive('a', 2 ** 60))).toBe('not enough space');
    expect(await refusal(storeOf(spool, { minFreeSpace: 2 ** 60 }).receive('a', 1))).toBe('not enough space');
    expect(readdirSync(spool)).toEqual([]);
  });
});

describe('serving', () => {
  test('N1 directories, symbolic links and devices are not served', async () => {
    const spool = temporarySpool('directory');
    writeFileSync(join(spool, 'secret'), 'x');
    symlinkSync(join(spool, 'secret'), join(spool, 'link'));
    symlinkSync('/dev/null', join(spool, 'device'));
    for (const name of ['directory', 'link', 'device', 'absent', 'n'.repeat(256)]) {
      expect(await refusal(storeOf(spool).open(name))).toBe('file does not exist');
    }
  });

  testWith(['mkfifo'], 'N1 a FIFO is not served, and does not block', async () => {
    const spool = temporarySpool();
    execFileSync('mkfifo', [join(spool, 'fifo')]);
    expect(await refusal(storeOf(spool).open('fifo'))).toBe('file does not exist');
    expect(await refusal(storeOf(spool).receive('fifo', 1))).toBe('file already exists');
  });

  testWith(['root', 'mknod'], 'N1 a device node is not served', async () => {
    const spool = temporarySpool();
    execFileSync('mknod', [join(spool, 'device'), 'c', '1', '5']);
    expect(await refusal(storeOf(spool).open('device'))).toBe('file does not exist');
  });

  test('W15 the list is sorted by bytes, and has neither hidden files nor directories', async () => {
    const spool = temporarySpool('directory');
    for (const name of ['b', 'a', 'Z', '.hidden', '.tentacle.x.part']) writeFileSync(join(spool, name), '');
    writeFileSync(Buffer.concat([Buffer.from(`${spool}/`), Buffer.from([0xff, 0x80])]), '');
    writeFileSync(Buffer.concat([Buffer.from(`${spool}/`), Buffer.from('ü')]), '');
    symlinkSync('a', join(spool, 'link'));
    expect(await storeOf(spool).list('x')).toEqual(['Z', 'a', 'b', '\xc3\xbc', '\xff\x80']);
  });
});

test('N1 any accepted name is stored in the spool under just these bytes, any other nowhere', async () => {
  const spool = temporarySpool();
  const store = storeOf(spool);
  const refused = compileInvalidChars(DEFAULT_INVALID_CHARS);
  const bytes = fc
    .uint8Array({ minLength: 1, maxLength: 260 })
    .map((name) => Buffer.from(name).toString('latin1'));
  const hostile = fc
    .array(fc.constantFrom('.', '..', '/', '\0', 'etc', ' ', '\xff'))
    .map((parts) => parts.join(''));
  const stored = new Set<string>();
  await fc.assert(
    fc.asyncProperty(fc.oneof(bytes, hostile), async (name) => {
      if (stored.has(name)) return;
      if (isValidName(name, refused)) {
        await put(store, name, name);
        stored.add(name);
      } else if (name === '' || name === '.' || name === '..' || /[/\0]/.test(name)) {
        // The last guard, should the first ever fail.
        await expect(store.receive(name, 1)).rejects.toThrow();
        await expect(store.open(name)).rejects.toThrow();
      }
    }),
  );
  expect((await store.list('x')).sort()).toEqual([...stored].sort());
  expect(readdirSync(join(spool, '..'))).toEqual(['data_in']);
});
