/** In the background: what the starting command says and waits for, and what is left running. */
import { spawnSync } from 'node:child_process';
import { chownSync, cpSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { basename, dirname, join } from 'node:path';
import { connect } from 'node:tls';
import { describe, expect, onTestFinished, test } from 'vitest';
import { passwordDigest } from '../../src/protocol/password.ts';
import { Background } from '../support/background.ts';
import { CertificateAuthority } from '../support/certificates.ts';
import { Dialogue } from '../support/dialogue.ts';
import { environmentOf, isAlive, openIn, placeOf, shownAs } from '../support/processes.ts';
import { runServer, SERVER, ServerProcess } from '../support/program.ts';
import { testWith } from '../support/requires.ts';
import { store } from '../support/store.ts';
import { temporaryDirectory, temporarySpool } from '../support/temporary.ts';
import { TERMINAL } from '../support/terminal.ts';

/** W4 far away, so that only what is tested ends anything. */
const PATIENT = ['-t', '60', '-v'];
const NOBODY = 65534;

function conf(...lines: readonly string[]): string {
  const path = join(temporaryDirectory(), 'tentacle_server.conf');
  writeFileSync(path, [...lines, ''].join('\n'));
  return path;
}

describe('the starting command', () => {
  test('exits 0 and silent as soon as one can connect', async () => {
    const background = await Background.prepare();
    expect(background.run(PATIENT)).toMatchObject({ status: 0, stdout: '', stderr: '' });
    // No second attempt: it listens.
    expect(await store(await Dialogue.open(background.port), 'a.data')).toBe('SEND OK\n');
    expect(background.stored()).toEqual(['a.data']);
  });

  test('exits 1 and says so when the port is in use', async () => {
    const background = await Background.prepare();
    const occupant = createServer();
    onTestFinished(() => {
      occupant.close();
    });
    await new Promise<void>((done) => occupant.listen(background.port, '127.0.0.1', done));
    const { status, stderr } = background.run(PATIENT);
    expect(stderr).toContain(`port ${String(background.port)}: another program is listening there`);
    expect(status).toBe(1);
    expect(existsSync(background.pidFile)).toBe(false);
  });

  test.each([
    [
      'a configuration with mistakes',
      () => ['-F', conf('max_size x')],
      /:1: max_size must be a whole number/,
    ],
    [
      'a spool that is missing',
      () => ['-s', '/nowhere/spool'],
      /directory \/nowhere\/spool .*does not exist/,
    ],
    [
      'a log that cannot be opened',
      () => ['-l', '/nowhere/server.log'],
      /log_file .*its directory \/nowhere does not exist/,
    ],
    ['a word that is no option', () => ['-Q'], /unknown option -Q/],
  ])('exits 1 and says why for %s', async (_what, args, message) => {
    const { status, stderr } = (await Background.prepare()).run(args());
    expect(stderr).toMatch(message);
    expect(status).toBe(1);
  });

  test('warns that without log_file nothing will be logged', async () => {
    const background = await Background.prepare();
    const words = background.words.slice(0, -2);
    const { status, stderr } = runServer(words);
    expect(stderr).toBe(
      '[warning] -d, --daemon: in the background without log_file nothing is logged anywhere: set it\n',
    );
    expect(status).toBe(0);
  });

  testWith(['python3'], 'asks for the passphrase on its terminal; a reload does not ask again', async () => {
    const { cert, key } = new CertificateAuthority().issue('server', { passphrase: 'open sesame' });
    const background = await Background.prepare();
    const words = [...background.words, ...PATIENT, '-e', cert, '-k', key, '-w'];
    const { status, stdout } = spawnSync(
      'python3',
      ['-c', TERMINAL, 'open sesame', process.execPath, SERVER, ...words],
      { encoding: 'utf8', timeout: 30_000 },
    );
    expect(stdout).toContain(`Passphrase of ${key}: `);
    expect(stdout).not.toContain('sesame');
    expect(status).toBe(0);
    const answer = async (): Promise<string> => {
      const secure = connect({ port: background.port, host: '127.0.0.1', rejectUnauthorized: false });
      const dialogue = new Dialogue(secure);
      return dialogue.ask('RECV <nothing>\n').finally(() => secure.destroy());
    };
    expect(await answer()).toBe('RECV ERR (file does not exist)\n');
    process.kill(background.pid, 'SIGHUP');
    await background.logged('Reloaded (SIGHUP): nothing changed');
    expect(await answer()).toBe('RECV ERR (file does not exist)\n');
  });
});

describe('what runs then', () => {
  test('has a session of its own, stands at /, and inherits nothing', async () => {
    const background = await Background.prepare();
    const held = join(dirname(background.pidFile), 'held');
    // 200: as of `flock 200`, beyond what Node marks itself.
    const shell = spawnSync(
      'sh',
      ['-c', 'exec 9>"$0"; exec "$@"', held, process.execPath, SERVER, ...background.words],
      { cwd: dirname(held), encoding: 'utf8', timeout: 30_000 },
    );
    expect([shell.status, shell.stderr]).toEqual([0, '']);
    const { pid } = background;
    for (const each of [pid, ...background.workers()]) {
      expect(placeOf(each)).toEqual({ session: pid, group: pid, cwd: '/' });
      expect(openIn(each)).not.toContain(held);
    }
    expect(openIn(pid).filter((target) => target.startsWith(dirname(held)))).toEqual([
      expect.stringMatching(/server\.[-\d.]*log$/),
    ]);
  });

  test.each([
    ['007', 0o660],
    ['022', 0o644],
  ])('stores under umask %s files of its mode, whatever the starter has', async (umask, mode) => {
    const before = process.umask(0o077);
    onTestFinished(() => void process.umask(before));
    const background = await Background.start(['--umask', umask]);
    expect(await store(await Dialogue.open(background.port), 'a.data')).toBe('SEND OK\n');
    expect(statSync(join(background.spool, 'a.data')).mode & 0o7777).toBe(mode);
    // Monitoring reads it as another user.
    expect(statSync(background.pidFile).mode & 0o7777).toBe(0o644);
  });

  test('shows program and configuration in one line, and no secret', async () => {
    const background = await Background.prepare();
    const file = conf('timeout 60');
    const env = { TENTACLE_EXT_OPTS: '-v -x HIDDEN' };
    expect(background.run(['-F', file, '-xHIDDEN', '--workers', '2'], { env }).status).toBe(0);
    const workers = background.workers();
    expect(workers).toHaveLength(2);
    for (const pid of [background.pid, ...workers]) {
      expect(shownAs(pid)).toContain(`${SERVER} `);
      expect(shownAs(pid)).toContain(` -F ${file} `);
      expect(shownAs(pid)).not.toContain('HIDDEN');
    }
    for (const pid of workers) expect(environmentOf(pid).join('\n')).not.toContain('HIDDEN');
    const dialogue = await Dialogue.open(background.port);
    expect(await dialogue.ask(`PASS ${passwordDigest(Buffer.from('HIDDEN'))}\n`)).toBe('PASS OK\n');
  });

  test('ends by SIGTERM to the pid of its file, which goes with it', async () => {
    const background = await Background.start(PATIENT);
    const workers = background.workers();
    await background.stop();
    expect(existsSync(background.pidFile)).toBe(false);
    expect(workers.filter(isAlive)).toEqual([]);
    expect(background.log).toMatch(/Server stopped\.\n$/);
  });

  test('reloads relative paths of the command line, although it stands at /', async () => {
    const background = await Background.prepare();
    const cwd = dirname(background.spool);
    const file = join(cwd, 'tentacle_server.conf');
    writeFileSync(file, 'timeout 60\nmax_size 2\n');
    const words = [...background.words, '-v', '-F', basename(file), '-s', basename(background.spool)];
    expect(runServer(words, { cwd })).toMatchObject({ status: 0, stderr: '' });
    expect(await store(await Dialogue.open(background.port), 'a.data')).toBe('SEND ERR (file is too big)\n');
    writeFileSync(file, 'timeout 60\nmax_size 4\n');
    process.kill(background.pid, 'SIGHUP');
    await background.logged('max_size: 2 -> 4');
    expect(await store(await Dialogue.open(background.port), 'a.data')).toBe('SEND OK\n');
    expect(background.stored()).toEqual(['a.data']);
  });

  testWith(['root'], 'is the user that root named', async () => {
    const directory = temporaryDirectory();
    // That user may not look into the checkout.
    cpSync(dirname(SERVER), join(directory, 'lib'), { recursive: true });
    const run = join(directory, 'run');
    mkdirSync(run);
    const background = await Background.prepare(join(run, 'server.log'));
    for (const path of [run, background.spool, dirname(background.pidFile)]) chownSync(path, NOBODY, NOBODY);
    const program = join(directory, 'lib', basename(SERVER));
    const words = [...background.words.filter((word) => word !== '--allow-root'), '-U', 'nobody'];
    const { status, stderr } = spawnSync(process.execPath, [program, ...words], {
      encoding: 'utf8',
      timeout: 30_000,
    });
    expect([status, stderr]).toEqual([0, '']);
    for (const pid of [background.pid, ...background.workers()]) {
      expect(readFileSync(`/proc/${String(pid)}/status`, 'utf8')).toMatch(/^Uid:(\s+65534){4}$/m);
    }
    expect(await store(await Dialogue.open(background.port), 'a.data')).toBe('SEND OK\n');
    expect(statSync(join(background.spool, 'a.data')).uid).toBe(NOBODY);
    await background.stop();
    expect(existsSync(background.pidFile)).toBe(false);
  });
});

test('daemon 1 has no effect under a service manager, and the log says so', async () => {
  const { PATH = '' } = process.env;
  const env = { NOTIFY_SOCKET: join(temporaryDirectory(), 'nobody'), PATH };
  const server = await ServerProcess.start(['-d', '-s', temporarySpool()], { env });
  expect(server.output).toContain(
    'Warning: -d, --daemon: daemon has no effect: a service manager runs this server',
  );
  expect(await store(await Dialogue.open(server.port), 'a.data')).toBe('SEND OK\n');
  expect(await server.stop()).toBe(0);
});
