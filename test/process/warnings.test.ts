/** What the program warns of and starts all the same, and which options it takes. */
import { spawnSync } from 'node:child_process';
import { chmodSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { CertificateAuthority } from '../support/certificates.ts';
import { Dialogue } from '../support/dialogue.ts';
import { runServer, SERVER, ServerProcess } from '../support/program.ts';
import { isRoot } from '../support/requires.ts';
import { temporaryDirectory, temporarySpool } from '../support/temporary.ts';

/** A configuration file with these lines. */
function confFile(...lines: readonly string[]): string {
  const path = join(temporaryDirectory(), 'tentacle_server.conf');
  writeFileSync(path, [...lines, ''].join('\n'));
  return path;
}

/** Whether a server serves somebody. */
async function serves({ port }: ServerProcess): Promise<boolean> {
  const dialogue = await Dialogue.open(port);
  return (await dialogue.ask('RECV <nothing>\n')) === 'RECV ERR (file does not exist)\n';
}

describe('warns and serves', () => {
  test('with an unknown token', async () => {
    const conf = confFile('# first', 'adresses 1.2.3.4', `directory ${temporarySpool()}`);
    const server = await ServerProcess.start(['-F', conf]);
    expect(server.output).toContain(
      `Warning: ${conf}:2: unknown token "adresses"; did you mean "addresses"?\n`,
    );
    expect(await serves(server)).toBe(true);
  });

  test('with a known token without a value', async () => {
    const conf = confFile(`directory ${temporarySpool()}`, 'filters');
    const server = await ServerProcess.start(['-F', conf]);
    expect(server.output).toContain(`Warning: ${conf}:2: "filters" has no value: the line has no effect.\n`);
    expect(await serves(server)).toBe(true);
  });

  test('with one of two addresses that cannot be bound', async () => {
    const server = await ServerProcess.start(['-s', temporarySpool(), '-a', '192.0.2.1,127.0.0.1']);
    expect(server.output).toMatch(/Warning: .*192\.0\.2\.1 on port \d+: this host has no such address/);
    expect(await serves(server)).toBe(true);
  });

  test('with a configuration file whose password everybody can read', async () => {
    const conf = confFile(`directory ${temporarySpool()}`, 'password secret');
    chmodSync(conf, 0o644);
    const server = await ServerProcess.start(['-F', conf]);
    expect(server.output).toContain(
      `Warning: ${conf}: every user can read this file, which holds a password: chmod o-r ${conf}.\n`,
    );
  });

  test('without that warning when only the owner can read it', async () => {
    const conf = confFile(`directory ${temporarySpool()}`, 'password secret');
    chmodSync(conf, 0o640);
    const server = await ServerProcess.start(['-F', conf]);
    expect(server.output).not.toContain('Warning');
  });

  test('with a filter directory that is missing', async () => {
    const spool = temporarySpool('md5');
    const server = await ServerProcess.start(['-s', spool, '-i', 'conf$:conf;md5$:md5']);
    expect(server.output).toMatch(/Warning: .*filter directory \S+\/data_in\/conf .*does not exist/);
    expect(server.output).not.toContain('data_in/md5');
    expect(await serves(server)).toBe(true);
  });

  test('with an expired certificate', async () => {
    const { cert, key } = new CertificateAuthority().issue('server', { days: -1 });
    const server = await ServerProcess.start(['-s', temporarySpool(), '-e', cert, '-k', key]);
    expect(server.output).toMatch(/Warning: -e, --ssl-cert: ssl_cert \(CN=server\) expired on/);
  });
});

describe('open files', () => {
  /** Runs --check where so many files may be open. */
  function checkWith(limit: number, ...args: readonly string[]): string {
    const { stdout } = spawnSync(
      'sh',
      [
        ...['-c', `ulimit -n ${String(limit)}; exec "$0" "$@"`, process.execPath, SERVER, '--check'],
        ...[...(isRoot ? ['--allow-root'] : []), '-s', temporarySpool(), ...args],
      ],
      { encoding: 'utf8', timeout: 30_000 },
    );
    return stdout;
  }

  test('too few for max_connections are warned about', () => {
    const stdout = checkWith(300);
    expect(stdout).toMatch(
      /^warning: max_connections 1000 may need \d{4} open files, but only 300 are allowed: raise LimitNOFILE/m,
    );
    expect(stdout).toMatch(/^OK: the server would start$/m);
  });

  test('enough are not', () => {
    expect(checkWith(1300, '-c', '10')).not.toContain('open files, but');
    expect(checkWith(1300, '-c', '500')).toContain('max_connections 500 may need');
  });
});

describe('takes options', () => {
  test('of TENTACLE_EXT_OPTS, which win over the file and lose to the command line', async () => {
    const spool = temporarySpool('plain', 'words');
    const conf = confFile(`directory ${spool}`, 'filters .:plain', 'max_size 1', 'verbose 0');
    const env = { TENTACLE_EXT_OPTS: `-i '.*\\.two words$:words' -m 3 -V` };
    const server = await ServerProcess.start(['-F', conf, '-m', '4'], { env });
    const dialogue = await Dialogue.open(server.port);
    expect(await dialogue.ask('SEND <a.two words> SIZE 4\n')).toBe('SEND OK\n');
    expect(await dialogue.ask('data')).toBe('SEND OK\n');
    await server.logged('Client connected from');
    dialogue.send('QUIT\n');
    await dialogue.rest();
    expect(runServer(['--check', '-F', conf, ...(isRoot ? ['--allow-root'] : [])], { env }).stdout).toMatch(
      /^max_size +3 +TENTACLE_EXT_OPTS -m, --max-size$/m,
    );
    expect(readdirSync(join(spool, 'words'))).toEqual(['a.two words']);
  });

  test('of TENTACLE_EXT_OPTS alone', () => {
    const { status, stderr } = runServer([], { env: { TENTACLE_EXT_OPTS: '-s "/nowhere/at all"' } });
    expect(stderr).toMatch(/TENTACLE_EXT_OPTS -s, --directory: directory \/nowhere\/at all/);
    expect(status).toBe(1);
  });

  test('unless a quote of TENTACLE_EXT_OPTS is never closed', () => {
    const { status, stderr } = runServer(['-s', temporarySpool()], { env: { TENTACLE_EXT_OPTS: "-i 'x" } });
    expect(stderr).toMatch(/TENTACLE_EXT_OPTS: a ' is never closed/);
    expect(status).toBe(1);
  });
});
