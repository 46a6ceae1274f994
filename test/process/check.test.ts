/** What --check says and how it exits. */
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { OPTIONS } from '../../src/settings/options.ts';
import { CertificateAuthority } from '../support/certificates.ts';
import { type Result, runServer } from '../support/program.ts';
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
  expect(rows.get('port')).toEqual(['41122', 'tentacle_server.conf:1']);
  expect(rows.get('directory')).toEqual([spool, 'tentacle_server.conf:3']);
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
  expect(reported(stdout).get('password')).toEqual(['[redacted]', 'tentacle_server.conf:1']);
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

test('needs a certificate and a key that can be used together, and then exits 0', () => {
  const { cert, key } = new CertificateAuthority().issue('server');
  chmodSync(key, 0o600);
  const { status, stdout } = check('-s', temporarySpool(), '-e', cert, '-k', key);
  expect(stdout).not.toMatch(/error|warning/);
  expect(status).toBe(0);
});
