/** What --setup-jetstream and --check say of JetStream, with real servers, and how they exit. */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished, test, expect } from 'vitest';
import { CertificateAuthority } from '../support/certificates.ts';
import { freePort, type Result, runServer, SERVER } from '../support/program.ts';
import { Nats, type NatsOptions } from '../support/nats.ts';
import { isRoot } from '../support/requires.ts';
import { temporaryDirectory, temporarySpool } from '../support/temporary.ts';

async function started(options: NatsOptions = {}): Promise<Nats> {
  const nats = await Nats.start(options);
  onTestFinished(() => nats.stop());
  return nats;
}

function run(...args: readonly string[]): Result {
  return runServer([...(isRoot ? ['--allow-root'] : []), ...args]);
}

const FILTERS = ['-i', 'conf$:conf;md5$:md5'];

/** Of a receiver that keeps files on these servers. */
function receiver(servers: string, replicas = 1): readonly string[] {
  return ['--store', 'jetstream', '--nats-servers', servers, '--nats-replicas', String(replicas), ...FILTERS];
}

test('--setup-jetstream makes what a receiver needs, finds it the second time, and --check then has nothing to say', async () => {
  const nats = await started();
  const options = [...receiver(nats.servers), '-s', temporarySpool()];
  const first = run('--setup-jetstream', ...options);
  expect(first).toMatchObject({ status: 0, stderr: '' });
  expect(first.stdout.split('\n')).toEqual([
    'stream TENTACLE: made',
    'consumers deliver-00 to deliver-31: made',
    'bucket TENTACLE--bodies: made',
    'bucket TENTACLE_conf: made',
    'bucket TENTACLE_md5: made',
    '',
  ]);
  await nats.change({ max_age: 3_600_000_000_000 });
  const second = run('--setup-jetstream', ...options);
  expect(second.stdout).toMatch(/^stream TENTACLE: changed, max_age 3600000000000 -> 0$/m);
  expect(second.stdout).toMatch(/^bucket TENTACLE_md5: as it should be$/m);
  const check = run('--check', ...options);
  expect(check).toMatchObject({ status: 0 });
  expect(check.stdout).not.toMatch(/^(warning|error)/m);
  for (const line of [
    /^JetStream, stream TENTACLE$/m,
    /^ {2}server {8}127\.0\.0\.1:\d+: n1, NATS 2\.\S+, connected within \d+ ms$/m,
    /^ {2}stream {8}0 messages \(0 bytes\)$/m,
    /^ {2}replicas {6}n1 leader$/m,
    /^ {2}quorum {8}yes; no further replica may fail$/m,
    /^ {2}consumers {5}0 messages to be delivered, 0 not acknowledged yet$/m,
    /^ {2}clocks {8}n1 \d+ ms (ahead of|behind) this host \(\+- \d+ ms\)$/m,
  ])
    expect(check.stdout).toMatch(line);
});

test('all is made although nobody reads the lines to the end', async () => {
  const nats = await started();
  const options = [...receiver(nats.servers), '-s', temporarySpool(), ...(isRoot ? ['--allow-root'] : [])];
  const line = '{ "$@"; echo "exit $?" >&2; } | true';
  const words = [process.execPath, SERVER, '--setup-jetstream', ...options];
  const { stderr } = spawnSync('sh', ['-c', line, 'sh', ...words], { encoding: 'utf8' });
  expect(stderr).toBe('exit 0\n');
  expect(run('--setup-jetstream', ...options).stdout).not.toContain('made');
});

test('a deliverer needs no buckets of directories, and another mode needs nothing', async () => {
  const nats = await started();
  const deliverer = [
    '--mode',
    'deliver',
    '--nats-servers',
    nats.servers,
    '--nats-replicas',
    '1',
    '-s',
    temporarySpool(),
  ];
  const { stdout, status } = run('--setup-jetstream', ...deliverer);
  expect(status).toBe(0);
  expect(stdout.match(/^bucket .*$/gm)).toEqual(['bucket TENTACLE--bodies: made']);
  const receive = run('--setup-jetstream', '-s', temporarySpool());
  expect(receive).toMatchObject({ status: 1, stdout: '' });
  expect(receive.stderr).toMatch(
    /^\[err\] --setup-jetstream: there is nothing to set up: only store jetstream/m,
  );
});

test('what is not set up, or differs, is a warning of --check with the way out', async () => {
  const nats = await started();
  const options = [...receiver(nats.servers), '-s', temporarySpool()];
  const nothing = run('--check', ...options);
  expect(nothing.status).toBe(0);
  expect(nothing.stdout).toMatch(
    /^warning: .* there is no stream TENTACLE: run --setup-jetstream, or correct nats_stream; until then files wait in /m,
  );
  run('--setup-jetstream', ...options);
  await nats.change({ max_age: 3_600_000_000_000 });
  const other = run('--check', ...options);
  expect(other.stdout).toMatch(
    /^warning: .* stream TENTACLE is not as the settings say \(max_age 3600000000000 -> 0\): run --setup-jetstream$/m,
  );
  expect(other.status).toBe(0);
});

test('each server that cannot be reached is named with its reason; without a directory that is an error', async () => {
  const ports = await Promise.all([freePort(), freePort()]);
  const servers = ports.map((port) => `127.0.0.1:${String(port)}`).join(',');
  const refused = ports.map((port) => new RegExp(`127\\.0\\.0\\.1:${String(port)}: connection refused`));
  const setup = run('--setup-jetstream', ...receiver(servers));
  expect(setup).toMatchObject({ status: 1, stdout: '' });
  for (const line of refused) expect(setup.stderr).toMatch(line);
  const without = run('--check', ...receiver(servers));
  for (const line of refused) expect(without.stdout).toMatch(line);
  expect(without.stdout).toMatch(
    /^2 errors: the server would start, but have no work before JetStream is there$/m,
  );
  expect(without.status).toBe(1);
  const spool = temporarySpool();
  const with_ = run('--check', ...receiver(servers), '-s', spool);
  expect(with_.stdout).toContain(`until then files wait in ${spool}`);
  expect(with_.stdout).toMatch(/^OK: the server would start$/m);
  expect(with_.status).toBe(0);
});

test('too few servers for nats_replicas are told with both numbers', async () => {
  const nats = await started();
  const { status, stderr } = run('--setup-jetstream', ...receiver(nats.servers, 3));
  expect(stderr).toMatch(
    /stream TENTACLE: nats_replicas 3, but the cluster has 1 server \(.*\): start further ones, or/,
  );
  expect(status).toBe(1);
});

test('a user with the wrong password is told so, and no password is shown', async () => {
  const user = { user: 'tentacle', pass: 'right-one' };
  const more = 'authorization { user: tentacle, password: right-one }';
  const nats = await started({ more, connection: user });
  const file = join(temporaryDirectory(), 'credentials');
  const options = [...receiver(nats.servers), '-s', temporarySpool(), '--nats-credentials', file];
  const none = run('--setup-jetstream', ...receiver(nats.servers));
  expect(none.stderr).toMatch(/wants credentials \(Authorization Violation\): set nats_credentials$/m);
  writeFileSync(file, 'tentacle:wrong-one\n', { mode: 0o600 });
  for (const action of ['--setup-jetstream', '--check']) {
    const { stdout, stderr } = run(action, ...options);
    expect(stdout + stderr).toMatch(
      /does not accept the credentials \(Authorization Violation\): see nats_credentials/,
    );
    expect(stdout + stderr).not.toContain('wrong-one');
  }
  writeFileSync(file, 'tentacle:right-one\n', { mode: 0o600 });
  expect(run('--setup-jetstream', ...options)).toMatchObject({ status: 0, stderr: '' });
  const check = run('--check', ...options);
  expect(check.stdout).toMatch(/^ {2}credentials {3}accepted$/m);
  expect(check.stdout).not.toContain('right-one');
});

test('over TLS both sides show certificates; another CA verifies nobody', async () => {
  const authority = new CertificateAuthority();
  const server = authority.issue('nats', { alternativeNames: 'IP:127.0.0.1' });
  const client = authority.issue('receiver');
  const pem = { caFile: authority.ca, certFile: client.cert, keyFile: client.key };
  // The test trusts whoever answers; the program does not.
  const tls = Object.assign(pem, { checkServerIdentity: () => undefined });
  const more = `tls { cert_file: "${server.cert}", key_file: "${server.key}", ca_file: "${authority.ca}", verify: true }`;
  const nats = await started({ more, connection: { tls } });
  const options = [...receiver(nats.servers), '-s', temporarySpool()];
  const identity = ['--nats-tls-cert', client.cert, '--nats-tls-key', client.key];
  const right = run('--setup-jetstream', ...options, '--nats-tls-ca', authority.ca, ...identity);
  expect(right).toMatchObject({ status: 0, stderr: '' });
  const check = run('--check', ...options, '--nats-tls-ca', authority.ca, ...identity);
  expect(check.stdout).toMatch(/^ {2}TLS {11}on, the servers are verified$/m);
  expect(check.stdout).toMatch(/^nats_tls_cert .*\n {2}subject: CN=receiver\n/m);
  expect(check.stdout).toMatch(/^nats_tls_ca .*\n {2}CN=Test CA, /m);
  expect(check.stdout).not.toMatch(/^(warning|error): .*nats_servers: /m);
  const otherCa = run(
    '--setup-jetstream',
    ...options,
    '--nats-tls-ca',
    new CertificateAuthority('Other CA').ca,
    ...identity,
  );
  expect(otherCa.stderr).toMatch(/127\.0\.0\.1:\d+: no CA of nats_tls_ca signed its certificate$/m);
  expect(otherCa.status).toBe(1);
  const noneShown = run('--setup-jetstream', ...options, '--nats-tls-ca', authority.ca);
  expect(noneShown.stderr).toMatch(
    /127\.0\.0\.1:\d+: ends the TLS connection: it wants a certificate, so set/,
  );
  expect(noneShown.status).toBe(1);
  const plain = run('--setup-jetstream', ...options);
  expect(plain.stderr).toMatch(/127\.0\.0\.1:\d+: .*set nats_tls_ca/);
  expect(plain.status).toBe(1);
});

test('--queue of a receiver shows what waits here, and whether JetStream would take it', async () => {
  const nats = await started();
  const spool = temporarySpool();
  const options = [...receiver(nats.servers), '-s', spool];
  const before = run('--queue', ...options);
  expect(before.stdout).toMatch(/^files {5}0$/m);
  expect(before.stdout).toMatch(
    /^jetstream 127\.0\.0\.1:\d+: up\njetstream there is no stream TENTACLE: run --setup-jetstream, or correct nats_stream\n$/m,
  );
  run('--setup-jetstream', ...options);
  writeFileSync(join(spool, 'waiting.1.data'), 'x'.repeat(100));
  const { stdout, status } = run('--queue', ...options);
  expect(stdout).toMatch(/^files {5}1\nbytes {5}100 bytes\n/);
  expect(stdout).toMatch(/^jetstream stream TENTACLE: up$/m);
  expect(status).toBe(0);
  const without = run('--queue', ...receiver(nats.servers));
  expect(without.stderr).toMatch(/nothing waits here: .*store jetstream with directory, have a queue$/m);
  expect(without.status).toBe(1);
});

test('a file of credentials that holds none keeps the server from starting', async () => {
  const nats = await started();
  const file = join(temporaryDirectory(), 'credentials');
  writeFileSync(file, '# nothing\n', { mode: 0o600 });
  const { stdout, status } = run(
    '--check',
    ...receiver(nats.servers),
    '-s',
    temporarySpool(),
    '--nats-credentials',
    file,
  );
  expect(stdout).toMatch(/^error: .*nats_credentials: the file holds nothing$/m);
  expect(stdout).toMatch(/^1 error: the server would not start$/m);
  expect(status).toBe(1);
});
