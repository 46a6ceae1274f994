/** What --queue shows and how it exits. */
import { readdirSync, utimesSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { CertificateAuthority } from '../support/certificates.ts';
import { freePort, type Result, runServer, ServerProcess } from '../support/program.ts';
import { isRoot, testWith } from '../support/requires.ts';
import { temporaryDirectory, temporarySpool } from '../support/temporary.ts';

function queue(...args: readonly string[]): Result {
  return runServer(['--queue', ...(isRoot ? ['--allow-root'] : []), ...args]);
}

/** Options of a proxy that stores into `spool`. */
function storing(spool: string, upstreams: string): readonly string[] {
  return ['-s', spool, '-b', upstreams, '--proxy-mode', 'store'];
}

/** Upstream states as shown, without the addresses. */
function states({ stdout }: Result): string[] {
  return [...stdout.matchAll(/^upstream {2}127\.0\.0\.1 port \d+: (.*)$/gm)].map(([, state = '']) => state);
}

const REFUSED = 'connection refused: nothing listens there';

test('shows files, bytes, age, rejected ones and every upstream, from a configuration file', async () => {
  const upstream = await ServerProcess.start(['-s', temporarySpool(), '-x', 'secret']);
  const [spool, nobody] = [temporarySpool('rejected'), await freePort()];
  writeFileSync(join(spool, 'young.2.data'), 'x'.repeat(1000));
  writeFileSync(join(spool, 'old.1.data'), 'x'.repeat(1048));
  const hours = Date.now() / 1000 - 3 * 3600 - 60;
  utimesSync(join(spool, 'old.1.data'), hours, hours);
  writeFileSync(join(spool, '.tentacle.hidden.part'), 'x');
  writeFileSync(join(spool, 'rejected', 'unwanted.3.data'), 'x');
  const conf = join(temporaryDirectory(), 'tentacle_server.conf');
  const servers = `127.0.0.1:${String(upstream.port)},127.0.0.1:${String(nobody)}`;
  writeFileSync(
    conf,
    `directory ${spool}\nproxy_ip ${servers}\nproxy_mode store\nproxy_password secret\ndaemon 1\n`,
  );
  expect(queue('-F', conf)).toEqual({
    ...{ status: 0, signal: null, pid: expect.any(Number) as number, output: expect.anything() as unknown },
    stderr: '',
    stdout: `files     2
bytes     2.0 KB
oldest    3 hours
rejected  1
upstream  127.0.0.1 port ${String(upstream.port)}: up
upstream  127.0.0.1 port ${String(nobody)}: ${REFUSED}
`,
  });
  expect(readdirSync(spool)).toHaveLength(4);
});

test('an empty queue has no age, and its upstream may be away', async () => {
  const result = queue(...storing(temporarySpool(), `127.0.0.1:${String(await freePort())}`));
  expect(result.stdout).toMatch(/^files {5}0\nbytes {5}0 bytes\noldest {4}-\nrejected {2}0\nupstream/);
  expect(states(result)).toEqual([REFUSED]);
  expect(result.status).toBe(0);
});

test('a wrong password is why', async () => {
  const { port } = await ServerProcess.start(['-s', temporarySpool(), '-x', 'secret']);
  const options = storing(temporarySpool(), `127.0.0.1:${String(port)}`);
  const result = queue(...options, '--proxy-password', 'hidden');
  expect(states(result)).toEqual([
    'connection closed by the server: the password is wrong, or the server has none set',
  ]);
  expect(result.stdout + result.stderr).not.toContain('hidden');
});

testWith(
  ['openssl'],
  'TLS, both sides verified, behind a PROXY header; without a certificate it is not up',
  async () => {
    const authority = new CertificateAuthority();
    const [server, proxy] = [authority.issue('server'), authority.issue('proxy')];
    const { port } = await ServerProcess.start([
      ...['-s', temporarySpool(), '-e', server.cert, '-k', server.key, '-f', authority.ca],
      ...['--proxy-protocol-accept', '127.0.0.1'],
    ]);
    const options = [
      ...storing(temporarySpool(), `127.0.0.1:${String(port)}`),
      ...['--proxy-ssl', '--proxy-ssl-ca', authority.ca, '--proxy-protocol-send', 'v2'],
    ];
    const shown = ['--proxy-ssl-cert', proxy.cert, '--proxy-ssl-key', proxy.key];
    expect(states(queue(...options, ...shown))).toEqual(['up']);
    expect(states(queue(...options))).toEqual([expect.stringContaining('client certificate')]);
  },
);

test('the proxy may run meanwhile: its port is not needed, and what it is to send on is left to it', async () => {
  const target = temporarySpool();
  const upstream = await ServerProcess.start(['-s', target]);
  const spool = temporarySpool();
  const options = storing(spool, `127.0.0.1:${String(upstream.port)}`);
  const proxy = await ServerProcess.start(options);
  expect(states(queue(...options, '-a', '127.0.0.1', '-p', String(proxy.port)))).toEqual(['up']);
  writeFileSync(join(spool, 'a.1.data'), 'hello');
  await expect.poll(() => readdirSync(target), { timeout: 10_000 }).toEqual(['a.1.data']);
  expect(proxy.child.exitCode).toBeNull();
});

test('an upstream that takes connections and says nothing is waited for no longer than the idle limit', async () => {
  const silent = createServer();
  onTestFinished(() => {
    silent.close();
  });
  const ports = [await freePort(), await freePort()];
  await new Promise<void>((done) => silent.listen(ports[0], '127.0.0.1', done));
  const servers = ports.map((port) => `127.0.0.1:${String(port)}`).join(',');
  const result = queue(...storing(temporarySpool(), servers), '-t', '1', '-r', '0');
  expect(states(result)).toEqual([expect.stringMatching(/did not answer|timed out/), REFUSED]);
  expect(result.status).toBe(0);
});

const NO_QUEUE =
  '[err] --queue: nothing waits here: only a proxy with proxy_ip and proxy_mode store, and store jetstream with directory, have a queue\n';

test('without proxy_mode store it says so, and exits 1', () => {
  for (const options of [
    ['-s', temporarySpool()],
    ['-b', '127.0.0.1:1'],
  ]) {
    expect(queue(...options)).toMatchObject({ status: 1, stdout: '', stderr: NO_QUEUE });
  }
});

test('a bad configuration is told as at a start, and exits 1', () => {
  const missing = join(temporaryDirectory(), 'missing');
  const { status, stdout, stderr } = queue(...storing(missing, '127.0.0.1:1'));
  expect(stderr).toBe(`[err] -s, --directory: directory ${missing} does not exist: create it\n`);
  expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
});
