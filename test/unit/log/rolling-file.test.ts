/** Proves that a rotated log is always found under its own name, and that nothing else is touched. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { type LogFile, openLogFile } from '../../../src/log/log-file.ts';
import type { LogRotation } from '../../../src/log/logger.ts';
import { firstOutput, startScript } from '../../support/script.ts';
import { testWith } from '../../support/requires.ts';
import { temporaryDirectory } from '../../support/temporary.ts';

const BY_SIZE: LogRotation = { maxSize: 100, frequency: 'off', keep: 3 };
const DAILY: LogRotation = { maxSize: 0, frequency: 'daily', keep: 3 };
const OFF: LogRotation = { maxSize: 0, frequency: 'off', keep: 3 };

/** Opens a log that ends with the current test. */
async function open(file: string, rotation: LogRotation): Promise<LogFile> {
  const log = await openLogFile({ file, format: 'text', rotation });
  onTestFinished(() => {
    log.close();
  });
  return log;
}

/** Writes so much that the next line goes to the next file, and waits until the log leads there. */
async function roll(log: LogFile, file: string, text: string): Promise<void> {
  const before = readlinkSync(file);
  log.write(`${text.padEnd(100, '.')}\n`);
  await vi.waitUntil(() => readlinkSync(file) !== before);
}

/** Everything in a folder whose file holds a text. */
function holding(directory: string, text: string): string[] {
  return readdirSync(directory).filter(
    (name) =>
      !lstatSync(join(directory, name)).isSymbolicLink() && read(join(directory, name)).includes(text),
  );
}

function read(file: string): string {
  return readFileSync(file, 'utf8');
}

test('it is rotated by size; its name leads to the live file; so many are kept', async () => {
  const directory = temporaryDirectory();
  const file = join(directory, 'server.log');
  const log = await open(file, BY_SIZE);
  for (let number = 1; number <= 6; number++) await roll(log, file, `<${String(number)}>`);
  log.write('<7>\n');
  expect(read(file)).toBe('<7>\n');
  expect(readdirSync(directory).sort()).toEqual([
    'server.4.log',
    'server.5.log',
    'server.6.log',
    'server.7.log',
    'server.log',
  ]);
  for (const number of ['4', '5', '6', '7'])
    expect(read(join(directory, `server.${number}.log`))).toContain(`<${number}>`);
});

test('files are made for owner and group', async () => {
  const umask = process.umask(0);
  onTestFinished(() => void process.umask(umask));
  const file = join(temporaryDirectory(), 'server.log');
  const log = await open(file, BY_SIZE);
  expect(statSync(file).mode & 0o777).toBe(0o640);
  await roll(log, file, 'one');
  expect(statSync(file).mode & 0o777).toBe(0o640);
});

test.each(['server', 'server.l', '.log', 'a(b)[c].log', 'my.server.log'])(
  'any name will do: %s',
  async (name) => {
    const directory = temporaryDirectory();
    const file = join(directory, name);
    const log = await open(file, { ...BY_SIZE, keep: 1 });
    expect(log.problem).toBeUndefined();
    for (const text of ['<1>', '<2>', '<3>']) await roll(log, file, text);
    log.write('<4>\n');
    expect(read(file)).toBe('<4>\n');
    expect(readdirSync(directory).length).toBe(3);
    expect(holding(directory, '<3>').length).toBe(1);
  },
);

/** Writes lines until the log has been rotated so often, or for ever. */
const WRITER = `
  import { readlinkSync } from 'node:fs';
  import { openLogFile } from './src/log/log-file.ts';
  const [, , file, size, rolls, text] = process.argv;
  const rotation = { maxSize: Number(size), frequency: process.argv[6] ?? 'off', keep: Number(process.argv[7] ?? 3) };
  void (async () => {
    const log = await openLogFile({ file, format: 'text', rotation });
    console.log('open');
    for (let rolled = 0; rolled < Number(rolls); ) {
      const before = readlinkSync(file);
      log.write('x'.repeat(99) + '\\n');
      await new Promise(setImmediate);
      if (readlinkSync(file) !== before) rolled++;
    }
    log.write('end of ' + process.pid + '\\n');
    process.exit();
  })();
`;

test.each(['off', 'daily', 'hourly'])(
  'a new process goes on where the last one ended: frequency %s',
  async (frequency) => {
    const directory = temporaryDirectory();
    const file = join(directory, 'server.log');
    const pids: string[] = [];
    for (let run = 0; run < 3; run++) {
      const writer = startScript(WRITER, [file, '200', '2', '', frequency], { stdio: 'ignore' });
      pids.push(String(writer.pid));
      expect(await once(writer, 'exit')).toEqual([0, null]);
      expect(read(file)).toContain(`end of ${String(writer.pid)}\n`);
    }
    // Three processes, two rotations each: the seventh is live, three are kept.
    const names = readdirSync(directory).filter((name) => name !== 'server.log');
    expect(names.map((name) => /\.(\d+)\.log$/.exec(name)?.[1]).sort()).toEqual(['4', '5', '6', '7']);
    expect(holding(directory, `end of ${pids[1] ?? ''}`)[0]).toMatch(/\.5\.log$/);
  },
);

test('`cat` finds the log at every moment of 200 rotations', async () => {
  const file = join(temporaryDirectory(), 'server.log');
  // None is removed: the system may let a reader stand between following the link and opening what it found.
  const options = ['100', '200', '', 'off', '200'];
  const writer = startScript(WRITER, [file, ...options], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(writer, 'exit');
  await firstOutput(writer.stdout);
  let reads = 0;
  const found = new Set<string>();
  while (writer.exitCode === null && writer.signalCode === null) {
    // As `cat` does, with nothing in between; the event loop must see the end.
    for (let read = 0; read < 20; read++, reads++) readFileSync(file);
    found.add(readlinkSync(file));
    await new Promise(setImmediate);
  }
  expect(await ended).toEqual([0, null]);
  expect(found.size).toBeGreaterThan(10);
  expect(reads).toBeGreaterThan(200);
});

testWith(['tail'], '`tail -F` goes on with the live file of a rotated log', async () => {
  const file = join(temporaryDirectory(), 'server.log');
  const log = await open(file, BY_SIZE);
  log.write('<1>\n');
  const tail = spawn('tail', ['-n', '+1', '-F', file], { stdio: ['ignore', 'pipe', 'ignore'] });
  onTestFinished(() => {
    tail.kill();
  });
  let shown = '';
  tail.stdout.on('data', (chunk: Buffer) => (shown += chunk.toString()));
  await vi.waitUntil(() => shown.includes('<1>'), { timeout: 30_000 });
  await roll(log, file, '<2>');
  log.write('<3>\n');
  // GNU tail looks at where a link leads after five seconds without news.
  await vi.waitUntil(() => shown.includes('<3>'), { timeout: 30_000 });
  expect(shown).toMatch(/^<1>\n<2>\.+\n<3>\n$/);
});

test.each([BY_SIZE, DAILY])('the log of the Perl server is taken over: %j', async (rotation) => {
  const directory = temporaryDirectory();
  const file = join(directory, 'server.log');
  writeFileSync(file, 'by Perl\n'.repeat(100));
  utimesSync(file, new Date('2024-02-03T12:00:00'), new Date('2024-02-03T12:00:00'));
  const log = await open(file, rotation);
  log.write('ours\n');
  await vi.waitUntil(() => read(file) === 'ours\n' || rotation === BY_SIZE);
  expect(lstatSync(file).isSymbolicLink()).toBe(true);
  const [kept] = holding(directory, 'by Perl');
  expect(kept).toBe(rotation === DAILY ? 'server.2024-02-03.1.log' : 'server.1.log');
});

test('with rotation off its name is a file again, and with rotation on a link', async () => {
  const directory = temporaryDirectory();
  const file = join(directory, 'server.log');
  for (const rotation of [DAILY, OFF, DAILY, BY_SIZE, OFF]) {
    const log = await openLogFile({
      file,
      format: 'text',
      rotation: { ...rotation, maxSize: rotation.maxSize * 100 },
    });
    expect(log.problem).toBeUndefined();
    log.write(`${rotation.frequency}\n`);
    log.close();
    expect(lstatSync(file).isSymbolicLink()).toBe(rotation !== OFF);
  }
  const all = readdirSync(directory)
    .map((name) => read(join(directory, name)))
    .join('');
  expect(all.split('\n').sort()).toEqual(['', 'daily', 'daily', 'off', 'off', 'off']);
});

test('unrelated files, numbered or not, are neither written nor removed', async () => {
  const directory = temporaryDirectory();
  const file = join(directory, 'server.log');
  const others = [
    'server-1.log',
    'server_2.log',
    'server2.3.log',
    'other.7.log',
    'server.20.log.gz',
    'server..log',
  ];
  others.push('server.1.2.log', 'server.1e1.log', 'xserver.4.log', 'server.1.txt', 'server.old.log');
  for (const name of others) writeFileSync(join(directory, name), name);
  mkdirSync(join(directory, 'server.0.log'));
  symlinkSync('nowhere', join(directory, 'dangling.9.log'));
  for (const rotation of [BY_SIZE, { ...DAILY, maxSize: 100, keep: 1 }]) {
    const log = await open(file, rotation);
    for (let number = 0; number < 5; number++) await roll(log, file, 'text');
    expect(log.dropped).toBe(0);
  }
  for (const name of others) expect(read(join(directory, name))).toBe(name);
  expect(existsSync(join(directory, 'server.0.log'))).toBe(true);
  expect(readlinkSync(join(directory, 'dangling.9.log'))).toBe('nowhere');
});

test('reopen() makes again what was removed or replaced', async () => {
  const directory = temporaryDirectory();
  const file = join(directory, 'server.log');
  const log = await open(file, DAILY);
  log.write('one\n');
  rmSync(join(directory, readlinkSync(file)));
  rmSync(file);
  log.reopen();
  log.write('two\n');
  await vi.waitUntil(() => existsSync(file));
  expect(read(file)).toBe('two\n');
  // As logrotate does with `create`.
  renameSync(file, `${file}.1`);
  writeFileSync(file, '');
  log.reopen();
  log.write('three\n');
  await vi.waitUntil(() => lstatSync(file).isSymbolicLink());
  expect(read(file)).toBe('two\nthree\n');
});

testWith(
  ['root', 'mount'],
  'a folder that can no longer be written: it is said, and written on',
  async () => {
    const directory = temporaryDirectory();
    const file = join(directory, 'server.log');
    const log = await open(file, BY_SIZE);
    // New files are refused, the open one is not.
    execFileSync('chattr', ['+i', directory]);
    onTestFinished(() => {
      execFileSync('chattr', ['-i', directory]);
    });
    log.write(`${'x'.repeat(100)}\n`);
    await vi.waitUntil(() => read(file).includes('cannot be rotated now'));
    log.write('still here\n');
    expect(read(file)).toContain('still here\n');
    execFileSync('chattr', ['-i', directory]);
    await roll(log, file, 'y');
    expect(log.dropped).toBe(0);
  },
);
