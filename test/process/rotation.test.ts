/** The log file of a running server: rotated by itself or by others, moved by a reload, whole in every case. */
import { lstatSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { Background } from '../support/background.ts';
import { Dialogue } from '../support/dialogue.ts';
import { isAlive } from '../support/processes.ts';
import { store, storeMany } from '../support/store.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const WAIT = { timeout: 20_000 };
/** Much is logged, by two workers; every file waits for no disk. */
const BUSY = ['-V', '-t', '60', '--workers', '2', '--fsync', '0'];
const LINE = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\[(?:log|info|err)\].*\.$/;

/** A log file in a folder of its own. */
function newLog(): string {
  return join(temporaryDirectory(), 'server.log');
}

/** The files of a log; the link that leads to the live one is none. */
function filesOf(log: string): string[] {
  return readdirSync(dirname(log))
    .map((name) => join(dirname(log), name))
    .filter((path) => !lstatSync(path).isSymbolicLink());
}

/** All lines in these files, each of which must be whole. */
function wholeLines(files: readonly string[]): string[] {
  return files.flatMap((file) => {
    const text = readFileSync(file, 'utf8');
    expect(text).toMatch(/\n$/);
    const lines = text.trimEnd().split('\n');
    expect(lines.filter((line) => !LINE.test(line))).toEqual([]);
    return lines;
  });
}

/** The files that some lines say were received. */
function received(lines: readonly string[]): string[] {
  return lines.flatMap((line) => /Received file '(.*?)'/.exec(line)?.slice(1, 2) ?? []);
}

describe('rotated by size', () => {
  test('under load no line is lost or torn, and `cat` always finds the log', async () => {
    const log = newLog();
    const background = await Background.start([...BUSY, '--log-max-size', '10k', '--log-keep', '1000'], log);
    let stored: readonly string[] | undefined;
    const storing = storeMany(background.port, 1000).then((names) => (stored = names));
    while (stored === undefined) {
      // It throws when there is none.
      readFileSync(log);
      await new Promise(setImmediate);
    }
    expect(await storing).toHaveLength(1000);
    await background.stop();
    const files = filesOf(log);
    expect(files.length).toBeGreaterThan(10);
    expect(received(wholeLines(files)).sort()).toEqual(background.stored().sort());
    for (const file of files) {
      expect(statSync(file).mode & 0o7777).toBe(0o640);
      // The batch that crosses the limit is not torn, but nothing follows it.
      expect(statSync(file).size).toBeLessThan(100_000);
    }
  });

  test('so many old files are kept, and the newest lines are there', async () => {
    const log = newLog();
    const background = await Background.start([...BUSY, '--log-max-size', '10k', '--log-keep', '2'], log);
    await storeMany(background.port, 300);
    expect(await store(await Dialogue.open(background.port), 'last.data')).toBe('SEND OK\n');
    await expect.poll(() => received(wholeLines(filesOf(log))), WAIT).toContain('last.data');
    expect(filesOf(log)).toHaveLength(3);
  });
});

test('SIGUSR1 after a rename, as logrotate does it, loses no line', async () => {
  const log = newLog();
  const rotation = ['--log-frequency', 'off', '--log-max-size', '0'];
  const background = await Background.start([...BUSY, ...rotation], log);
  const storing = storeMany(background.port, 1000);
  for (let number = 1; number <= 5; number++) {
    await expect.poll(() => received(wholeLines([log]).slice(0, -1)).length, WAIT).toBeGreaterThan(10);
    renameSync(log, `${log}.${String(number)}`);
    process.kill(background.pid, 'SIGUSR1');
    await expect.poll(() => statSync(log, { throwIfNoEntry: false })?.mode ?? 0, WAIT).toBe(0o100640);
    await expect.poll(() => readFileSync(log, 'utf8'), WAIT).not.toBe('');
  }
  await storing;
  await background.stop();
  const files = filesOf(log);
  expect(files).toHaveLength(6);
  expect(received(wholeLines(files)).sort()).toEqual(background.stored().sort());
});

describe('a reload', () => {
  test('moves the log, changes its form and how much is logged, for supervisor and workers', async () => {
    const conf = join(temporaryDirectory(), 'tentacle_server.conf');
    const [first, second] = [newLog(), newLog()];
    writeFileSync(conf, `timeout 60\nlog_file ${first}\n`);
    const background = await Background.prepare(first);
    expect(background.runWith(conf)).toMatchObject({ status: 0, stderr: '' });
    expect(await store(await Dialogue.open(background.port), 'a.data')).toBe('SEND OK\n');
    writeFileSync(conf, `timeout 60\nlog_file ${second}\nlog_format json\nverbose 2\n`);
    process.kill(background.pid, 'SIGHUP');
    await expect.poll(() => statSync(second, { throwIfNoEntry: false })?.size ?? 0, WAIT).toBeGreaterThan(0);
    expect(await store(await Dialogue.open(background.port), 'b.data')).toBe('SEND OK\n');
    await background.stop();
    expect(received(wholeLines([first]))).toEqual([]);
    const records = readFileSync(second, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { readonly event: string });
    const events = records.map(({ event }) => event);
    // The supervisor's own, and the workers'.
    for (const event of ['reloaded', 'connected', 'request', 'received', 'stopped']) {
      expect(events).toContain(event);
    }
  });

  test('that cannot open the new log changes nothing', async () => {
    const conf = join(temporaryDirectory(), 'tentacle_server.conf');
    const log = newLog();
    writeFileSync(conf, `timeout 60\nverbose 1\nlog_file ${log}\n`);
    const background = await Background.prepare(log);
    expect(background.runWith(conf)).toMatchObject({ status: 0, stderr: '' });
    writeFileSync(conf, 'timeout 60\nverbose 1\nlog_file /nowhere/server.log\n');
    process.kill(background.pid, 'SIGHUP');
    await background.logged(/Reload refused: .*:3: log_file .*directory \/nowhere does not exist/);
    expect(await store(await Dialogue.open(background.port), 'a.data')).toBe('SEND OK\n');
    await background.logged("Received file 'a.data'");
  });
});

test('what a dying worker wrote to standard error is in the log', async () => {
  const shim = join(temporaryDirectory(), 'crash.cjs');
  // Only a worker; a bug of this kind is not to be had otherwise.
  writeFileSync(
    shim,
    `if (process.env.TENTACLE_IS_WORKER) process.on('SIGURG', () => {
      require('fs').writeSync(2, 'half of its last words');
      process.kill(process.pid, 'SIGKILL');
    });`,
  );
  const background = await Background.prepare();
  expect(background.run(['-t', '60'], { env: { NODE_OPTIONS: `--require ${shim}` } }).status).toBe(0);
  const [victim = 0] = background.workers();
  process.kill(victim, 'SIGURG');
  await background.logged(`Warning: Worker ${String(victim)} says: half of its last words.\n`);
  await background.logged(
    `[err]Worker ${String(victim)} ended by SIGKILL: half of its last words; another one`,
  );
});

test('kill -9 of the supervisor under load costs the lines of the last moment, and tears none', async () => {
  const log = newLog();
  const background = await Background.start([...BUSY, '--log-frequency', 'off', '--log-max-size', '0'], log);
  const { pid } = background;
  const workers = background.workers();
  const storing = storeMany(background.port, 100_000);
  const enough = 500;
  await expect.poll(() => background.stored().length, WAIT).toBeGreaterThan(enough);
  process.kill(pid, 'SIGKILL');
  await expect(storing).rejects.toThrow();
  await expect.poll(() => workers.filter(isAlive), WAIT).toEqual([]);
  const logged = received(wholeLines([log]));
  // Until the workers notice they confirm files into a pipe that nobody reads; measured: 50 of 50 clients.
  const lost = background.stored().filter((name) => !logged.includes(name));
  expect(lost.length).toBeLessThan(enough / 2);
  expect(background.stored()).toEqual(expect.arrayContaining(logged));
});
