/** A program that starts itself again in the background, as real processes. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, readlinkSync, realpathSync } from 'node:fs';
import { watch } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { compiled } from '../../support/compiled.ts';
import { testWith } from '../../support/requires.ts';
import { temporaryDirectory } from '../../support/temporary.ts';
import { TERMINAL } from '../../support/terminal.ts';

/** A daemon that does what its words say, one after the other, and leaves its pid in a file of its directory. */
const SOURCE = `
import { renameSync, writeFileSync } from 'node:fs';
import { spawn, spawnSync } from 'node:child_process';
import { askPassphrase } from 'SRC/process/ask.ts';
import { daemonSide, startDaemon } from 'SRC/process/daemonize.ts';

function note(name: string, text: unknown): void {
  writeFileSync(name + '.part', JSON.stringify(text));
  renameSync(name + '.part', name);
}

async function main(): Promise<number> {
  const side = await daemonSide();
  if (side === undefined) {
    const words = process.argv.slice(2);
    return startDaemon({ words, shown: words.map((word) => word.replace(/secret.*/, '****')), ask: askPassphrase });
  }
  const seen = { pid: process.pid, cwd: process.cwd(), words: side.words, argv: process.argv.slice(2) };
  note('started', seen);
  for (const word of side.words) {
    if (word === 'ready') await side.ready();
    else if (word === 'ask') note('answer', [await side.ask('server.key')]);
    else if (word === 'wait') setInterval(() => undefined, 1000);
    else if (word === 'stay') await new Promise(() => setInterval(() => undefined, 1000));
    else if (word === 'environment') note('environment', { here: process.env, below: spawnSync('env', { encoding: 'utf8' }).stdout });
    else if (word === 'long') process.stderr.write('x'.repeat(300_000) + 'end\\n');
    else if (word === 'worker') spawn('sleep', ['600'], { stdio: 'inherit' }).unref();
    else if (word === 'die') process.kill(process.pid, 'SIGKILL');
    else if (/^\\d+$/.test(word)) return Number(word);
    else process.stderr.write('said ' + word + '\\n');
  }
  note('done', process.pid);
  return 0;
}
void main().then((code) => { process.exitCode = code; });
`;

interface Started {
  readonly pid: number;
  readonly cwd: string;
  readonly words: readonly string[];
  readonly argv: readonly string[];
}

/** A directory to run in, and the program; a daemon that is left is killed with the test. */
async function prepared(): Promise<{ program: string; cwd: string; started: () => Promise<Started> }> {
  const cwd = realpathSync(temporaryDirectory());
  onTestFinished(() => {
    if (!existsSync(join(cwd, 'started'))) return;
    const { pid } = read(join(cwd, 'started')) as Started;
    // With what it started: it leads a group of its own.
    try {
      process.kill(-pid, 'SIGKILL');
    } catch {
      // It is gone.
    }
  });
  const program = await compiled(SOURCE, 'tentacle_server');
  return { program, cwd, started: async () => (await written(join(cwd, 'started'))) as Started };
}

/** What the daemon writes into a file, once it did. */
async function written(path: string): Promise<unknown> {
  const news = watch(dirname(path))[Symbol.asyncIterator]();
  while (!existsSync(path)) await news.next();
  await news.return?.();
  return read(path);
}

function read(path: string): unknown {
  return JSON.parse(readFileSync(path, 'utf8'));
}

function isAlive(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) [ZX]/.test(readFileSync(`/proc/${String(pid)}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

/** Waits until a process that is no child of ours is gone. */
async function gone(pid: number): Promise<void> {
  while (isAlive(pid)) await new Promise((resolve) => setTimeout(resolve, 10));
}

interface Result {
  readonly status: number | null;
  readonly stderr: string;
}

/** Runs the starter as a shell would; returns when it ended and nobody holds its streams any more. */
function start(program: string, cwd: string, words: readonly string[]): Result {
  return spawnSync(process.execPath, [program, ...words], {
    cwd,
    encoding: 'utf8',
    timeout: 30_000,
    maxBuffer: 10_000_000,
  });
}

/** The starter while it waits for the daemon. */
function starting(program: string, cwd: string, words: readonly string[]): ChildProcess {
  const starter = spawn(process.execPath, [program, ...words], { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
  onTestFinished(() => {
    starter.kill('SIGKILL');
  });
  return starter;
}

test('the starter returns 0 when the daemon listens, with what it said so far', async () => {
  const { program, cwd, started } = await prepared();
  const { status, stderr } = start(program, cwd, ['hello', 'ready', 'wait']);
  expect({ status, stderr }).toEqual({ status: 0, stderr: 'said hello\n' });
  expect(isAlive((await started()).pid)).toBe(true);
});

test('the starter waits for the decision', async () => {
  const { program, cwd, started } = await prepared();
  const starter = starting(program, cwd, ['stay']);
  await started();
  expect(starter.exitCode).toBeNull();
});

test('a daemon that fails is told in full, with exit code 1', async () => {
  const { program, cwd } = await prepared();
  const { status, stderr } = start(program, cwd, ['long', '3']);
  expect(status).toBe(1);
  expect(stderr).toBe(`${'x'.repeat(300_000)}end\n`);
});

test('a daemon that ends without a word is told of', async () => {
  const { program, cwd } = await prepared();
  expect(start(program, cwd, ['7'])).toMatchObject({
    status: 1,
    stderr: '[err] the daemon ended at once (exit code 7)\n',
  });
  expect(start(program, cwd, ['die'])).toMatchObject({
    status: 1,
    stderr: '[err] the daemon ended at once (SIGKILL)\n',
  });
});

test('the list of processes shows one line without secrets; the words arrive whole', async () => {
  const { program, cwd, started } = await prepared();
  const words = ['ready', 'wait', '-F', '/etc/t.conf', '-xsecret one', 'secret'];
  expect(start(program, cwd, words).status).toBe(0);
  const daemon = await started();
  expect(daemon.words).toEqual(words);
  const line = readFileSync(`/proc/${String(daemon.pid)}/cmdline`, 'utf8')
    .replaceAll('\0', ' ')
    .trim();
  expect(line).toBe(`${process.execPath} ${program} ready wait -F /etc/t.conf -x**** ****`);
});

test('the daemon has a session of its own, starts where it was started, and keeps no descriptor', async () => {
  const { program, cwd, started } = await prepared();
  // 9 and 200: what a shell had open, as of `flock 200`; 200 is beyond what Node marks itself.
  const shell = spawnSync(
    'bash',
    ['-c', 'exec 9>held 200>lock; "$@"', 'bash', process.execPath, program, 'ready', 'wait'],
    { cwd, encoding: 'utf8', timeout: 30_000 },
  );
  expect(shell.stderr).toBe('');
  const { pid, cwd: itsDirectory } = await started();
  expect(itsDirectory).toBe(cwd);
  const [, , group, session] = readFileSync(`/proc/${String(pid)}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ');
  expect([group, session]).toEqual([String(pid), String(pid)]);
  const descriptors = `/proc/${String(pid)}/fd`;
  const open = readdirSync(descriptors).map((fd) => [fd, readlinkSync(join(descriptors, fd))] as const);
  expect(open.filter(([fd]) => Number(fd) <= 2)).toEqual([
    ['0', '/dev/null'],
    ['1', '/dev/null'],
    ['2', '/dev/null'],
  ]);
  const kinds = open.filter(([fd]) => Number(fd) > 2).map(([, target]) => target.replace(/\d+/, 'N'));
  // Its own event loop, and a socket to nobody.
  for (const kind of kinds) expect(kind).toMatch(/^(anon_inode:|pipe:|\/dev\/null$)/);
});

test('what the daemon writes to stderr later goes nowhere and does not end it', async () => {
  const { program, cwd } = await prepared();
  expect(start(program, cwd, ['before', 'ready', 'after', 'long'])).toMatchObject({
    status: 0,
    stderr: 'said before\n',
  });
  await written(join(cwd, 'done'));
});

test('a worker that has the stderr of the daemon does not keep the starter', async () => {
  const { program, cwd } = await prepared();
  const { status, stderr } = start(program, cwd, ['hello', 'worker', 'ready', 'wait']);
  expect({ status, stderr }).toEqual({ status: 0, stderr: 'said hello\n' });
});

test.each(['SIGINT', 'SIGTERM', 'SIGKILL'] as const)(
  'a starter ended by %s takes the daemon along',
  async (signal) => {
    const { program, cwd, started } = await prepared();
    const starter = starting(program, cwd, ['stay']);
    const { pid } = await started();
    starter.kill(signal);
    await once(starter, 'exit');
    await gone(pid);
  },
);

test('a starter that nobody listens to still waits for the decision', async () => {
  const { program, cwd, started } = await prepared();
  const starter = starting(program, cwd, ['hello', 'long', 'ready', 'wait']);
  starter.stderr?.destroy();
  const [code] = (await once(starter, 'exit')) as [number | null];
  expect(code).toBe(0);
  expect(isAlive((await started()).pid)).toBe(true);
});

test('programs that the daemon starts do not take themselves for it', async () => {
  const { program, cwd } = await prepared();
  expect(start(program, cwd, ['environment', 'ready', 'wait']).status).toBe(0);
  const seen = await written(join(cwd, 'environment'));
  expect(JSON.stringify(seen)).not.toContain('TENTACLE_IS_DAEMON');
  expect(JSON.stringify(seen)).toContain('PATH=');
});

test('the variable alone makes no daemon of a process', async () => {
  const { program, cwd, started } = await prepared();
  const { status } = spawnSync(process.execPath, [program, 'ready', 'wait'], {
    cwd,
    env: { ...process.env, TENTACLE_IS_DAEMON: '1' },
    timeout: 30_000,
  });
  expect(status).toBe(0);
  const { pid } = await started();
  expect(isAlive(pid)).toBe(true);
});

testWith(['python3'], 'the passphrase is asked on the terminal of the starter', async () => {
  const { program, cwd } = await prepared();
  const terminal = ['-c', TERMINAL, 'open sesame', process.execPath, program, 'ask', 'ready', 'wait'];
  const { status, stdout } = spawnSync('python3', terminal, { cwd, encoding: 'utf8', timeout: 30_000 });
  expect(stdout).toContain('Passphrase of server.key: ');
  expect(status).toBe(0);
  expect(await written(join(cwd, 'answer'))).toEqual(['open sesame']);
});

testWith(['setsid'], 'without a terminal the daemon is told so', async () => {
  const { program, cwd } = await prepared();
  const { status } = spawnSync('setsid', ['-w', process.execPath, program, 'ask', 'ready', 'wait'], {
    cwd,
    timeout: 30_000,
  });
  expect(status).toBe(0);
  // JSON has no undefined.
  expect(await written(join(cwd, 'answer'))).toEqual([null]);
});
