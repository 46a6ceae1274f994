/** HAProxy, stunnel and nginx around our server and our relay. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { startHaproxy, startNginx, startStunnel } from '../support/balancers.ts';
import { CertificateAuthority } from '../support/certificates.ts';
import { runClient, SENT } from '../support/client-program.ts';
import { ServerProcess } from '../support/program.ts';
import { testWith } from '../support/requires.ts';
import { temporaryDirectory, temporarySpool } from '../support/temporary.ts';

const ACCEPT = ['--proxy-protocol-accept', '127.0.0.1'];

/** Sends a file, from an address that no proxy has, and fetches it. */
async function sendsAndFetches(port: number, args: readonly string[] = []): Promise<void> {
  const cwd = temporaryDirectory();
  writeFileSync(join(cwd, 'sent.data'), SENT);
  const options = ['-b', '127.0.0.9', '-p', String(port), ...args];
  expect(await runClient([...options, 'sent.data'], { cwd })).toMatchObject({ code: 0, stderr: '' });
  const fetching = temporaryDirectory();
  expect(await runClient([...options, '-g', 'sent.data'], { cwd: fetching })).toMatchObject({
    code: 0,
    stderr: '',
  });
  expect(readFileSync(join(fetching, 'sent.data')).equals(SENT)).toBe(true);
}

function receiver(args: readonly string[] = []): Promise<ServerProcess> {
  return ServerProcess.start(['-s', temporarySpool(), '-V', '-t', '1', '-r', '0', ...args]);
}

function relayTo(port: number, args: readonly string[] = []): Promise<ServerProcess> {
  return ServerProcess.start(['-b', '127.0.0.1', '-g', String(port), '-V', ...args]);
}

const RECEIVED = /Received file 'sent\.data' .* from 127\.0\.0\.9 port/;

for (const [version, send] of [
  ['v1', 'send-proxy'],
  ['v2', 'send-proxy-v2'],
] as const) {
  describe(`HAProxy in front, ${send}`, () => {
    testWith(['haproxy'], 'of our server, which logs the real client', async () => {
      const server = await receiver(ACCEPT);
      await sendsAndFetches((await startHaproxy(server.port, { server: send })).port);
      await server.logged(RECEIVED);
    });

    testWith(['haproxy', 'openssl'], 'of our server, TLS and password end to end', async () => {
      const authority = new CertificateAuthority();
      const { cert, key } = authority.issue('localhost');
      const server = await receiver([...ACCEPT, '-e', cert, '-k', key, '-x', 'secret']);
      const { port } = await startHaproxy(server.port, { server: send });
      await sendsAndFetches(port, ['-c', '-f', authority.ca, '-x', 'secret']);
      await server.logged(RECEIVED);
    });

    testWith(['haproxy'], 'of our relay, which tells our server the real client', async () => {
      const server = await receiver(ACCEPT);
      const relay = await relayTo(server.port, [...ACCEPT, '--proxy-protocol-send', version]);
      await sendsAndFetches((await startHaproxy(relay.port, { server: send })).port);
      await server.logged(RECEIVED);
      await relay.logged(/Relayed connection from 127\.0\.0\.9 port/);
    });

    testWith(['haproxy'], 'with health checks, which leave neither warnings nor errors', async () => {
      const server = await receiver([...ACCEPT, '-o']);
      const relay = await relayTo(server.port, [...ACCEPT, '--proxy-protocol-send', version]);
      for (const each of [server, relay]) {
        const balancer = await startHaproxy(each.port, {
          server: `${send} check check-send-proxy inter 100`,
        });
        // Most are reset before they are accepted; some are heard.
        const checks = (): number => each.output.match(/Client connected|reset before it was/g)?.length ?? 0;
        await expect.poll(checks).toBeGreaterThanOrEqual(8);
        await each.logged('Client connected');
        expect(balancer.said()).not.toContain('is DOWN');
        await sendsAndFetches(balancer.port);
        expect(balancer.said()).not.toContain('is DOWN');
      }
      for (const { output } of [server, relay]) expect(output).not.toMatch(/Warning: (?!running)|failed:/);
    });
  });

  testWith(
    ['haproxy'],
    `HAProxy behind our relay, accept-proxy, is told the client in a ${version} header`,
    async () => {
      const server = await receiver();
      const balancer = await startHaproxy(server.port, { bind: 'accept-proxy' });
      const relay = await relayTo(balancer.port, ['--proxy-protocol-send', version]);
      await sendsAndFetches(relay.port);
      // Its log begins with the client.
      await expect.poll(balancer.said).toMatch(/^127\.0\.0\.9:\d+ .* in out\/central/m);
    },
  );
}

describe('stunnel behind our relay', () => {
  const NEEDS = ['stunnel4', 'openssl'];

  testWith(NEEDS, 'its certificate is verified, and it verifies ours', async () => {
    const authority = new CertificateAuthority();
    const [central, satellite] = [authority.issue('localhost'), authority.issue('satellite')];
    const server = await receiver(['-x', 'secret']);
    const { port } = await startStunnel(server.port, [
      ...[`cert = ${central.cert}`, `key = ${central.key}`, `CAfile = ${authority.ca}`, 'verifyChain = yes'],
      'requireCert = yes',
    ]);
    const tls = ['--proxy-ssl', '--proxy-ssl-ca', authority.ca];
    const shown = ['--proxy-ssl-cert', satellite.cert, '--proxy-ssl-key', satellite.key];
    const relay = await relayTo(port, [...tls, ...shown, '--proxy-password', 'secret']);
    await sendsAndFetches(relay.port);
    expect(relay.output).not.toMatch(/Warning: Upstream/);

    // Without a certificate of its own it gets nowhere, and says so.
    const stranger = await relayTo(port, tls);
    const file = join(temporaryDirectory(), 'sent.data');
    writeFileSync(file, SENT);
    expect(await runClient(['-p', String(stranger.port), file])).toMatchObject({ code: 1 });
    await stranger.logged(/Warning: Upstream .* port/);
  });

  testWith(NEEDS, 'a certificate of another CA: no client is passed on', async () => {
    const { cert, key } = new CertificateAuthority('Somebody else').issue('localhost');
    const server = await receiver();
    const { port } = await startStunnel(server.port, [`cert = ${cert}`, `key = ${key}`]);
    const relay = await relayTo(port, ['--proxy-ssl', '--proxy-ssl-ca', new CertificateAuthority().ca]);
    const file = join(temporaryDirectory(), 'sent.data');
    writeFileSync(file, SENT);
    expect(await runClient(['-p', String(relay.port), file])).toMatchObject({ code: 1 });
    await relay.logged(/Warning: Upstream .*: .*signed the certificate of the server/);
    expect(server.output).not.toContain('Received file');
  });
});

describe('nginx', () => {
  testWith(['nginx'], 'in front of our server, with a PROXY header', async () => {
    const server = await receiver(ACCEPT);
    await sendsAndFetches((await startNginx(server.port, ['proxy_protocol on;'])).port);
    await server.logged(RECEIVED);
  });

  testWith(['nginx'], 'behind our relay, and in front of our server, with one each', async () => {
    const server = await receiver(ACCEPT);
    const balancer = await startNginx(server.port, ['accept', 'proxy_protocol on;']);
    const relay = await relayTo(balancer.port, ['--proxy-protocol-send', 'v2']);
    await sendsAndFetches(relay.port);
    await server.logged(/Received file 'sent\.data'/);
  });
});
