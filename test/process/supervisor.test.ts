/** What the supervisor does for its workers, and they for it. */
import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { Dialogue } from '../support/dialogue.ts';
import { ServerProcess, SERVER } from '../support/program.ts';
import { isRoot, testWith } from '../support/requires.ts';
import { temporaryDirectory, temporarySpool } from '../support/temporary.ts';

/** W4 far away, so that only what is tested ends anything. */
const PATIENT = ['-t', '60', '-v'];
const REFUSED = 'RECV ERR (file does not exist)\n';

async function start(...args: readonly string[]): Promise<ServerProcess> {
  return ServerProcess.start(['-s', temporarySpool(), ...PATIENT, ...args]);
}

async function serves(server: ServerProcess): Promise<void> {
  const dialogue = await Dialogue.open(server.port);
  expect(await dialogue.ask('RECV <nothing>\n')).toBe(REFUSED);
  dialogue.send('QUIT\n');
  await dialogue.rest();
}

function isAlive(pid: number): boolean {
  return (
    existsSync(`/proc/${String(pid)}`) &&
    !/^State:\s*Z/m.test(readFileSync(`/proc/${String(pid)}/status`, 'latin1'))
  );
}

describe('a worker', () => {
  test('there are as many as workers says', async () => {
    const server = await start('--workers', '3');
    expect(server.workers()).toHaveLength(3);
  });

  test('that is killed is replaced, and the log says how it ended', async () => {
    const server = await start('--workers', '2');
    const [victim = 0] = server.workers();
    process.kill(victim, 'SIGKILL');
    await server.logged(`[err]Worker ${String(victim)} ended by SIGKILL; another one starts in 0.1 s.`);
    await server.logged('A new worker took the place of the lost one');
    expect(server.workers()).toHaveLength(2);
    await serves(server);
  });

  test('that was the only one is replaced, too', async () => {
    const server = await start('--workers', '1');
    process.kill(server.workers()[0] ?? 0, 'SIGKILL');
    await server.logged('A new worker took the place of the lost one');
    await serves(server);
  });

  test('that drains is told of, too, when it is killed', async () => {
    const server = await start('--workers', '1');
    const [old = 0] = server.workers();
    const dialogue = await Dialogue.open(server.port);
    expect(await dialogue.ask('SEND <a.1.data> SIZE 6\n')).toBe('SEND OK\n');
    server.child.kill('SIGHUP');
    await server.logged('Reloaded');
    process.kill(old, 'SIGKILL');
    await server.logged(`[err]Worker ${String(old)} ended by SIGKILL before its last sessions were over.`);
  });

  test('of another does not end with it', async () => {
    const server = await start('--workers', '2');
    const dialogues = await Promise.all(Array.from({ length: 20 }, () => Dialogue.open(server.port)));
    for (const dialogue of dialogues) expect(await dialogue.ask('RECV <nothing>\n')).toBe(REFUSED);
    process.kill(server.workers()[0] ?? 0, 'SIGKILL');
    await server.logged('took the place');
    const answers = await Promise.all(
      dialogues.map((dialogue) => dialogue.ask('RECV <nothing>\n').catch(() => 'closed')),
    );
    for (const answer of answers) expect(['closed', REFUSED]).toContain(answer);
  });

  test('that keeps crashing is replaced ever more slowly', async () => {
    const server = await start('--workers', '1');
    for (const pause of ['0.1', '0.2', '0.4']) {
      await expect.poll(() => server.workers().length, { timeout: 20_000 }).toBe(1);
      process.kill(server.workers()[0] ?? 0, 'SIGKILL');
      await server.logged(`another one starts in ${pause} s`);
    }
  });

  test('that dies of an error has its last words in the log', async () => {
    const shim = join(temporaryDirectory(), 'crash.cjs');
    // Only a worker; a bug of this kind is not to be had otherwise.
    writeFileSync(
      shim,
      "if (process.env.TENTACLE_IS_WORKER) process.on('SIGURG', () => { throw new Error('injected by the test'); });",
    );
    const env = { NODE_OPTIONS: `--require ${shim}` };
    const server = await ServerProcess.start(['-s', temporarySpool(), ...PATIENT, '--workers', '1'], { env });
    const [victim = 0] = server.workers();
    process.kill(victim, 'SIGURG');
    await server.logged(
      new RegExp(`Worker ${String(victim)} ended by exit code 1: .*Error: injected by the test`),
    );
    await serves(server);
  });

  test('ignores the signals that are meant for the supervisor', async () => {
    const server = await start('--workers', '1');
    const [worker = 0] = server.workers();
    const dialogue = await Dialogue.open(server.port);
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGUSR1', 'SIGUSR2'] as const) {
      process.kill(worker, signal);
      expect(await dialogue.ask('RECV <nothing>\n')).toBe(REFUSED);
    }
    expect(server.workers()).toEqual([worker]);
    expect(server.output).not.toContain('Debugger');
  });
});

describe('a worker that is just starting', () => {
  /** The pids that a server has beside these, once there are so many. */
  async function further(server: ServerProcess, known: readonly number[], many: number): Promise<number[]> {
    for (;;) {
      const found = server.workers().filter((pid) => !known.includes(pid));
      if (found.length === many) return found;
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }

  test('obeys a stop', async () => {
    const server = await start('--workers', '2');
    const known = server.workers();
    process.kill(known[0] ?? 0, 'SIGKILL');
    await further(server, known, 1);
    const asked = performance.now();
    expect(await server.stop()).toBe(0);
    // Far from drain_timeout, after which it would be killed.
    expect(performance.now() - asked).toBeLessThan(20_000);
  }, 90_000);

  test('holds no places once it is dead', async () => {
    const server = await start('--workers', '2', '-c', '4');
    const reloaded = async (round: number): Promise<void> => {
      server.child.kill('SIGHUP');
      await expect.poll(() => server.output.split('Reloaded').length - 1, { timeout: 20_000 }).toBe(round);
      await expect.poll(() => server.workers(), { timeout: 20_000 }).toHaveLength(2);
    };
    // From here on no worker has places that it does not need.
    await reloaded(1);
    const known = server.workers();
    server.child.kill('SIGHUP');
    const [, second = 0] = await further(server, known, 2);
    process.kill(second, 'SIGKILL');
    await server.logged('Reload refused (SIGHUP)');
    await reloaded(2);
    const four = await Promise.all(Array.from({ length: 4 }, () => Dialogue.open(server.port)));
    // Each of them busy all the time: nobody has to make room.
    for (let round = 0; round < 30; round++) {
      const answers = four.map((dialogue) => dialogue.ask('RECV <nothing>\n'));
      expect(await Promise.all(answers)).toEqual(Array.from({ length: 4 }, () => REFUSED));
    }
  });

  testWith(['prlimit'], 'but cannot be forked is tried again', async () => {
    const user = isRoot ? { uid: 65_534 } : {};
    const spool = temporarySpool();
    chmodSync(spool, 0o777);
    const server = await ServerProcess.start(['-s', spool, '-v', '--workers', '2'], user);
    const limit = (processes: string): void => {
      execFileSync('prlimit', ['--pid', String(server.pid), `--nproc=${processes}:`], user);
    };
    const before = execFileSync(
      'prlimit',
      ['--pid', String(server.pid), '-u', '-o', 'SOFT', '--noheadings'],
      user,
    );
    limit('1');
    process.kill(server.workers()[0] ?? 0, 'SIGKILL');
    await server.logged(/could not be started \(.*EAGAIN\); another one starts in/);
    await serves(server);
    limit(before.toString().trim());
    await server.logged('A new worker took the place of the lost one');
    expect(server.workers()).toHaveLength(2);
  });
});

describe('P3 kill -9 of the supervisor', () => {
  test('ends all workers, and a new start on the same port works at once', async () => {
    const spool = temporarySpool();
    const first = await ServerProcess.start(['-s', spool, ...PATIENT, '--workers', '3']);
    const workers = first.workers();
    const busy = await Dialogue.open(first.port);
    expect(await busy.ask('SEND <a.1.data> SIZE 6\n')).toBe('SEND OK\n');
    first.child.kill('SIGKILL');
    // Without waiting for anything.
    const root = isRoot ? ['--allow-root'] : [];
    const args = [SERVER, '-a', '127.0.0.1', '-p', String(first.port), '-s', spool, ...root];
    const second = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    onTestFinished(() => {
      second.kill('SIGKILL');
    });
    let output = '';
    second.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    await expect.poll(() => output, { timeout: 20_000 }).toContain('Server listening');
    await expect.poll(() => workers.filter(isAlive), { timeout: 1000 }).toEqual([]);
    const dialogue = await Dialogue.open(first.port);
    expect(await dialogue.ask('RECV <nothing>\n')).toBe(REFUSED);
  });
});

describe('max_connections', () => {
  test('holds over all workers', async () => {
    const server = await start('--workers', '3', '-c', '4');
    const inside = await Promise.all(Array.from({ length: 4 }, () => Dialogue.open(server.port)));
    const busy = (): Promise<string[]> =>
      Promise.all(inside.map((dialogue) => dialogue.ask('RECV <nothing>\n')));
    // Wherever the kernel put them, there are places for all of them.
    await busy();
    const further = await Promise.all(Array.from({ length: 4 }, () => Dialogue.open(server.port)));
    let served = 0;
    const answers = further.map((dialogue) => dialogue.ask('RECV <waiting>\n').finally(() => served++));
    for (let round = 0; round < 30; round++) await busy();
    expect(served).toBe(0);
    inside[0]?.send('QUIT\n');
    await Promise.race(answers);
    for (const dialogue of inside.slice(1)) dialogue.send('QUIT\n');
    for (const dialogue of further) {
      dialogue.stream.once('data', () => {
        dialogue.send('QUIT\n');
      });
    }
    expect(await Promise.all(answers)).toEqual(Array.from({ length: 4 }, () => REFUSED));
  });

  test('holds over generations', async () => {
    const server = await start('--workers', '2', '-c', '2');
    const old = [await Dialogue.open(server.port), await Dialogue.open(server.port)];
    const busy = (): Promise<string[]> =>
      Promise.all(old.map((dialogue) => dialogue.ask('RECV <nothing>\n')));
    await busy();
    server.child.kill('SIGHUP');
    await server.logged('Reloaded');
    const fresh = await Dialogue.open(server.port);
    let served = false;
    const answer = fresh.ask('RECV <nothing>\n').finally(() => (served = true));
    for (let round = 0; round < 30; round++) await busy();
    expect(served).toBe(false);
    old[0]?.send('QUIT\n');
    expect(await answer).toBe(REFUSED);
  });

  test('silent sockets in one worker make room for a client of another', async () => {
    const server = await start('--workers', '3', '-c', '3');
    for (let index = 0; index < 3; index++) (await Dialogue.open(server.port)).send('RECV <nothing>\n');
    await serves(server);
  });
});

test('SIGUSR2 says in one line what all workers and generations did', async () => {
  const server = await start('--workers', '2');
  for (let index = 0; index < 10; index++) {
    const dialogue = await Dialogue.open(server.port);
    expect(await dialogue.ask(`SEND <a.${String(index)}.data> SIZE 4\n`)).toBe('SEND OK\n');
    expect(await dialogue.ask('data')).toBe('SEND OK\n');
    if (index < 9) {
      dialogue.send('QUIT\n');
      await dialogue.rest();
    }
    if (index === 4) {
      server.child.kill('SIGHUP');
      await server.logged('Reloaded');
    }
  }
  await serves(server);
  // A worker may need a moment to see that a client has closed.
  const asking = setInterval(() => server.child.kill('SIGUSR2'), 100);
  onTestFinished(() => {
    clearInterval(asking);
  });
  await server.logged(
    /\[log\]Status: up \d+ seconds?, generation 2, 2 workers \(\d+, \d+\), .*1 connection open, 11 served, 10 files received \(40 bytes\), 0 sent, 1 command refused\.\n/,
  );
});
