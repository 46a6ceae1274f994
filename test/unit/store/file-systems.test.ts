/** Proves that files are stored whole and once on file systems with other habits, which a shim under libc plays. */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statfsSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { describe, expect } from 'vitest';
import { LibcShim } from '../../support/libc-shim.ts';
import { testWith } from '../../support/requires.ts';
import { temporaryDirectory, temporarySpool } from '../../support/temporary.ts';

/** Stores each text under the name, with its number for a #, all at once, and tells the outcomes; or runs another method. */
const PROGRAM = `
import { DirectoryStore } from './src/store/directory-store.ts';
const [directory, method, name, ...texts] = process.argv.slice(2);
const overwrite = process.env.OVERWRITE === '1';
const minFreeSpace = Number(process.env.MIN_FREE_SPACE ?? 0);
const store = new DirectoryStore({ directory, filters: [], overwrite, fsync: true, minFreeSpace, maxFiles: 0 });
async function put(text, index) {
  const incoming = await store.receive(name.replace('#', index), text.length);
  try {
    await incoming.write(Buffer.from(text));
    await incoming.commit();
    return 'stored';
  } finally {
    await incoming.discard();
  }
}
const outcome = method === 'put'
  ? await Promise.all(texts.map((text, index) => put(text, index).catch((error) => error.reason ?? String(error))))
  : await store[method](name);
process.stdout.write(JSON.stringify(outcome));
`;

interface Run {
  readonly outcome: unknown;
  /** The links and renames it tried, and what else the habits ask for. */
  readonly calls: readonly string[];
}

type Runner = (habits: string, args: readonly string[], env?: Readonly<Record<string, string>>) => Run;

/** Compiles shim and program for the current test. */
async function prepare(): Promise<Runner> {
  const program = join(temporaryDirectory(), 'store.mjs');
  const shim = LibcShim.compile();
  await build({
    stdin: { contents: PROGRAM, resolveDir: process.cwd() },
    outfile: program,
    bundle: true,
    platform: 'node',
    format: 'esm',
    logLevel: 'error',
  });
  return (habits, args, env = {}) => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args], {
      encoding: 'utf8',
      env: { ...process.env, ...shim.env, HABITS: `tell ${habits}`, ...env },
    });
    if (status !== 0) throw new Error(stderr);
    return { outcome: JSON.parse(stdout), calls: stderr.split('\n').filter((line) => line !== '') };
  };
}

const NEEDS = ['cc'];
const TWENTY = Array.from({ length: 20 }, (_, index) => `content ${String(index)}`);

describe('without hard links', () => {
  testWith(NEEDS, 'N4 a file is stored whole, by a rename, and nothing else stays', async () => {
    const spool = temporarySpool();
    const { outcome, calls } = (await prepare())('link-EPERM', [spool, 'put', 'a.1.data', 'whole']);
    expect(outcome).toEqual(['stored']);
    expect(calls).toEqual(['link', 'rename']);
    expect(readdirSync(spool)).toEqual(['a.1.data']);
    expect(readFileSync(join(spool, 'a.1.data'), 'latin1')).toBe('whole');
    expect(statSync(join(spool, 'a.1.data')).nlink).toBe(1);
  });

  testWith(NEEDS, 'N4 with hard links, no rename is used', async () => {
    const spool = temporarySpool();
    const { outcome, calls } = (await prepare())('', [spool, 'put', 'a.1.data', 'whole']);
    expect(outcome).toEqual(['stored']);
    expect(calls).toEqual(['link']);
    expect(readdirSync(spool)).toEqual(['a.1.data']);
  });

  testWith(NEEDS, 'N4 of twenty at once exactly one wins', async () => {
    const spool = temporarySpool();
    const { outcome } = (await prepare())('link-EPERM', [spool, 'put', 'a', ...TWENTY]);
    const outcomes = outcome as string[];
    const winners = TWENTY.filter((_, index) => outcomes[index] === 'stored');
    expect(outcomes.filter((one) => one === 'file already exists').length).toBe(19);
    expect(winners).toEqual([readFileSync(join(spool, 'a'), 'latin1')]);
    expect(readdirSync(spool)).toEqual(['a']);
  });

  testWith(NEEDS, 'N4 a name of 255 bytes is stored', async () => {
    const spool = temporarySpool();
    const name = 'n'.repeat(255);
    expect((await prepare())('link-EPERM', [spool, 'put', name, 'x']).outcome).toEqual(['stored']);
    expect(readdirSync(spool)).toEqual([name]);
  });

  testWith(NEEDS, 'N4 overwriting needs neither link nor lock', async () => {
    const spool = temporarySpool();
    writeFileSync(join(spool, 'a'), 'old');
    const { outcome, calls } = (await prepare())('link-EPERM', [spool, 'put', 'a', 'new'], {
      OVERWRITE: '1',
    });
    expect([outcome, calls]).toEqual([['stored'], ['rename']]);
    expect(readFileSync(join(spool, 'a'), 'latin1')).toBe('new');
  });

  testWith(
    NEEDS,
    'N4 a lock that cannot be written is not left behind, to refuse the name for ever',
    async () => {
      const spool = temporarySpool();
      const run = await prepare();
      expect(run('link-EPERM write-lock-ENOSPC', [spool, 'put', 'a', 'x']).outcome).toEqual([
        'not enough space',
      ]);
      expect(readdirSync(spool)).toEqual([]);
      expect(run('link-EPERM', [spool, 'put', 'a', 'x']).outcome).toEqual(['stored']);
    },
  );
});

describe('other habits', () => {
  testWith(
    NEEDS,
    'N4 where directories cannot be synced, what was stored is not called a failure',
    async () => {
      const spool = temporarySpool();
      const { outcome } = (await prepare())('sync-directory-EINVAL', [spool, 'put', 'a', 'x']);
      expect([outcome, existsSync(join(spool, 'a'))]).toEqual([['stored'], true]);
    },
  );

  testWith(NEEDS, 'N4 directories that tell no file types are cleaned and listed all the same', async () => {
    const spool = temporarySpool('directory');
    const run = await prepare();
    for (const name of ['a', 'ü', '.hidden']) writeFileSync(join(spool, name), '');
    expect(run('unknown-types', [spool, 'removeAbandoned']).outcome).toBe(0);
    expect(run('unknown-types', [spool, 'list', 'x']).outcome).toEqual(['a', '\xc3\xbc']);
  });
});

describe('how a disk is called', () => {
  const opened = ({ calls }: Run): string[] => calls.filter((call) => call.startsWith('opened'));

  testWith(NEEDS, 'a local disk is called at once', async () => {
    const run = await prepare();
    expect(opened(run('say-open', [temporarySpool(), 'put', 'a', 'x']))).toEqual(['opened at once']);
  });

  testWith(NEEDS, 'a disk that may wait for a network is called in another thread', async () => {
    const spool = temporarySpool();
    const result = (await prepare())('say-open network', [spool, 'put', 'a', 'whole']);
    expect([result.outcome, opened(result)]).toEqual([['stored'], ['opened in a thread']]);
    expect(readFileSync(join(spool, 'a'), 'latin1')).toBe('whole');
  });

  testWith(NEEDS, 'a disk that was slow once is called in another thread', async () => {
    const result = (await prepare())('say-open slow-open', [temporarySpool(), 'put', '#', 'x', 'y', 'z']);
    expect(result.outcome).toEqual(['stored', 'stored', 'stored']);
    expect(opened(result)).toEqual(['opened at once', 'opened in a thread', 'opened in a thread']);
  });

  testWith(NEEDS, 'N3 each file is synced, and then its directory, for all that wait at a time', async () => {
    const { outcome, calls } = (await prepare())('say-fsync', [temporarySpool(), 'put', '#', ...TWENTY]);
    expect(outcome).toEqual(TWENTY.map(() => 'stored'));
    expect(calls.filter((call) => call === 'fsync of a file')).toHaveLength(20);
    const directories = calls.filter((call) => call === 'fsync of a directory').length;
    expect(directories).toBeGreaterThan(0);
    expect(directories).toBeLessThan(20);
    // After the last file there is one.
    expect(calls.lastIndexOf('fsync of a directory')).toBeGreaterThan(calls.lastIndexOf('fsync of a file'));
  });

  testWith(NEEDS, 'how much is free is not asked for each file, but where little is', async () => {
    const run = await prepare();
    const asked = (leftOver: number): number => {
      const spool = temporarySpool();
      const { bavail, bsize } = statfsSync(spool);
      const env = { MIN_FREE_SPACE: String(bavail * bsize - leftOver) };
      const { outcome, calls } = run('say-statfs', [spool, 'put', '#', ...TWENTY], env);
      expect(outcome).toEqual(TWENTY.map(() => 'stored'));
      return calls.filter((call) => call === 'statfs').length;
    };
    const GIB = 1024 ** 3;
    expect(asked(4 * GIB)).toBeLessThan(10);
    expect(asked(GIB / 2)).toBeGreaterThanOrEqual(20);
  });
});
