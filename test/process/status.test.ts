/** What a running server tells of itself, where, and to whom. */
import { execFileSync } from 'node:child_process';
import { existsSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runClient } from '../support/client-program.ts';
import { CertificateAuthority } from '../support/certificates.ts';
import { freePort, runServer, ServerProcess } from '../support/program.ts';
import { isRoot, testWith } from '../support/requires.ts';
import { ask, LOOKS, metricOf, reportOf, send, start } from '../support/status.ts';
import { temporaryDirectory, temporarySpool } from '../support/temporary.ts';

test('without status_address nothing listens but the port for files', async () => {
  const server = await ServerProcess.start(['-s', temporarySpool()]);
  server.child.kill('SIGUSR2');
  await server.logged('Status: up');
  expect(server.output).not.toContain('Status page');
});

test('every file and every refusal is counted once, whichever worker had it', async () => {
  const started = await start('--workers', '3');
  const { at } = started;
  const names = Array.from({ length: 9 }, (_, index) => `agent.${String(index)}.data`);
  await send(started, ...names, 'agent.1.data');
  expect(await metricOf(at, 'tentacle_files_total{command="SEND",result="received"}')).toBe(9);
  expect(await metricOf(at, 'tentacle_refusals_total{reason="file_already_exists"}')).toBe(1);
  expect(await metricOf(at, 'tentacle_bytes_total{direction="received"}')).toBe(900);
  expect(await metricOf(at, 'tentacle_transfer_seconds_count')).toBe(9);
  expect(await metricOf(at, 'tentacle_connections_total{result="completed"}')).toBe(10);
  expect(await metricOf(at, 'tentacle_workers{state="serving"}')).toBe(3);
  await expect.poll(() => metricOf(at, 'tentacle_spool_files'), LOOKS).toBe(9);
  const report = await reportOf(at);
  expect(report).toMatchObject({
    mode: 'receive',
    ready: true,
    listening: [`127.0.0.1 port ${String(started.server.port)}`],
    totals: { filesReceived: 9, bytesReceived: 900, refused: 1 },
    refusals: [{ reason: 'file already exists', times: 1 }],
    peers: { known: 1, latest: [{ address: '127.0.0.1', files: 9, bytes: 900, refused: 1 }] },
  });
  expect(report.recentFiles.map(({ file }) => file).sort()).toEqual(names);
  expect(report.recentTroubles[0]?.text).toMatch(/^File 'agent\.1\.data' size 100b from .* already exists$/);
});

test('OpenMetrics for those who know it, plain text for others', async () => {
  const { at } = await start();
  const modern = await ask(at, '/metrics', {
    headers: { accept: 'application/openmetrics-text;version=1.0.0,text/plain' },
  });
  expect(modern.headers['content-type']).toMatch(/^application\/openmetrics-text; version=1\.0\.0/);
  expect(modern.body).toMatch(/^# TYPE tentacle_files counter\ntentacle_files_total\{/m);
  expect(modern.body).toMatch(/\n# EOF\n$/);
  const old = await ask(at, '/metrics', { headers: { accept: 'text/plain' } });
  expect(old.headers['content-type']).toMatch(/^text\/plain/);
  expect(old.body).toMatch(/^# TYPE tentacle_files_total counter\ntentacle_files_total\{/m);
  expect(old.body).not.toContain('# EOF');
});

test('the settings are shown with their sources, and no secret, anywhere', async () => {
  const { at } = await start('-x', 'unseen-password', '--status-token', 'unseen-token');
  const headers = { authorization: 'Bearer unseen-token' };
  for (const path of ['/', '/status.json', '/metrics', '/readyz', '/healthz']) {
    const { status, body } = await ask(at, path, { headers });
    expect(status).toBe(200);
    expect(body).not.toContain('unseen');
  }
  const { settings } = JSON.parse((await ask(at, '/status.json', { headers })).body) as Awaited<
    ReturnType<typeof reportOf>
  >;
  expect(settings).toContainEqual({ token: 'password', value: '[redacted]', source: '-x, --password' });
  expect(settings).toContainEqual({ token: 'max_size', value: '2000000', source: 'default' });
});

test('whoever does not show the token is told nothing', async () => {
  const { at } = await start('--status-token', 'sesame');
  const basic = (pair: string): string => `Basic ${Buffer.from(pair).toString('base64')}`;
  for (const authorization of [
    '',
    'Bearer',
    'Bearer no',
    'Bearer sesame1',
    basic('sesame'),
    basic('sesame:no'),
  ]) {
    for (const path of ['/', '/metrics', '/healthz', '/readyz', '/status.json', '/events', '/none']) {
      const { status, headers, body } = await ask(at, path, { headers: { authorization } });
      expect(status).toBe(401);
      expect(headers['www-authenticate']).toContain('Bearer');
      expect(body.length).toBeLessThan(100);
    }
  }
  for (const authorization of ['Bearer sesame', 'bearer sesame', basic('anybody:sesame')])
    expect((await ask(at, '/healthz', { headers: { authorization } })).status).toBe(200);
});

test('DNS rebinding: a page that asks under a name of its own is told nothing', async () => {
  const { at } = await start();
  for (const host of [
    'evil.example',
    `evil.example:${String(at)}`,
    '127.0.0.1.evil.example',
    'localhost.evil.example',
  ]) {
    expect((await ask(at, '/status.json', { headers: { host } })).status).toBe(421);
  }
  for (const host of [
    'localhost',
    `LOCALHOST:${String(at)}`,
    `127.0.0.1:${String(at)}`,
    '[::1]:5',
    '10.0.0.9',
  ])
    expect((await ask(at, '/status.json', { headers: { host } })).status).toBe(200);
});

test('only GET and HEAD, of what there is', async () => {
  const { at } = await start();
  expect((await ask(at, '/healthz', { method: 'POST' })).status).toBe(405);
  expect((await ask(at, '/../etc/passwd')).status).toBe(404);
  const head = await ask(at, '/status.json', { method: 'HEAD' });
  expect([head.status, head.body]).toEqual([200, '']);
  expect(Number(head.headers['content-length'])).toBeGreaterThan(1000);
});

test('an address that others can reach needs a token', async () => {
  const at = await freePort();
  const [spool, root] = [temporarySpool(), isRoot ? ['--allow-root'] : []];
  const address = ['-s', spool, ...root, '--status-address', `0.0.0.0:${String(at)}`];
  const { status, stderr } = runServer(address);
  expect(status).toBe(1);
  expect(stderr).toContain(
    `--status-address: status_address 0.0.0.0:${String(at)} can be reached by others: set status_token`,
  );
  expect(runServer([...address, '--status-token', 'x', '--check']).stdout).toContain(
    'status_token goes over the network in clear',
  );
});

test('a socket: of a dead server it is taken over, of a living one not', async () => {
  const path = join(temporaryDirectory(), 'status');
  const options = ['-s', temporarySpool(), '--status-address', `unix:${path}`];
  const first = await ServerProcess.start(options);
  await first.logged(`Status page on unix:${path}`);
  expect(statSync(path).mode & 0o777).toBe(0o660);
  expect((await ask(path, '/healthz')).status).toBe(200);
  await first.stop('SIGKILL');
  expect(existsSync(path)).toBe(true);
  const second = await ServerProcess.start(options);
  await second.logged('Status page on');
  const third = await ServerProcess.start(options);
  await third.logged(
    /status_address: cannot listen on unix:.*: another program is listening there; files are served all the same/,
  );
  expect((await reportOf(path)).listening).toEqual([`127.0.0.1 port ${String(second.port)}`]);
  await second.stop();
  expect(existsSync(path)).toBe(false);
  // It tries again.
  await third.logged('Status page on');
});

test('a port that is taken keeps nobody from sending files, and is taken over when it is free', async () => {
  const [at, spool] = [await freePort(), temporarySpool()];
  const other = createServer();
  await new Promise<void>((done) => other.listen(at, '127.0.0.1', done));
  const server = await ServerProcess.start(['-s', spool, '--status-address', `127.0.0.1:${String(at)}`]);
  await server.logged(
    `status_address: cannot listen on 127.0.0.1:${String(at)}: another program is listening there`,
  );
  await send({ server }, 'agent.1.data');
  expect(existsSync(join(spool, 'agent.1.data'))).toBe(true);
  await new Promise((done) => other.close(done));
  await server.logged('Status page on');
  expect(await metricOf(at, 'tentacle_files_total{command="SEND",result="received"}')).toBe(1);
});

test('a reload shows, a refused one too, and no figure falls back', async () => {
  const [directory, at] = [temporaryDirectory(), await freePort()];
  const [conf, spool, port] = [join(directory, 'tentacle_server.conf'), temporarySpool(), await freePort()];
  const write = (...lines: readonly string[]): void => {
    const common = [
      `addresses 127.0.0.1`,
      `port ${String(port)}`,
      `directory ${spool}`,
      'allow_root 1',
      'verbose 1',
    ];
    // As editors do: by another file of the same name.
    writeFileSync(
      `${conf}.new`,
      [...common, `status_address 127.0.0.1:${String(at)}`, ...lines, ''].join('\n'),
    );
    renameSync(`${conf}.new`, conf);
  };
  write();
  const server = await ServerProcess.start(['-F', conf], { port });
  await server.logged('Status page on');
  await send({ server }, 'agent.1.data');
  write('max_size 5000');
  await server.logged('Reloaded (a file changed)');
  await send({ server }, 'agent.2.data');
  expect(await metricOf(at, 'tentacle_config_reloads_total{result="succeeded"}')).toBe(1);
  expect(await metricOf(at, 'tentacle_files_total{command="SEND",result="received"}')).toBe(2);
  const report = await reportOf(at);
  expect(report).toMatchObject({ generation: 2, reloads: { succeeded: 1, refused: 0 } });
  expect(report.recentFiles).toHaveLength(2);
  expect(report.settings).toContainEqual({ token: 'max_size', value: '5000', source: `${conf}:7` });
  write('max_size nonsense');
  await server.logged('Reload refused');
  await expect.poll(() => metricOf(at, 'tentacle_config_last_reload_refused'), LOOKS).toBe(1);
  expect((await reportOf(at)).reloads.lastRefusal?.text).toContain('max_size must be a whole number');
  expect((await reportOf(at)).recentTroubles[0]?.text).toContain('Reload refused');
  write('max_size 5000');
  await server.logged('The files say again what is in force: what was refused is settled.');
  await expect.poll(() => metricOf(at, 'tentacle_config_last_reload_refused'), LOOKS).toBe(0);
  expect(await metricOf(at, 'tentacle_config_reloads_total{result="refused"}')).toBe(1);
});

test('a reload may move it, close it, and change the token', async () => {
  const [directory, one, other] = [temporaryDirectory(), await freePort(), await freePort()];
  const [conf, port] = [join(directory, 'tentacle_server.conf'), await freePort()];
  const common = `addresses 127.0.0.1\nport ${String(port)}\ndirectory ${temporarySpool()}\nallow_root 1\n`;
  const write = (lines: string): void => {
    writeFileSync(`${conf}.new`, common + lines);
    renameSync(`${conf}.new`, conf);
  };
  write(`status_address 127.0.0.1:${String(one)}\n`);
  const server = await ServerProcess.start(['-F', conf], { port });
  await server.logged('Status page on');
  write(`status_address 127.0.0.1:${String(other)}\nstatus_token one\n`);
  await server.logged(`Status page on http://127.0.0.1:${String(other)}/`);
  await expect(ask(one, '/healthz')).rejects.toThrow('ECONNREFUSED');
  expect((await ask(other, '/healthz')).status).toBe(401);
  const bearer = (token: string) => ({ headers: { authorization: `Bearer ${token}` } });
  write(`status_address 127.0.0.1:${String(other)}\nstatus_token two\n`);
  await expect.poll(async () => (await ask(other, '/healthz', bearer('two'))).status, LOOKS).toBe(200);
  expect((await ask(other, '/healthz', bearer('one'))).status).toBe(401);
  write('');
  await expect
    .poll(
      () =>
        ask(other, '/healthz').then(
          () => 'answered',
          (cause: unknown) => String(cause),
        ),
      LOOKS,
    )
    .toContain('ECONNREFUSED');
});

testWith(['openssl'], 'S2 TLS handshakes by version, and those that come to nothing', async () => {
  const { cert, key } = new CertificateAuthority().issue('server');
  const { server, at } = await start('-e', cert, '-k', key);
  const handshake = (...options: readonly string[]): void => {
    const to = ['-connect', `127.0.0.1:${String(server.port)}`];
    execFileSync('openssl', ['s_client', ...to, ...options], {
      input: 'QUIT\n',
      stdio: ['pipe', 'ignore', 'ignore'],
    });
  };
  handshake('-tls1_2');
  handshake('-tls1_3');
  handshake('-tls1_3');
  // It speaks no TLS; and one that nothing in common is left for.
  await send({ server }, 'agent.1.data');
  expect(() => {
    handshake('-tls1_1', '-cipher', 'ALL:@SECLEVEL=0');
  }).toThrow();
  const counted = (labels: string) => metricOf(at, `tentacle_tls_handshakes_total{${labels}}`);
  await expect.poll(() => counted('version="TLSv1.2",result="completed"')).toBe(1);
  await expect.poll(() => counted('version="TLSv1.3",result="completed"')).toBe(2);
  await expect.poll(() => counted('version="none",result="failed"')).toBe(2);
});

testWith(['openssl'], 'a client without the certificate that it needs is counted as refused', async () => {
  const authority = new CertificateAuthority();
  const { key, cert } = authority.issue('server');
  const { server, at } = await start('-e', cert, '-k', key, '-f', authority.ca);
  const file = join(temporaryDirectory(), 'agent.1.data');
  writeFileSync(file, 'x');
  await runClient(['-c', '-a', '127.0.0.1', '-p', String(server.port), file]);
  await server.logged('no client certificate was shown');
  await expect
    .poll(() => reportOf(at), LOOKS)
    .toMatchObject({
      refusals: [{ reason: 'client certificate', times: 1 }],
      peers: { latest: [{ refused: 1 }] },
    });
  expect(await metricOf(at, 'tentacle_refusals_total{reason="client_certificate"}')).toBe(1);
});
