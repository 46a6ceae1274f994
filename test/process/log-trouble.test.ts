/** What happens when the log cannot be written. */
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { Background } from '../support/background.ts';
import { Dialogue } from '../support/dialogue.ts';
import { freePort, SERVER, ServerProcess } from '../support/program.ts';
import { fill, smallDisk } from '../support/full-disk.ts';
import { testWith } from '../support/requires.ts';
import { storeMany } from '../support/store.ts';
import { temporaryDirectory, temporarySpool } from '../support/temporary.ts';

const WAIT = { timeout: 20_000 };
/** Refused without a look at the disk; its log lines are long. */
const REFUSED = `RECV </${'n'.repeat(250)}>\n`;
const REFUSAL = 'RECV ERR (file has an invalid file name)\n';

/** Peak resident memory of a process since this was last asked, in MiB. */
function peakMemory(pid: number): number {
  const status = readFileSync(`/proc/${String(pid)}/status`, 'utf8');
  writeFileSync(`/proc/${String(pid)}/clear_refs`, '5');
  return Number(/^VmHWM:\s*(\d+) kB$/m.exec(status)?.[1] ?? 'NaN') / 1024;
}

/** Has many commands refused, in pieces. */
async function refusals(dialogue: Dialogue, count: number): Promise<void> {
  const piece = 500;
  for (let done = 0; done < count; done += piece) {
    dialogue.send(REFUSED.repeat(piece));
    await dialogue.take(REFUSAL.length * piece);
  }
}

/** Starts a server that says nothing on its own output, and gives its pid. */
function startLoggingTo(log: string, port: number): number {
  const options = [
    '-a',
    '127.0.0.1',
    '-p',
    String(port),
    '-s',
    temporarySpool(),
    '-V',
    '-t',
    '60',
    '-l',
    log,
  ];
  const child = spawn(process.execPath, [SERVER, '--allow-root', ...options], { stdio: 'ignore' });
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  return child.pid ?? 0;
}

/** Connects as soon as somebody listens. */
async function connected(port: number): Promise<Dialogue> {
  for (;;) {
    const dialogue = await Dialogue.open(port).catch(() => undefined);
    if (dialogue !== undefined) return dialogue;
  }
}

testWith(
  ['root', 'mount'],
  'a log on a full disk stops nobody, costs no memory, and goes on later',
  async () => {
    const disk = smallDisk('16m');
    const log = join(disk, 'server.log');
    const port = await freePort();
    const pid = startLoggingTo(log, port);
    const dialogue = await connected(port);
    await refusals(dialogue, 1000);
    fill(join(disk, 'ballast'));
    peakMemory(pid);
    await refusals(dialogue, 20_000);
    const before = peakMemory(pid);
    await refusals(dialogue, 40_000);
    expect(peakMemory(pid) - before).toBeLessThan(40);
    rmSync(join(disk, 'ballast'));
    expect(await dialogue.ask('RECV <back again>\n')).toBe('RECV ERR (file does not exist)\n');
    const text = (): string => readFileSync(log, 'utf8');
    await expect.poll(text, WAIT).toContain("Requested file 'back again'");
    // Whoever was in the way, supervisor or worker.
    await expect.poll(text, WAIT).toMatch(/\]Warning: \d+ log lines were lost: the disk is full\.\n/);
  },
);

describe('files are stored, and later lines are there,', () => {
  testWith(['mkfifo'], 'when nobody reads the FIFO', async () => {
    const fifo = join(temporaryDirectory(), 'log');
    execFileSync('mkfifo', [fifo]);
    const background = await Background.start(['-v', '-t', '60'], fifo);
    expect(await storeMany(background.port, 20)).toHaveLength(20);
    const reader = spawn('cat', [fifo], { stdio: ['ignore', 'pipe', 'inherit'] });
    onTestFinished(() => {
      reader.kill('SIGKILL');
    });
    let text = '';
    reader.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
    await expect.poll(() => text.match(/Received file/g)?.length, WAIT).toBe(20);
    expect(text).toContain('Server listening');
  });

  testWith(['root', 'mount'], 'when its disk was read-only', async () => {
    const directory = temporaryDirectory();
    execFileSync('mount', ['--bind', directory, directory]);
    onTestFinished(() => {
      execFileSync('umount', ['--lazy', directory]);
    });
    execFileSync('mount', ['-o', 'remount,bind,ro', directory]);
    const background = await Background.prepare(join(directory, 'server.log'));
    const { status, stderr } = background.run(['-v', '-t', '60']);
    expect(stderr).toContain('server.log cannot be written: the file system is read-only\n');
    expect(status).toBe(0);
    expect(await storeMany(background.port, 20)).toHaveLength(20);
    execFileSync('mount', ['-o', 'remount,bind,rw', directory]);
    await background.logged('cannot be opened now: the file system is read-only');
    await background.logged("Received file 'agent.0.data'");
  });

  test.each([
    ['that it rotates', []],
    ['that others rotate', ['--log-frequency', 'off', '--log-max-size', '0']],
  ])('when its folder was removed, of a log %s', async (_which, rotation) => {
    const directory = join(temporaryDirectory(), 'log');
    mkdirSync(directory);
    const log = join(directory, 'server.log');
    const background = await Background.start(['-v', '-t', '60', ...rotation], log);
    rmSync(directory, { recursive: true });
    process.kill(background.pid, 'SIGUSR1');
    expect(await storeMany(background.port, 20)).toHaveLength(20);
    mkdirSync(directory);
    process.kill(background.pid, 'SIGUSR1');
    await expect
      .poll(async () => {
        await storeMany(background.port, 1, `after${String(Math.random()).slice(2)}`);
        return existsSync(log) && background.log;
      }, WAIT)
      .toContain("Received file 'after");
    await background.stop();
  });
});

describe('with the log on a full disk', () => {
  testWith(
    ['root', 'mount'],
    'a server in the foreground says so on standard error, and stores on',
    async () => {
      const disk = smallDisk('1m');
      const log = join(disk, 'server.log');
      fill(join(disk, 'ballast'));
      const port = await freePort();
      const server = await ServerProcess.start(
        ['-a', '127.0.0.1', '-p', String(port), '-s', temporarySpool(), '-v', '-t', '60', '-l', log],
        { port, listening: () => connected(port) },
      );
      expect(await storeMany(port, 20)).toHaveLength(20);
      await server.logged(`[err] cannot write ${log}: the disk is full\n`);
      // Once, however many lines there are.
      expect(server.output.match(/cannot write/g)).toHaveLength(1);
      rmSync(join(disk, 'ballast'));
      await expect.poll(() => readFileSync(log, 'utf8'), WAIT).toContain("Received file 'agent.19.data'");
    },
  );

  testWith(['root', 'mount'], 'a server in the background stores on, and has its lines later', async () => {
    const disk = smallDisk('1m');
    const background = await Background.start(['-v', '-t', '60'], join(disk, 'server.log'));
    fill(join(disk, 'ballast'));
    expect(await storeMany(background.port, 20)).toHaveLength(20);
    rmSync(join(disk, 'ballast'));
    await background.logged("Received file 'agent.19.data'");
    await background.stop();
  });
});
