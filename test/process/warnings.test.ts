/** What the program warns of and starts all the same, and which options it takes. */
import { chmodSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { CertificateAuthority } from '../support/certificates.ts';
import { Dialogue } from '../support/dialogue.ts';
import { runServer, ServerProcess } from '../support/program.ts';
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
    const server = await ServerProcess.start([
      '-F',
      confFile('# first', 'adresses 1.2.3.4', `directory ${temporarySpool()}`),
    ]);
    expect(server.output).toContain(
      'Warning: tentacle_server.conf:2: unknown token "adresses"; did you mean "addresses"?',
    );
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
    expect(server.output).toContain(`${conf} holds a password and every user can read it: chmod o-r ${conf}`);
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
