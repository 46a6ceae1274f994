/** How the program starts and, above all, how it says why it does not. */
import { chmodSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { CertificateAuthority } from '../support/certificates.ts';
import { freePort, type Result, runServer } from '../support/program.ts';
import { isRoot } from '../support/requires.ts';
import { temporaryDirectory, temporarySpool } from '../support/temporary.ts';

const NOBODY = 65534;

/** Runs the server as an ordinary user, whoever runs the tests. */
function runAsOrdinaryUser(...args: readonly string[]): Result {
  return runServer(args, isRoot ? { uid: NOBODY } : {});
}

/** A configuration file with these lines. */
function confFile(...lines: readonly string[]): string {
  const path = join(temporaryDirectory(), 'tentacle_server.conf');
  writeFileSync(path, [...lines, ''].join('\n'));
  return path;
}

describe('asks for information', () => {
  test.each(['-h', '--help'])('%s shows the options and exits 0', (flag) => {
    const { status, stdout, stderr } = runServer([flag]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatch(/^Usage: tentacle_server /);
    expect(stdout).toMatch(/-s, --directory .*\n/);
  });

  test('--version shows the version and exits 0', () => {
    const { status, stdout, stderr } = runServer(['--version']);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatch(/^tentacle_server \d+\.\d+\.\d+\n$/);
  });

  test('no option at all shows the help, says what to give, and exits 1', () => {
    const { status, stdout, stderr } = runServer([]);
    expect(status).toBe(1);
    expect(stdout).toMatch(/^Usage: tentacle_server /);
    expect(stderr).toMatch(/-s DIR or -F FILE.*\/etc\/tentacle\/tentacle_server\.conf/);
  });

  test('-S says that Windows services are not supported and exits 1', () => {
    const { status, stderr } = runServer(['-S', 'install']);
    expect(status).toBe(1);
    expect(stderr).toMatch(/Windows services are not supported/);
  });
});

describe('refuses to start, with exit 1 and a message', () => {
  test.each([
    ['an unknown letter', ['-Q'], /unknown option -Q/],
    ['a mistyped long option', ['--max-sise', '3'], /unknown option --max-sise; did you mean --max-size\?/],
    ['an option without its value', ['-p'], /option -p needs a value/],
    ['a stray argument', ['stray'], /word 3 belongs to no option/],
    ['a port out of range', ['-p', '65536'], /-p, --port: port must be from 1 to 65535, not 65536/],
    ['a number that is none', ['-t', 'soon'], /-t, --timeout: timeout must be a whole number, not "soon"/],
    ['an address that is none', ['-a', '1.2.3'], /-a, --addresses: .*"1\.2\.3" is not an address/],
    ['a filter that leaves the spool', ['-i', 'x:../up'], /filter "x:\.\.\/up": \.\.\/up leaves the spool/],
  ])('%s', (_what, args, message) => {
    const { status, stderr } = runAsOrdinaryUser('-s', temporarySpool(), ...args);
    expect(stderr).toMatch(message);
    expect(status).toBe(1);
  });

  test.each([
    ['is not there', '/nowhere/x.conf', 'it does not exist'],
    ['is a directory', '/', 'it is a directory'],
  ])('a configuration file that %s, and nothing else is told', (_what, path, reason) => {
    // Not that a directory is required, too: the file may name one.
    const { status, stderr } = runAsOrdinaryUser('-F', path);
    expect(stderr).toBe(`[err] ${path}: cannot read the configuration file: ${reason}\n`);
    expect(status).toBe(1);
  });

  test('a path on the command line that is empty, most likely an unset variable', () => {
    const { status, stderr } = runAsOrdinaryUser('-s', temporarySpool(), '-e', '');
    expect(stderr).toMatch(/^\[err\] -e, --ssl-cert: ssl_cert is given, but empty$/m);
    expect(status).toBe(1);
  });

  test('a CA without a certificate, since nobody would be verified', () => {
    const { ca } = new CertificateAuthority();
    const { status, stderr } = runAsOrdinaryUser('-s', temporarySpool(), '-f', ca);
    expect(stderr).toMatch(/^\[err\] -f, --ssl-ca: ssl_ca verifies nobody without ssl_cert: TLS is off$/m);
    expect(status).toBe(1);
  });

  test('a directory that is not given', () => {
    const { status, stderr } = runAsOrdinaryUser('-p', '41121');
    expect(stderr).toMatch(/directory is required \(-s DIR\)/);
    expect(status).toBe(1);
  });

  test('a directory that is missing', () => {
    const { status, stderr } = runAsOrdinaryUser('-s', '/nowhere/spool');
    expect(stderr).toMatch(/-s, --directory: directory \/nowhere\/spool .*does not exist/);
    expect(status).toBe(1);
  });

  test('a directory that cannot be written', () => {
    const spool = temporarySpool();
    chmodSync(spool, 0o555);
    const { status, stderr } = runAsOrdinaryUser('-s', spool);
    expect(stderr).toContain(`directory ${spool} cannot be written: permission denied for user`);
    expect(status).toBe(1);
  });

  test('a key that cannot be read', () => {
    const { cert, key } = new CertificateAuthority().issue('server');
    chmodSync(key, 0o000);
    const { status, stderr } = runAsOrdinaryUser('-s', temporarySpool(), '-e', cert, '-k', key);
    expect(stderr).toContain(`-k, --ssl-key: ssl_key: cannot read ${key}: permission denied for user`);
    expect(status).toBe(1);
  });

  test('a key of another certificate', () => {
    const authority = new CertificateAuthority();
    const [one, other] = [authority.issue('server'), authority.issue('server')];
    chmodSync(other.key, 0o644);
    const { status, stderr } = runAsOrdinaryUser('-s', temporarySpool(), '-e', one.cert, '-k', other.key);
    expect(stderr).toMatch(/-k, --ssl-key: ssl_key is not the private key of ssl_cert/);
    expect(status).toBe(1);
  });

  test('a CA that does not parse', () => {
    const { cert, key } = new CertificateAuthority().issue('server');
    chmodSync(key, 0o644);
    const ca = join(temporaryDirectory(), 'ca.pem');
    writeFileSync(ca, '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n');
    const { status, stderr } = runAsOrdinaryUser('-s', temporarySpool(), '-e', cert, '-k', key, '-f', ca);
    expect(stderr).toMatch(/-f, --ssl-ca: ssl_ca does not parse/);
    expect(status).toBe(1);
  });

  test('a port that another program listens on', async () => {
    const other = createServer();
    onTestFinished(() => {
      other.close();
    });
    const port = await freePort();
    await new Promise<void>((done) => other.listen(port, '127.0.0.1', done));
    const { status, stderr } = runServer([
      ...(isRoot ? ['--allow-root'] : []),
      ...['-s', temporarySpool(), '-a', '127.0.0.1', '-p', String(port)],
    ]);
    expect(stderr).toContain(`address 127.0.0.1 on port ${String(port)}: another program is listening there`);
    expect(status).toBe(1);
  });

  test.each([
    ['store jetstream', 'nats_servers 127.0.0.1:1'],
    ['proxy_ip 127.0.0.1', 'proxy_mode store'],
  ])('a deliverer’s directory as the queue of %s, which would send all of it on', (...lines) => {
    const spool = temporarySpool();
    writeFileSync(join(spool, '.tentacle-delivered'), '');
    const conf = confFile(`directory ${spool}`, ...lines);
    const { status, stderr } = runAsOrdinaryUser('-F', conf);
    expect(stderr).toContain(
      `[err] ${conf}:1: directory ${spool} is where a server with mode deliver puts files`,
    );
    expect(status).toBe(1);
  });

  test('several problems, all told at once, each with its place', () => {
    const conf = confFile('port 0', 'directory /nowhere/spool', 'ssl_cert cert.pem', 'max_size many');
    const { status, stderr } = runAsOrdinaryUser('-F', conf, '-t', '0');
    expect(stderr).toContain(`[err] ${conf}:1: port must be from 1`);
    expect(stderr).toContain(`[err] ${conf}:2: directory /nowhere/spool does not exist: create it`);
    expect(stderr).toContain(`[err] ${conf}:3: ssl_cert must be an absolute path`);
    expect(stderr).toContain(`[err] ${conf}:4: max_size must be a whole number`);
    expect(stderr).toMatch(/-t, --timeout: timeout must be from 1/);
    expect(status).toBe(1);
  });
});
