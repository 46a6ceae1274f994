/** Proves that a log goes on whatever its file is and whatever happens to it. */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  constants,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { type LogFile, openLogFile } from '../../../src/log/log-file.ts';
import { fill, smallDisk } from '../../support/full-disk.ts';
import { testWith } from '../../support/requires.ts';
import { firstOutput, startScript } from '../../support/script.ts';
import { temporaryDirectory } from '../../support/temporary.ts';

const OFF = { maxSize: 0, frequency: 'off', keep: 1 } as const;
const DAILY = { maxSize: 0, frequency: 'daily', keep: 1 } as const;
/** A line of 100 bytes. */
const LINE = `${'x'.repeat(99)}\n`;
const MIB = 1024 * 1024;

/** Opens a log that ends with the current test. */
async function open(file: string, rotation: typeof OFF | typeof DAILY = OFF): Promise<LogFile> {
  const log = await openLogFile({ file, format: 'text', rotation });
  onTestFinished(() => {
    log.close();
  });
  return log;
}

/** What is written to standard error from now on, in this test. */
function watchStderr(): string[] {
  const told: string[] = [];
  const spy = vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    // The test runner writes nothing, literally, now and then.
    if (text.length > 0) told.push(String(text));
    return true;
  });
  onTestFinished(() => {
    spy.mockRestore();
  });
  return told;
}

function makeFifo(): string {
  const fifo = join(temporaryDirectory(), 'log');
  execFileSync('mkfifo', [fifo]);
  return fifo;
}

/** Opens a FIFO for reading; nobody waits for anybody. */
function openReader(fifo: string): number {
  return openSync(fifo, constants.O_RDONLY | constants.O_NONBLOCK);
}

/** What is in a FIFO now. */
function readAll(fd: number): string {
  const bytes = Buffer.alloc(65536);
  let text = '';
  try {
    for (let n = 1; n > 0; text += bytes.toString('latin1', 0, n)) n = readSync(fd, bytes);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EAGAIN') throw cause;
  }
  return text;
}

test('it is made for owner and group, and appended to', async () => {
  const umask = process.umask(0);
  onTestFinished(() => void process.umask(umask));
  const file = join(temporaryDirectory(), 'log');
  for (const line of ['one\n', 'two\n']) (await open(file)).write(line);
  expect(readFileSync(file, 'utf8')).toBe('one\ntwo\n');
  expect(statSync(file).mode & 0o777).toBe(0o640);
});

test.each([OFF, DAILY])('a missing folder and a directory are errors at once: %j', async (rotation) => {
  await expect(open('/nonexistent/log', rotation)).rejects.toMatchObject({ code: 'ENOENT' });
  await expect(open(temporaryDirectory(), rotation)).rejects.toMatchObject({ code: 'EISDIR' });
});

testWith(['root'], 'a folder and a file that may not be written are errors at once', async () => {
  const directory = temporaryDirectory();
  writeFileSync(join(directory, 'roots.log'), '', { mode: 0o600 });
  const source = `
    import { openLogFile } from './src/log/log-file.ts';
    const rotation = { maxSize: 0, frequency: process.argv[3], keep: 1 };
    openLogFile({ file: process.argv[2], format: 'text', rotation }).catch((e) => console.log(e.code));
  `;
  for (const name of ['new.log', 'roots.log']) {
    for (const frequency of ['off', 'daily']) {
      const stdio = ['ignore', 'pipe', 'inherit'] as const;
      const child = startScript(source, [join(directory, name), frequency], {
        stdio: [...stdio],
        uid: 65534,
      });
      expect(await firstOutput(child.stdout)).toBe('EACCES\n');
    }
  }
});

test('logrotate renames it, and reopen() begins a new one', async () => {
  const file = join(temporaryDirectory(), 'log');
  const log = await open(file);
  log.write('one\n');
  renameSync(file, `${file}.1`);
  log.write('two\n');
  log.reopen();
  log.write('three\n');
  expect(readFileSync(`${file}.1`, 'utf8')).toBe('one\ntwo\n');
  expect(readFileSync(file, 'utf8')).toBe('three\n');
});

test("an administrator's link is followed", async () => {
  const directory = temporaryDirectory();
  const [link, file] = [join(directory, 'link.log'), join(directory, 'file.log')];
  symlinkSync('file.log', link);
  const log = await open(link);
  log.write('one\n');
  expect(readFileSync(file, 'utf8')).toBe('one\n');
  const rotated = await open(link, DAILY);
  rotated.write('two\n');
  expect(readFileSync(link, 'utf8')).toBe('one\ntwo\n');
  expect(statSync(link).ino).toBe(statSync(file).ino);
});

test('devices are written as they are', async () => {
  const null_ = await open('/dev/null', DAILY);
  null_.write('gone\n');
  expect(null_.dropped).toBe(0);
  expect(statSync('/dev/null').isCharacterDevice()).toBe(true);
});

test('a device that refuses everything costs no memory, stops nothing, and is told about once', async () => {
  const told = watchStderr();
  const log = await open('/dev/full', DAILY);
  const lines = 20_000;
  for (let line = 0; line < lines; line++) log.write(LINE);
  expect(told).toEqual(['[err] cannot write /dev/full: the disk is full\n']);
  expect(log.dropped).toBeGreaterThan(lines - Math.ceil(MIB / LINE.length) - 1);
  log.reopen();
  expect(told.length).toBe(1);
});

test('after its end it takes nothing and throws nothing', async () => {
  const file = join(temporaryDirectory(), 'log');
  const log = await open(file);
  log.close();
  log.write('late\n');
  log.reopen();
  log.close();
  expect(readFileSync(file, 'utf8')).toBe('');
});

test.each([OFF, DAILY])('a FIFO nobody reads is no error; a reader gets the lines: %j', async (rotation) => {
  const told = watchStderr();
  const fifo = makeFifo();
  const log = await open(fifo, rotation);
  expect(log.problem).toContain('nobody reads it');
  log.write('one\n');
  expect(told).toEqual([`[err] cannot write ${fifo}: nobody reads it\n`]);
  const reader = openReader(fifo);
  // It is opened again by itself, once a second.
  await vi.waitUntil(() => readAll(reader) === 'one\n', { timeout: 10_000 });
  log.write('two\n');
  expect(readAll(reader)).toBe('two\n');
  closeSync(reader);
  expect(statSync(fifo).isFIFO()).toBe(true);
});

test('a FIFO that loses its reader gets another; lines beyond 1 MiB are dropped and counted', async () => {
  watchStderr();
  const fifo = makeFifo();
  const first = openReader(fifo);
  const log = await open(fifo);
  log.write('one\n');
  expect(readAll(first)).toBe('one\n');
  closeSync(first);
  const lines = 20_000;
  for (let line = 0; line < lines; line++) log.write(LINE);
  expect(log.dropped).toBeGreaterThan(0);
  const second = openReader(fifo);
  let text = '';
  await vi.waitUntil(() => (text += readAll(second)).includes('lost'), { timeout: 10_000 });
  const got = text.split('\n').filter((line) => line === LINE.trimEnd()).length;
  expect(got + log.dropped).toBe(lines);
  expect(text.length).toBeLessThan(MIB + 200);
  expect(text).toMatch(/\n[-0-9: ]+\[log\]Warning: \d+ log lines were lost: nobody reads it\.\n$/);
  closeSync(second);
});

test('a full FIFO blocks nobody; lines arrive whole, in order, once it is read', async () => {
  const fifo = makeFifo();
  const reader = openReader(fifo);
  const log = await open(fifo);
  let sent = '';
  for (let line = 0; line < 5000; line++) {
    const text = `${String(line)} ${'y'.repeat(line % 200)}\n`;
    sent += text;
    log.write(text);
  }
  expect(log.dropped).toBe(0);
  let text = '';
  await vi.waitUntil(() => (text += readAll(reader)).length >= sent.length, { timeout: 10_000 });
  expect(text).toBe(sent);
  closeSync(reader);
});

test('a reader that comes in the middle of a line gets it whole', async () => {
  watchStderr();
  const fifo = makeFifo();
  const first = openReader(fifo);
  const log = await open(fifo);
  // More than a pipe holds: the last line in it is cut.
  for (let line = 0; line < 2000; line++) log.write(LINE);
  closeSync(first);
  log.write('last\n');
  const second = openReader(fifo);
  let text = '';
  await vi.waitUntil(() => (text += readAll(second)).endsWith('last\n'), { timeout: 10_000 });
  for (const line of text.split('\n').slice(0, -2)) expect(line).toBe(LINE.trimEnd());
  closeSync(second);
});

test.each(['-', '/dev/stdout'])('%s is standard output, a file or a pipe', async (file) => {
  const source = `
    import { openLogFile } from './src/log/log-file.ts';
    const rotation = { maxSize: 1, frequency: 'daily', keep: 1 };
    openLogFile({ file: process.argv[2], format: 'text', rotation }).then((log) => {
      for (let line = 0; line < 3; line++) log.write(line + '\\n');
      log.reopen();
      log.write('end\\n');
    });
  `;
  const piped = startScript(source, [file], { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  for await (const chunk of piped.stdout ?? []) text += String(chunk);
  expect(text).toBe('0\n1\n2\nend\n');

  const target = join(temporaryDirectory(), 'out');
  const fd = openSync(target, 'a');
  await once(startScript(source, [file], { stdio: ['ignore', fd, 'inherit'] }), 'exit');
  closeSync(fd);
  expect(readFileSync(target, 'utf8')).toBe(text);
});

testWith(
  ['root', 'mount'],
  'a full disk: lines wait, then are counted; told once; none is torn',
  async () => {
    for (const rotation of [OFF, DAILY]) {
      const told = watchStderr();
      const disk = smallDisk('4m');
      const file = join(disk, 'server.log');
      const log = await open(file, rotation);
      log.write('begin\n');
      fill(join(disk, 'ballast'));
      const lines = 30_000;
      for (let line = 0; line < lines; line++) log.write(LINE);
      expect(told).toEqual([`[err] cannot write ${file}: the disk is full\n`]);
      expect(log.dropped).toBeGreaterThan(0);
      rmSync(join(disk, 'ballast'));
      log.write('end\n');
      const text = readFileSync(file, 'utf8').split('\n');
      expect([text.shift(), text.pop(), text.pop()]).toEqual(['begin', '', 'end']);
      expect(text.pop()).toMatch(/\]Warning: \d+ log lines were lost: the disk is full\.$/);
      for (const line of text) expect(line).toBe(LINE.trimEnd());
      expect(text.length + log.dropped).toBe(lines);
      vi.restoreAllMocks();
    }
  },
);

testWith(['root', 'mount'], 'a read-only disk is no error; lines wait until it can be written', async () => {
  for (const rotation of [OFF, DAILY]) {
    watchStderr();
    const disk = smallDisk('4m');
    const file = join(disk, 'server.log');
    execFileSync('mount', ['-o', 'remount,ro', disk]);
    const log = await open(file, rotation);
    expect(log.problem).toContain('the file system is read-only');
    log.write('one\n');
    execFileSync('mount', ['-o', 'remount,rw', disk]);
    log.reopen();
    log.write('two\n');
    expect(readFileSync(file, 'utf8')).toBe('one\ntwo\n');
    vi.restoreAllMocks();
  }
});

testWith(['root'], 'in a folder that may not be written it is not rotated, and says why', async () => {
  const directory = join(temporaryDirectory(), 'log');
  mkdirSync(directory);
  const file = join(directory, 'server.log');
  writeFileSync(file, 'before\n', { mode: 0o666 });
  execFileSync('chmod', ['666', file]);
  const source = `
    import { openLogFile } from './src/log/log-file.ts';
    const rotation = { maxSize: 10, frequency: 'daily', keep: 1 };
    openLogFile({ file: process.argv[2], format: 'text', rotation }).then((log) => {
      for (let line = 0; line < 3; line++) log.write('0123456789\\n');
      console.log(log.problem);
    });
  `;
  const child = startScript(source, [file], { stdio: ['ignore', 'pipe', 'inherit'], uid: 65534 });
  expect(await firstOutput(child.stdout)).toBe(
    `${file} is not rotated: permission denied for user nobody, who must be able to write its folder ${directory}: ` +
      'give the log a folder of its own, or set log_frequency off and log_max_size 0 and use logrotate\n',
  );
  expect(readFileSync(file, 'utf8')).toBe(`before\n${'0123456789\n'.repeat(3)}`);
});
