/** Watching files, real ones, in all the ways in which people and programs change them. */
import { execFileSync, spawnSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { buildSync } from 'esbuild';
import { describe, expect, onTestFinished, test } from 'vitest';
import { watchFiles, type WatchOptions } from '../../../src/settings/watch.ts';
import { watchPoints } from '../../../src/settings/watch-points.ts';
import { has, isRoot, testWith } from '../../support/requires.ts';
import { temporaryDirectory } from '../../support/temporary.ts';

/** Debian's smallest one has a name of its own. */
const VIM = has('vim') ? 'vim' : 'vim.tiny';

/** A namespace of its own has its own limit of watches; some containers do not allow one. */
const namespaces = spawnSync('unshare', ['--user', '--map-root-user', 'true']).status === 0;

/** A watch that goes with the test, and what its calls found in the files. */
class Seen {
  readonly watch;
  calls = 0;
  readonly #read: () => string;
  #news: (() => void)[] = [];

  constructor(paths: readonly string[], options: WatchOptions = {}) {
    this.#read = () => paths.map((path) => contentOf(path)).join('|');
    const called = (): void => {
      this.calls++;
      const waiting = this.#news;
      this.#news = [];
      for (const resolve of waiting) resolve();
    };
    // Only what the system reports counts, unless a test says otherwise.
    this.watch = watchFiles(called, { settleMs: 50, everyMs: 1_000_000_000, ...options });
    onTestFinished(() => this.watch.close());
    this.watch.set(paths);
  }

  /** Watches, once the call is over that comes after each new watch. */
  static async of(...paths: readonly string[]): Promise<Seen> {
    const seen = new Seen(paths);
    await seen.called();
    return seen;
  }

  called(): Promise<void> {
    return new Promise((resolve) => this.#news.push(resolve));
  }

  /** Waits for a call at which the files hold this. */
  async holds(content: string): Promise<void> {
    do await this.called();
    while (this.#read() !== content);
  }
}

function contentOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '-';
  }
}

/** A file in a directory of its own. */
function file(content: string): string {
  const path = join(realpathSync(temporaryDirectory()), 'conf', 'my.conf');
  mkdirSync(dirname(path));
  writeFileSync(path, content);
  return path;
}

/** The inotify watches of this process. */
function inotifyWatches(): number {
  const lines = readdirSync('/proc/self/fdinfo').map((fd) => contentOf(`/proc/self/fdinfo/${fd}`));
  return lines.join('\n').match(/^inotify wd/gm)?.length ?? 0;
}

describe('a change is told', () => {
  test('written in place, again and again', async () => {
    const path = file('1');
    const seen = await Seen.of(path);
    for (const content of ['2', '3', '4']) {
      writeFileSync(path, content);
      await seen.holds(content);
    }
  });

  test('renamed over, again and again', async () => {
    const path = file('1');
    const seen = await Seen.of(path);
    for (const content of ['2', '3', '4']) {
      writeFileSync(`${path}.new`, content);
      renameSync(`${path}.new`, path);
      await seen.holds(content);
    }
  });

  test('removed, and made again', async () => {
    const path = file('1');
    const seen = await Seen.of(path);
    rmSync(path);
    await seen.holds('-');
    writeFileSync(path, '2');
    await seen.holds('2');
  });

  test('made for the first time, even its directory', async () => {
    const path = join(temporaryDirectory(), 'a', 'b', 'my.conf');
    const seen = await Seen.of(path);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, '1');
    await seen.holds('1');
    writeFileSync(path, '2');
    await seen.holds('2');
  });

  test('its mode, which decides whether it can be read', async () => {
    const path = file('1');
    const seen = await Seen.of(path);
    chmodSync(path, 0o600);
    await seen.holds('1');
  });

  testWith([VIM], 'saved by vim, with and without a backup', async () => {
    const path = file('1\n');
    const seen = await Seen.of(path);
    const save = (digit: string, ...settings: readonly string[]): void => {
      const words = ['-u', 'NONE', '-N', '-es', ...settings, '-c', `%s/.*/${digit}/`, '-c', 'wq', path];
      execFileSync(VIM, words, { stdio: 'ignore' });
    };
    save('2', '-c', 'set backup backupcopy=no');
    await seen.holds('2\n');
    save('3', '-c', 'set nobackup writebackup backupcopy=no');
    await seen.holds('3\n');
    save('4', '-c', 'set nobackup nowritebackup');
    await seen.holds('4\n');
  });

  testWith(['sed'], 'edited by sed -i, as installers do', async () => {
    const path = file('1');
    const seen = await Seen.of(path);
    execFileSync('sed', ['-i', 's/1/2/', path]);
    await seen.holds('2');
  });

  test('its directory removed and made again, slowly and at once', async () => {
    const path = file('1');
    const seen = await Seen.of(path);
    rmSync(dirname(path), { recursive: true });
    await seen.holds('-');
    mkdirSync(dirname(path));
    writeFileSync(path, '2');
    await seen.holds('2');
    rmSync(dirname(path), { recursive: true });
    mkdirSync(dirname(path));
    writeFileSync(path, '3');
    await seen.holds('3');
    writeFileSync(path, '4');
    await seen.holds('4');
  });

  test('another directory moved to its place', async () => {
    const path = file('1');
    const other = file('2');
    const seen = await Seen.of(path);
    renameSync(dirname(path), `${dirname(path)}.old`);
    renameSync(dirname(other), dirname(path));
    await seen.holds('2');
    writeFileSync(path, '3');
    await seen.holds('3');
  });

  test('a swapped symlink on the way to it, as Kubernetes does', async () => {
    const mount = dirname(file(''));
    const paths = ['tls.crt', 'tls.key'].map((name) => join(mount, name));
    const version = (content: string): void => {
      mkdirSync(join(mount, `..${content}`));
      for (const name of ['tls.crt', 'tls.key']) writeFileSync(join(mount, `..${content}`, name), content);
      symlinkSync(`..${content}`, join(mount, '..data_tmp'));
      renameSync(join(mount, '..data_tmp'), join(mount, '..data'));
    };
    version('1');
    for (const name of ['tls.crt', 'tls.key']) symlinkSync(`..data/${name}`, join(mount, name));
    const seen = await Seen.of(...paths);
    for (const content of ['2', '3', '4']) {
      version(content);
      await seen.holds(`${content}|${content}`);
      rmSync(join(mount, `..${String(Number(content) - 1)}`), { recursive: true });
    }
  });

  test('a symlink to another directory, as certbot has it: swapped, and its target written', async () => {
    const root = dirname(file(''));
    const [live, archive] = [join(root, 'live'), join(root, 'archive')];
    mkdirSync(live);
    mkdirSync(archive);
    for (const n of ['1', '2']) writeFileSync(join(archive, `cert${n}.pem`), n);
    const path = join(live, 'cert.pem');
    symlinkSync('../archive/cert1.pem', path);
    const seen = await Seen.of(path);
    writeFileSync(join(archive, 'cert1.pem'), '1b');
    await seen.holds('1b');
    rmSync(path);
    symlinkSync(join(archive, 'cert2.pem'), path);
    await seen.holds('2');
    writeFileSync(join(archive, 'cert2.pem'), '2b');
    await seen.holds('2b');
  });

  test('a file that is named later; one that is no longer named is not looked at', async () => {
    const [one, two] = [file('1'), file('2')];
    const seen = await Seen.of(one);
    seen.watch.set([two]);
    await seen.called();
    writeFileSync(one, '1b');
    const before = seen.calls;
    writeFileSync(two, '2b');
    await seen.called();
    expect(seen.calls).toBe(before + 1);
  });

  test('many writes in a row at once, a stream of them all the same', async () => {
    const path = file('0');
    const seen = new Seen([path], { settleMs: 200 });
    await seen.called();
    const before = seen.calls;
    const writing = setInterval(() => {
      appendFileSync(path, 'x');
    }, 20);
    try {
      await seen.called();
      expect(contentOf(path).length).toBeGreaterThan(3);
      await seen.called();
      expect(seen.calls).toBe(before + 2);
    } finally {
      clearInterval(writing);
    }
  });

  test('when the system reports nothing, every now and then', async () => {
    const seen = new Seen([], { everyMs: 20 });
    await seen.called();
    await seen.called();
  });
});

testWith(['seq', 'xargs'], 'a directory of 100,000 files costs one watch and no look at them', async () => {
  const path = file('1');
  execFileSync('sh', ['-c', 'seq 100000 | xargs touch'], { cwd: dirname(path) });
  const before = inotifyWatches();
  const seen = await Seen.of(path);
  expect(inotifyWatches() - before).toBe(1);
  // Neighbours that are written all the time: reading the directory once takes longer than all of this.
  const busy = process.cpuUsage();
  for (let n = 1; n <= 500; n++) appendFileSync(join(dirname(path), String(n)), 'x');
  writeFileSync(path, '2');
  await seen.holds('2');
  const { user, system } = process.cpuUsage(busy);
  expect(user + system).toBeLessThan(500_000);
  await seen.watch.close();
  expect(inotifyWatches()).toBe(before);
});

test('neighbours are not told', async () => {
  const path = file('1');
  const seen = await Seen.of(path);
  const before = seen.calls;
  for (let n = 0; n < 100; n++) writeFileSync(`${path}.${String(n)}`, '');
  writeFileSync(path, '2');
  await seen.holds('2');
  expect(seen.calls).toBe(before + 1);
});

describe('what cannot be watched', () => {
  test('is told once, and stops nothing', async () => {
    const secret = file('1');
    chmodSync(dirname(secret), 0o311);
    const path = file('1');
    const told: string[] = [];
    if (isRoot) process.seteuid?.('nobody');
    try {
      const seen = new Seen([secret, path], { onTrouble: (text) => told.push(text) });
      await seen.called();
      if (isRoot) process.seteuid?.('root');
      writeFileSync(path, '2');
      await seen.holds('1|2');
      if (isRoot) process.seteuid?.('nobody');
      seen.watch.set([secret]);
      await seen.called();
    } finally {
      if (isRoot) process.seteuid?.('root');
      chmodSync(dirname(secret), 0o755);
    }
    expect(told).toEqual([expect.stringMatching(`^cannot watch ${dirname(secret)}: permission denied`)]);
  });

  test.skipIf(!namespaces)('no more watches [with user namespaces]: told, changes are still found', () => {
    const path = file('1');
    const program = join(dirname(path), 'program.mjs');
    buildSync({
      stdin: {
        contents: `
          import { writeFileSync } from 'node:fs';
          import { watchFiles } from './src/settings/watch.ts';
          let calls = 0;
          const watch = watchFiles(() => { if (++calls === 3) void watch.close(); },
            { settleMs: 10, everyMs: 50, onTrouble: (text) => console.log(text) });
          watch.set([${JSON.stringify(path)}]);`,
        resolveDir: process.cwd(),
      },
      bundle: true,
      platform: 'node',
      format: 'esm',
      outfile: program,
    });
    const script = 'echo 0 > /proc/sys/user/max_inotify_watches && exec "$0" "$1"';
    const words = ['--user', '--map-root-user', 'sh', '-c', script, process.execPath, program];
    const { stdout, status } = spawnSync('unshare', words, { encoding: 'utf8' });
    const text = `cannot watch ${dirname(path)}: no more inotify watches (fs.inotify.max_user_watches)\n`;
    expect([stdout, status]).toEqual([text, 0]);
  });
});

describe('where to look', () => {
  test('the directory, and its own name for its end', async () => {
    const path = file('');
    expect(await watchPoints([path])).toEqual(new Map([[dirname(path), new Set(['conf', 'my.conf'])]]));
  });

  test('a circle of symlinks ends', async () => {
    const path = file('');
    rmSync(path);
    symlinkSync('my.conf', path);
    expect(await watchPoints([path])).toEqual(new Map([[dirname(path), new Set(['conf', 'my.conf'])]]));
  });

  test('where nothing is yet: the directory in which it would appear', async () => {
    const directory = dirname(file(''));
    const found = await watchPoints([join(directory, 'none', 'further', 'my.conf')]);
    expect(found).toEqual(new Map([[directory, new Set(['conf', 'none'])]]));
  });

  test('behind symlinks, dots and double slashes', async () => {
    const path = file('');
    const directory = dirname(path);
    symlinkSync('.', join(directory, 'same'));
    const found = await watchPoints([`${directory}//same/./../conf/my.conf`]);
    expect(found).toEqual(new Map([[directory, new Set(['conf', 'same', 'my.conf'])]]));
  });
});
