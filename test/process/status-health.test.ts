/** Whatever fails, /readyz and /healthz say so, and when it is over. */
import { chmodSync, copyFileSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { CertificateAuthority } from '../support/certificates.ts';
import { hungDisk, noLoopMounts } from '../support/hung-disk.ts';
import { fill, smallDisk } from '../support/full-disk.ts';
import { freePort, ServerProcess } from '../support/program.ts';
import { isRoot, testWith } from '../support/requires.ts';
import { ask, becomes, checkOf, LOOKS, metricOf, reportOf, send, start } from '../support/status.ts';
import { temporaryDirectory, temporarySpool } from '../support/temporary.ts';

test('a worker killed -9 is counted, told of, and replaced', async () => {
  const started = await start('--workers', '2');
  const { server, at } = started;
  await send(started, 'agent.1.data');
  expect(await metricOf(at, 'tentacle_files_total{command="SEND",result="received"}')).toBe(1);
  const [victim = 0] = server.workers();
  process.kill(victim, 'SIGKILL');
  await server.logged('A new worker took the place of the lost one');
  expect(await metricOf(at, 'tentacle_worker_restarts_total')).toBe(1);
  expect(await metricOf(at, 'tentacle_files_total{command="SEND",result="received"}')).toBe(1);
  const report = await reportOf(at);
  expect(report).toMatchObject({ restarts: 1, ready: true });
  expect(report.workers.map(({ pid }) => pid)).not.toContain(victim);
  expect(report.recentTroubles.map(({ text }) => text).join()).toContain(
    `Worker ${String(victim)} ended by SIGKILL`,
  );
});

test('while no worker serves it is neither ready nor well', async () => {
  const { server, at } = await start('--workers', '1');
  // Each time it waits longer before it starts another one.
  for (let times = 0; times < 5; times++) {
    await expect.poll(() => server.workers().length, LOOKS).toBe(1);
    for (const pid of server.workers()) process.kill(pid, 'SIGKILL');
  }
  await expect.poll(async () => (await ask(at, '/healthz')).status, LOOKS).toBe(503);
  expect(await checkOf(at, 'workers')).toEqual({
    ok: false,
    text: 'none serves: the log says why; another one starts soon',
  });
  await becomes(at, 200);
});

test('workers that hang serve nobody, which is told before they are replaced', async () => {
  const { server, at } = await start('--workers', '2');
  const stopped = server.workers();
  for (const pid of stopped) process.kill(pid, 'SIGSTOP');
  await becomes(at, 503);
  expect((await ask(at, '/healthz')).status).toBe(503);
  expect((await checkOf(at, 'workers'))?.text).toMatch(/^none serves, 2 not answering: /);
  expect((await reportOf(at)).workers.map(({ state }) => state)).toEqual(['silent', 'silent']);
  for (const pid of stopped) process.kill(pid, 'SIGCONT');
  await becomes(at, 200);
});

testWith(['root', 'mount'], 'a full disk: not ready until there is room', async () => {
  const [spool, at] = [smallDisk('4m'), await freePort()];
  const options = ['-s', spool, '--min-free-space', '1000000', '--status-address', `127.0.0.1:${String(at)}`];
  const server = await ServerProcess.start(options);
  await server.logged('Status page on');
  await becomes(at, 200);
  fill(join(spool, '.ballast'));
  await becomes(at, 503);
  expect(await checkOf(at, 'spool')).toEqual({
    ok: false,
    text: `${spool} is full: 0 bytes free, and min_free_space keeps 976.6 KB of it; files are refused until there is room`,
  });
  expect(await metricOf(at, 'tentacle_spool_free_bytes')).toBe(0);
  await send({ server }, 'agent.1.data');
  expect(await metricOf(at, 'tentacle_refusals_total{reason="not_enough_space"}')).toBe(1);
  rmSync(join(spool, '.ballast'));
  await becomes(at, 200);
});

test('N4 a directory of a filter that is gone does not take the server out, and is told', async () => {
  const { server, spool, at } = await start('-i', '.*\\.conf:conf');
  const gone = `filter directory ${spool}/conf does not exist: create it`;
  await server.logged(gone);
  const told = async (): Promise<readonly string[] | undefined> => (await reportOf(at)).spool?.unusable;
  await expect.poll(told, LOOKS).toEqual([gone]);
  expect((await ask(at, '/readyz')).status).toBe(200);
  mkdirSync(join(spool, 'conf'));
  await expect.poll(told, LOOKS).toEqual([]);
});

test('a spool that is gone, which the log says, too, though nobody sends a file', async () => {
  const { server, spool, at } = await start();
  await becomes(at, 200);
  renameSync(spool, `${spool}.away`);
  await becomes(at, 503);
  expect((await checkOf(at, 'spool'))?.text).toBe(`${spool} does not exist: create it`);
  await server.logged(`[err]Not ready: spool: ${spool} does not exist: create it.`);
  renameSync(`${spool}.away`, spool);
  await becomes(at, 200);
  await server.logged(/\[log\]Passes again after \d+ seconds: spool: .* can be written/);
});

const why = noLoopMounts();
// A container without loop devices is no fault of the CI's.
test.skipIf(why !== undefined)(
  `a disk that hangs: not ready, and it tells all the same${why === undefined ? '' : ` [${why}]`}`,
  async () => {
    const [disk, at] = [hungDisk(), await freePort()];
    const server = await ServerProcess.start([
      ...['-s', disk.directory, '--status-address', `127.0.0.1:${String(at)}`],
    ]);
    await server.logged('Status page on');
    await becomes(at, 200);
    disk.freeze();
    try {
      await becomes(at, 503);
      expect((await checkOf(at, 'spool'))?.text).toMatch(/has not answered for \d+ seconds: its disk hangs/);
      expect((await ask(at, '/healthz')).status).toBe(200);
    } finally {
      disk.thaw();
    }
    await becomes(at, 200);
  },
);

testWith(['openssl'], 'an expired certificate: not ready, until there is another one', async () => {
  const authority = new CertificateAuthority();
  const [expired, good] = [authority.issue('server', { days: -1 }), authority.issue('server')];
  const directory = temporaryDirectory();
  const [cert, key] = [join(directory, 'server.pem'), join(directory, 'server.key')];
  const install = (issued: typeof good): void => {
    copyFileSync(issued.key, key);
    copyFileSync(issued.cert, cert);
  };
  install(expired);
  const { server, at } = await start('-e', cert, '-k', key);
  await becomes(at, 503);
  expect((await checkOf(at, 'certificate'))?.text).toMatch(
    /^ssl_cert .*server\.pem \(CN=server\) expired on .*: renew it/,
  );
  expect(await metricOf(at, `tentacle_certificate_expiry_seconds{file="${cert}"}`)).toBeLessThan(0);
  install(good);
  await server.logged('Reloaded (a file changed)');
  await becomes(at, 200);
  expect(await metricOf(at, `tentacle_certificate_expiry_seconds{file="${cert}"}`)).toBeGreaterThan(0);
});

if (!isRoot) {
  test('a spool that cannot be written', async () => {
    const { spool, at } = await start();
    await becomes(at, 200);
    chmodSync(spool, 0o500);
    onTestFinished(() => {
      chmodSync(spool, 0o700);
    });
    await becomes(at, 503);
    expect((await checkOf(at, 'spool'))?.text).toContain('cannot be written: permission denied');
  });
}

test('a relay whose upstream goes and comes', async () => {
  const at = await freePort();
  const upstream = await ServerProcess.start(['-s', temporarySpool()]);
  const name = `127.0.0.1 port ${String(upstream.port)}`;
  const server = await ServerProcess.start([
    ...['-b', '127.0.0.1', '-g', String(upstream.port), '--status-address', `127.0.0.1:${String(at)}`],
  ]);
  await server.logged('Status page on');
  await becomes(at, 200);
  expect(await metricOf(at, `tentacle_upstream_up{upstream="${name}"}`)).toBe(1);
  await send({ server }, 'agent.1.data');
  // The line of a relay comes behind its last byte.
  await expect.poll(() => metricOf(at, 'tentacle_bytes_total{direction="received"}')).toBeGreaterThan(100);
  const report = await reportOf(at);
  expect(report).toMatchObject({ mode: 'relay', upstreams: [{ server: name, up: true, text: 'up' }] });
  expect(report.spool).toBeUndefined();
  await upstream.stop();
  await becomes(at, 503);
  expect((await checkOf(at, 'upstream'))?.text).toContain(
    `${name}: connection refused: nothing listens there`,
  );
  await send({ server }, 'agent.2.data');
  await expect
    .poll(() => reportOf(at), LOOKS)
    .toMatchObject({
      totals: { refused: 1 },
      refusals: [{ reason: 'no upstream', times: 1 }],
      peers: { latest: [{ refused: 1 }] },
    });
});

test('a proxy that stores: what waits, and for whom', async () => {
  const [queue, at, gone] = [temporarySpool(), await freePort(), await freePort()];
  const server = await ServerProcess.start([
    ...['-s', queue, '-b', '127.0.0.1', '-g', String(gone), '--proxy-mode', 'store'],
    ...['--status-address', `127.0.0.1:${String(at)}`],
  ]);
  await server.logged('Status page on');
  await send({ server }, 'agent.1.data', 'agent.2.data');
  await expect.poll(() => metricOf(at, 'tentacle_queue_files'), LOOKS).toBe(2);
  expect(await metricOf(at, 'tentacle_queue_bytes')).toBe(200);
  expect(await checkOf(at, 'upstream')).toMatchObject({ ok: false });
  const upstream = await ServerProcess.start(
    ['-a', '127.0.0.1', '-p', String(gone), '-s', temporarySpool()],
    {
      port: gone,
    },
  );
  await expect.poll(() => metricOf(at, 'tentacle_queue_files'), LOOKS).toBe(0);
  expect(await metricOf(at, 'tentacle_forwarded_files_total{result="forwarded"}')).toBe(2);
  await becomes(at, 200);
  await upstream.stop();
});

test('while it stops it is not ready, but tells', async () => {
  const { server, at } = await start('-t', '20', '--workers', '1');
  const busy = new Promise<void>((resolve) => {
    const socket = connect(server.port, '127.0.0.1');
    onTestFinished(() => {
      socket.destroy();
    });
    socket.write('SEND <slow.1.data> SIZE 100\n');
    socket.once('data', () => {
      resolve();
    });
  });
  await busy;
  server.child.kill('SIGTERM');
  await server.logged('waiting up to');
  expect((await checkOf(at, 'listening'))?.text).toBe('the server is stopping');
  expect((await ask(at, '/readyz')).status).toBe(503);
});
