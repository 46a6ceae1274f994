/** The init script under dash, with the built server, where there is no systemd. */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect } from 'vitest';
import { Dialogue } from '../support/dialogue.ts';
import { InitScript } from '../support/init-script.ts';
import { testWith } from '../support/requires.ts';

const RUNNING = /^Tentacle Server is running with PID (\d+)\.\n$/;

testWith(['dash', 'shellcheck'], 'dash and shellcheck find nothing in the script', () => {
  const found = [
    spawnSync('dash', ['-n', 'init.d/tentacle_serverd'], { encoding: 'utf8' }),
    spawnSync('shellcheck', ['-s', 'dash', 'init.d/tentacle_serverd'], { encoding: 'utf8' }),
  ];
  expect(found.map(({ status, stdout, stderr }) => [status, stdout, stderr])).toEqual([
    [0, '', ''],
    [0, '', ''],
  ]);
});

describe('the exit codes of the Linux Standard Base', () => {
  testWith(['dash'], '3 when it is not running', async () => {
    const { status, stdout } = (await InitScript.make()).status();
    expect([status, stdout]).toEqual([3, 'Tentacle Server is not running.\n']);
  });

  testWith(
    ['dash'],
    '1 when it is dead and has left its pid file, even if its pid is somebody else',
    async () => {
      const script = await InitScript.make();
      mkdirSync(dirname(script.pidFile));
      writeFileSync(script.pidFile, `${String(process.pid)}\n`);
      const { status, stdout } = script.status();
      expect(stdout).toMatch(/ is dead, but its pid file .* is still there\.\n$/);
      expect(status).toBe(1);
      // That other process is left alone.
      expect(script.run('stop').status).toBe(0);
      expect(existsSync(script.pidFile)).toBe(false);
    },
  );

  testWith(['dash'], '5 when the program is not installed, 6 without configuration', async () => {
    const script = await InitScript.make();
    rmSync(script.conf);
    expect(script.run('start')).toMatchObject({
      status: 6,
      stderr: `${script.path}: there is no configuration file ${script.conf}\n`,
    });
    rmSync(join(dirname(script.path), 'tentacle_server'));
    for (const verb of ['start', 'restart', 'reload', 'check']) {
      expect(script.run(verb)).toMatchObject({
        status: 5,
        stderr: expect.stringContaining(' is not installed\n') as string,
      });
    }
  });

  testWith(['dash'], '7 when there is nothing to reload, 0 when there is nothing to stop', async () => {
    const script = await InitScript.make();
    expect(script.run('reload').status).toBe(7);
    expect(script.run('force-reload').status).toBe(7);
    expect(script.run('stop').status).toBe(0);
  });

  for (const words of [[], ['begin']]) {
    testWith(['dash'], `2 and the usage for the words ${JSON.stringify(words)}`, async () => {
      const { status, stderr } = (await InitScript.make()).run(...words);
      expect(stderr).toMatch(/^Usage: .* \{start\|stop\|restart\|reload\|force-reload\|status\|check\}\n$/);
      expect(status).toBe(2);
    });
  }
});

describe('TENTACLE_EXT_OPTS', () => {
  testWith(['dash'], 'may be edited into the script', async () => {
    const script = await InitScript.make({ TENTACLE_EXT_OPTS: '-v -m 1234567' });
    const { status, stdout } = script.run('check');
    expect(stdout).toMatch(/max_size +1234567 .*TENTACLE_EXT_OPTS/);
    expect(status).toBe(0);
  });

  testWith(['dash'], 'is overridden by /etc/default/tentacle_serverd', async () => {
    const script = await InitScript.make({ TENTACLE_EXT_OPTS: '-m 1234567' });
    writeFileSync(script.defaults, 'TENTACLE_EXT_OPTS="-m 7654321"\n');
    expect(script.run('check').stdout).toMatch(/max_size +7654321 .*TENTACLE_EXT_OPTS/);
  });
});

describe('start and stop', () => {
  testWith(['dash'], 'start returns when it listens; it is found by status, pid file and ps', async () => {
    const script = await InitScript.make();
    const started = script.run('start');
    expect(started).toMatchObject({ status: 0, stdout: expect.stringMatching(RUNNING) as string });
    await Dialogue.open(script.port);

    const { status, stdout } = script.status();
    expect([status, RUNNING.exec(stdout)?.[1]]).toEqual([0, String(script.pid)]);
    const listed = execFileSync('ps', ['-ww', '-o', 'args=', '-p', String(script.pid)], { encoding: 'utf8' });
    expect(listed).toContain(`${join(dirname(script.path), 'tentacle_server')} -F ${script.conf}`);
    // Made for the user who writes into it.
    expect(statSync(dirname(script.pidFile)).uid).toBe(statSync(script.spool).uid);

    expect(script.run('stop')).toMatchObject({ status: 0, stdout: 'Tentacle Server is stopped.\n' });
    expect(existsSync(script.pidFile)).toBe(false);
    expect(script.status().status).toBe(3);
  });

  testWith(['dash'], 'start says why it cannot, and exits 1', async () => {
    const script = await InitScript.make();
    script.configure('max_size many');
    const { status, stderr } = script.run('start');
    expect(stderr).toContain(`${script.conf}:4: max_size must be a whole number`);
    expect(status).toBe(1);
    expect(script.status().status).toBe(3);
  });

  testWith(['dash'], 'start of what runs reloads it; restart is another process', async () => {
    const script = await InitScript.make();
    script.run('start');
    const before = script.pid;
    script.configure('max_size 3');
    const again = script.run('start');
    expect(again.stdout).toMatch(/ is running already: reloading its configuration\.\n$/);
    expect([again.status, script.pid]).toEqual([0, before]);
    await expect.poll(() => refusesLarge(script.port), { timeout: 30_000 }).toBe(true);

    expect(script.run('restart').status).toBe(0);
    expect(script.pid).not.toBe(before);
  });

  testWith(['dash'], 'stop waits for a transfer in progress', async () => {
    const script = await InitScript.make();
    script.run('start');
    const peer = await Dialogue.open(script.port);
    expect(await peer.ask('SEND <a.data> SIZE 4\n')).toBe('SEND OK\n');
    peer.send('ab');
    const stop = spawn('dash', [script.path, 'stop']);
    const stopped = new Promise((done) => stop.once('close', done));
    await expect.poll(() => isRefused(script.port), { timeout: 30_000 }).toBe(true);
    expect(await peer.ask('cd')).toBe('SEND OK\n');
    expect(await stopped).toBe(0);
    expect(readFileSync(join(script.spool, 'a.data'), 'latin1')).toBe('abcd');
  });

  testWith(['dash'], 'stop kills what does not end', async () => {
    const script = await InitScript.make({ STOP_SECONDS: '1' });
    script.run('start');
    process.kill(script.pid, 'SIGSTOP');
    const { status, stderr } = script.run('stop');
    expect(stderr).toBe('Tentacle Server did not stop within 1 seconds: killing it.\n');
    expect(status).toBe(0);
    await expect.poll(() => isRefused(script.port), { timeout: 30_000 }).toBe(true);
  });
});

/** Whether nobody listens there. */
async function isRefused(port: number): Promise<boolean> {
  try {
    await Dialogue.open(port);
    return false;
  } catch {
    return true;
  }
}

/** Whether a server refuses a file of 4 bytes. */
async function refusesLarge(port: number): Promise<boolean> {
  const peer = await Dialogue.open(port);
  return (await peer.ask('SEND <b.data> SIZE 4\n')).startsWith('SEND ERR');
}
