/** What --check says and how it exits. */
import { chmodSync, existsSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { OPTIONS } from '../../src/settings/options.ts';
import { CertificateAuthority } from '../support/certificates.ts';
import { freePort, type Result, runServer } from '../support/program.ts';
import { isRoot } from '../support/requires.ts';
import { temporaryDirectory, temporarySpool } from '../support/temporary.ts';

function check(...args: readonly string[]): Result {
  return runServer(['--check', ...(isRoot ? ['--allow-root'] : []), ...args]);
}

/** The value and the source that the report shows for each token. */
function reported(stdout: string): Map<string, string[]> {
  const rows = stdout.split('\n').map((line) => line.split(/ {2,}/));
  return new Map(rows.filter((row) => row.length === 3).map(([token = '', ...rest]) => [token, rest]));
}

test('prints every setting with its value and its source, and exits 0', () => {
  const spool = temporarySpool();
  const conf = join(temporaryDirectory(), 'tentacle_server.conf');
  writeFileSync(conf, `port 41122\n\ndirectory ${spool}\nmax_size 5\n`);
  const { status, stdout } = check('-F', conf, '-m', '6');
  const rows = reported(stdout);
  expect([...rows.keys()]).toEqual(OPTIONS.map(({ token }) => token));
  expect(rows.get('port')).toEqual(['41122', `${conf}:1`]);
  expect(rows.get('directory')).toEqual([spool, `${conf}:3`]);
  expect(rows.get('max_size')).toEqual(['6', '-m, --max-size']);
  expect(rows.get('timeout')).toEqual(['1', 'default']);
  expect(rows.get('umask')).toEqual(['007', 'default']);
  expect(stdout).toMatch(/^OK/m);
  expect(status).toBe(0);
});

test('shows no secret, wherever it comes from', () => {
  const directory = temporaryDirectory();
  const conf = join(directory, 'tentacle_server.conf');
  const file = join(directory, 'password');
  writeFileSync(conf, `password hidden-one\ndirectory ${temporarySpool()}\n`);
  writeFileSync(file, 'hidden-two\n');
  const { status, stdout, stderr } = check('-F', conf, '--password-file', file);
  expect(stdout + stderr).not.toContain('hidden');
  expect(reported(stdout).get('password')).toEqual(['[redacted]', `${conf}:1`]);
  expect(status).toBe(0);
});

test('tells all problems, errors and warnings, and exits 1', () => {
  const authority = new CertificateAuthority();
  const { cert } = authority.issue('server', { days: 10 });
  const { key } = authority.issue('other');
  const { status, stdout } = check(
    ...['-s', temporarySpool(), '-e', cert, '-k', key, '-p', '0', '-i', 'conf$:conf;(:x'],
  );
  expect(stdout).toMatch(/^error: -p, --port: port must be from 1 to 65535, not 0$/m);
  expect(stdout).toMatch(/^error: -k, --ssl-key: ssl_key is not the private key of ssl_cert$/m);
  expect(stdout).toMatch(/^warning: -e, --ssl-cert: ssl_cert \(CN=server\) expires in \d+ days, on /m);
  expect(stdout).toMatch(/^warning: -i, --filters: filter directory .* does not exist/m);
  expect(stdout).toMatch(/^warning: -i, --filters: filter "\(:x" skipped/m);
  expect(stdout).toMatch(/^2 errors: the server would not start$/m);
  expect(status).toBe(1);
});

test('says which value was refused, and shows the default that it is not', () => {
  const { status, stdout } = check('-s', temporarySpool(), '-p', '0', '-t', '2');
  expect(reported(stdout).get('port')).toEqual(['41121', 'refused: -p, --port']);
  expect(reported(stdout).get('timeout')).toEqual(['2', '-t, --timeout']);
  expect(stdout).toMatch(/^1 error: the server would not start$/m);
  expect(status).toBe(1);
});

test('tries the addresses; a port in use is no error, since the server itself may be running', async () => {
  const other = createServer();
  onTestFinished(() => {
    other.close();
  });
  const port = await freePort();
  await new Promise<void>((done) => other.listen(port, '127.0.0.1', done));
  const { status, stdout } = check('-s', temporarySpool(), '-a', '127.0.0.1', '-p', String(port));
  expect(stdout).toMatch(
    new RegExp(
      `^warning: .*address 127\\.0\\.0\\.1 on port ${String(port)}: another program is listening there$`,
      'm',
    ),
  );
  expect(status).toBe(0);
});

test('an address that this host has not is an error', () => {
  const { status, stdout } = check('-s', temporarySpool(), '-a', '192.0.2.1');
  expect(stdout).toMatch(/^error: .*192\.0\.2\.1 on port 41121: this host has no such address$/m);
  expect(status).toBe(1);
});

test('creates no log file', async () => {
  const log = join(temporaryDirectory(), 'server.log');
  const port = String(await freePort());
  expect(check('-s', temporarySpool(), '-a', '127.0.0.1', '-p', port, '-l', log).status).toBe(0);
  expect(existsSync(log)).toBe(false);
});

test('needs a certificate and a key that can be used together, and then exits 0', async () => {
  const { cert, key } = new CertificateAuthority().issue('server');
  chmodSync(key, 0o600);
  const { status, stdout } = check(
    '-s',
    temporarySpool(),
    '-e',
    cert,
    '-k',
    key,
    '-p',
    String(await freePort()),
  );
  expect(stdout).not.toMatch(/error|warning/);
  expect(status).toBe(0);
});
