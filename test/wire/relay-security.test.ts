/** What a relay asks of its clients and gives to its upstream: passwords and TLS (P2). */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect as connectTls, type ConnectionOptions, TLSSocket } from 'node:tls';
import { describe, expect, onTestFinished, test } from 'vitest';
import { passwordDigest } from '../../src/protocol/password.ts';
import { subjectOf } from '../../src/server/client-certificate.ts';
import { Secret } from '../../src/settings/secret.ts';
import type { Token } from '../../src/settings/options.ts';
import type { Material } from '../../src/settings/validate.ts';
import { CertificateAuthority, type Issued } from '../support/certificates.ts';
import { Dialogue } from '../support/dialogue.ts';
import { logged, startRelay, warnings } from '../support/relay.ts';
import { testWith } from '../support/requires.ts';
import type { TestWorker } from '../support/worker.ts';
import { oblige, type Peer, type ScriptedServer, startScripted } from './scripted-server.ts';

const NEEDS = ['openssl'];
const OWN = passLine('own secret');
const UPSTREAM = passLine('upstream secret');
const GIVES_PASSWORD = { proxyPassword: new Secret('upstream secret') };

function passLine(password: string): string {
  return `PASS ${passwordDigest(Buffer.from(password))}\n`;
}

/** A TLS client; the connection ends with the current test. */
async function secured(port: number, options: ConnectionOptions = {}): Promise<Dialogue> {
  const socket = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false, ...options });
  onTestFinished(() => {
    socket.destroy();
  });
  await once(socket, 'secureConnect');
  return new Dialogue(socket);
}

function pem({ cert, key }: Issued): { readonly cert: Buffer; readonly key: Buffer } {
  return { cert: readFileSync(cert), key: readFileSync(key) };
}

/** Material and tokens of a relay that ends TLS. */
function own(issued: Issued): {
  readonly tokens: Partial<Record<Token, string>>;
  readonly material: Partial<Material>;
} {
  return { tokens: { ssl_cert: issued.cert, ssl_key: issued.key }, material: pem(issued) };
}

/** A server as it should be, for clients that end early, too. */
function obliging(): Promise<ScriptedServer> {
  const script = (peer: Peer): Promise<void> =>
    oblige(peer).catch(() => {
      peer.close();
    });
  return startScripted(script, { allowHalfOpen: true });
}

async function sends(client: Dialogue): Promise<void> {
  expect(await client.ask('SEND <a> SIZE 3\n')).toBe('SEND OK\n');
  expect(await client.ask('abc')).toBe('SEND OK\n');
  client.send('QUIT\n');
  expect(await client.rest()).toBe('');
}

describe('P2 its own password', () => {
  test('the right one is answered here, and only what follows is passed on', async () => {
    const upstream = await obliging();
    const worker = await startRelay(upstream, { password: 'own secret' });
    const client = await Dialogue.open(worker.port);
    expect(await client.ask(OWN)).toBe('PASS OK\n');
    await sends(client);
    expect(upstream.peers.map(({ heard }) => heard)).toEqual(['SEND <a> SIZE 3\nabcQUIT\n']);
    await logged(worker, /\[log\]Client 127\.0\.0\.1 port \d+ authenticated/);
  });

  test.each([
    ['a wrong one', passLine('wrong'), /\[err\]Invalid password from/],
    ['none', 'SEND <a> SIZE 3\n', /\[err\]Client .* did not authenticate/],
    ['TLS instead', '\x16\x03\x01\x02\x00', /a TLS client spoke to a plain port/],
  ])('%s: closed, and no upstream is asked', async (_what, said, line) => {
    const upstream = await obliging();
    const worker = await startRelay(upstream, { password: 'own secret' });
    const client = await Dialogue.open(worker.port);
    client.send(said);
    expect(await client.rest()).toBe('');
    await logged(worker, line);
    expect(upstream.peers).toEqual([]);
  });

  test('commands in the same packet behind PASS are passed on', async () => {
    const upstream = await obliging();
    const client = await Dialogue.open((await startRelay(upstream, { password: 'own secret' })).port);
    expect(await client.ask(`${OWN}SEND <a> SIZE 3\nab`)).toBe('PASS OK\n');
    expect(await client.line()).toBe('SEND OK\n');
    expect(await client.ask('c')).toBe('SEND OK\n');
    client.send('QUIT\n');
    expect(await client.rest()).toBe('');
  });

  test.each([
    ['at once', ''],
    ['behind a command', 'RECV <a>\nRECV OK\nQUIT\n'],
  ])('a client that half-closes right behind PASS, %s, is answered', async (_when, commands) => {
    const upstream = await obliging();
    const worker = await startRelay(upstream, { password: 'own secret' });
    const client = await Dialogue.open(worker.port, { allowHalfOpen: true });
    client.stream.end(OWN + commands);
    expect(await client.rest()).toBe(commands === '' ? 'PASS OK\n' : 'PASS OK\nRECV SIZE 2\nx\n');
    expect(upstream.peers.map(({ heard }) => heard)).toEqual([commands]);
    await expect.poll(() => worker.worker.open).toBe(0);
  });

  test('a client that says nothing is closed after the idle limit', async () => {
    const worker = await startRelay(await obliging(), { password: 'own secret' });
    expect(await (await Dialogue.open(worker.port)).rest()).toBe('');
    await logged(worker, /\[err\]Connection from .* timed out/);
  });
});

describe('a password for the upstream', () => {
  test('is given first, and its answer is nobody else’s', async () => {
    const upstream = await obliging();
    const worker = await startRelay(upstream, {}, GIVES_PASSWORD);
    await sends(await Dialogue.open(worker.port));
    expect(upstream.peers.map(({ heard }) => heard)).toEqual([`${UPSTREAM}SEND <a> SIZE 3\nabcQUIT\n`]);
  });

  test('not a byte of the client’s is passed on before PASS OK was read', async () => {
    const upstream = await startScripted(() => undefined);
    const worker = await startRelay(upstream, { timeout: '20' }, GIVES_PASSWORD);
    const client = await Dialogue.open(worker.port);
    client.send('SEND <a> SIZE 3\n');
    await expect.poll(() => upstream.peers[0]?.heard).toBe(UPSTREAM);
    // What a second client says comes later, and its PASS has got through.
    (await Dialogue.open(worker.port)).send('QUIT\n');
    await expect.poll(() => upstream.peers[1]?.heard).toBe(UPSTREAM);
    expect(upstream.peers[0]?.heard).toBe(UPSTREAM);
    upstream.peers[0]?.send('PASS OK\n');
    await expect.poll(() => upstream.peers[0]?.heard).toBe(`${UPSTREAM}SEND <a> SIZE 3\n`);
  });

  test.each([
    ['closes', ''],
    ['answers something else', 'HTTP/1.1 400 Bad Request\r\n'],
  ])('an upstream that %s gets nothing of the client’s', async (_what, answer) => {
    const upstream = await startScripted(async (peer) => {
      await peer.line();
      peer.socket.end(answer);
    });
    const worker = await startRelay(upstream, {}, GIVES_PASSWORD);
    const client = await Dialogue.open(worker.port);
    client.send('SEND <a> SIZE 3\n');
    expect(await client.rest()).toBe('');
    expect(upstream.peers.map(({ heard }) => heard)).toEqual([UPSTREAM]);
    expect(warnings(worker)).toEqual([expect.stringMatching(/password is wrong|is it a Tentacle server\?/)]);
    expect(worker.log.join('')).not.toMatch(/upstream secret|[0-9a-f]{32}/);
  });
});

describe('P2 its own TLS', () => {
  testWith(
    NEEDS,
    'ends here; the inside is passed on in clear, with the password that it asks for',
    async () => {
      const upstream = await obliging();
      const { tokens, material } = own(new CertificateAuthority().issue('localhost'));
      const worker = await startRelay(upstream, { ...tokens, password: 'own secret' }, material);
      const client = await secured(worker.port);
      expect(await client.ask(OWN)).toBe('PASS OK\n');
      await sends(client);
      expect(upstream.peers.map(({ heard }) => heard)).toEqual(['SEND <a> SIZE 3\nabcQUIT\n']);
      await logged(worker, /Relayed connection/);
    },
  );

  testWith(
    NEEDS,
    'a client without TLS, or without the certificate that is asked for, is closed',
    async () => {
      const upstream = await obliging();
      const authority = new CertificateAuthority();
      const { tokens, material } = own(authority.issue('localhost'));
      const worker = await startRelay(
        upstream,
        { ...tokens, ssl_ca: authority.ca },
        { ...material, ca: readFileSync(authority.ca) },
      );
      const plain = await Dialogue.open(worker.port);
      plain.send('SEND <a> SIZE 3\n');
      await plain.rest();
      await logged(worker, /a client without TLS spoke to the TLS port/);
      const nobody = connectTls({ port: worker.port, host: '127.0.0.1', rejectUnauthorized: false });
      await new Dialogue(nobody).rest();
      await logged(worker, /no client certificate was shown/);
      expect(upstream.peers).toEqual([]);
      await sends(await secured(worker.port, pem(authority.issue('agent'))));
    },
  );

  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    testWith(NEEDS, `half a close over ${maxVersion} is passed on, in both directions`, async () => {
      const upstream = await startScripted(
        async (peer) => {
          peer.socket.end(`${await peer.rest()}!`);
        },
        { allowHalfOpen: true },
      );
      const { tokens, material } = own(new CertificateAuthority().issue('localhost'));
      const worker = await startRelay(upstream, { ...tokens, timeout: '20' }, material);
      const client = await secured(worker.port, { maxVersion, allowHalfOpen: true } as ConnectionOptions);
      client.stream.end('last words');
      expect(await client.rest()).toBe('last words!');
      await logged(worker, /Relayed connection .*: 10b sent, 11b answered/);
    });
  }
});

describe('TLS to the upstream', () => {
  interface Central extends ScriptedServer {
    readonly authority: CertificateAuthority;
  }

  /** A TLS upstream, whose certificate is for 127.0.0.1 and two names. */
  async function central(host = '127.0.0.1'): Promise<Central> {
    const authority = new CertificateAuthority();
    const tls = pem(authority.issue('server.example'));
    const upstream = await startScripted((peer) => oblige(peer), { host, tls });
    return { ...upstream, authority };
  }

  testWith(NEEDS, 'its certificate and name are verified with proxy_ssl_ca', async () => {
    const upstream = await central();
    const proxyCa = readFileSync(upstream.authority.ca);
    const tokens = { proxy_ssl: '1', proxy_ssl_ca: upstream.authority.ca };
    await sends(await Dialogue.open((await startRelay(upstream, tokens, { proxyCa })).port));
    expect(upstream.peers[0]?.heard).toBe('SEND <a> SIZE 3\nabcQUIT\n');
  });

  testWith(NEEDS, 'a CA that did not sign it: nothing is passed on', async () => {
    const upstream = await central();
    const { ca } = new CertificateAuthority('Somebody else');
    const tokens = { proxy_ssl: '1', proxy_ssl_ca: ca };
    const worker = await startRelay(upstream, tokens, { proxyCa: readFileSync(ca), ...GIVES_PASSWORD });
    const client = await Dialogue.open(worker.port);
    client.send('SEND <a> SIZE 3\n');
    expect(await client.rest()).toBe('');
    expect(upstream.peers.map(({ heard }) => heard).join('')).toBe('');
    expect(warnings(worker)).toEqual([
      expect.stringMatching(/Upstream 127\.0\.0\.1 port \d+: .*signed the certificate of the server/),
    ]);
    // No quote of ours is escaped as if a peer had said it.
    await expect.poll(() => worker.log.join('\n')).toMatch(/no server to pass it on to: .*signed the/);
    expect(worker.log.join('\n')).not.toContain('\\');
  });

  testWith(NEEDS, 'a certificate for another name: nothing is passed on', async () => {
    const upstream = await central('127.0.0.2');
    const proxyCa = readFileSync(upstream.authority.ca);
    const tokens = { proxy_ssl: '1', proxy_ssl_ca: upstream.authority.ca };
    const worker = await startRelay(upstream, tokens, { proxyCa });
    const client = await Dialogue.open(worker.port);
    client.send('SEND <a> SIZE 3\n');
    expect(await client.rest()).toBe('');
    expect(upstream.peers.map(({ heard }) => heard).join('')).toBe('');
    expect(warnings(worker)).toEqual([
      expect.stringMatching(/the certificate is for server\.example, .*, not for 127\.0\.0\.2/),
    ]);
  });

  testWith(NEEDS, 'the proxy shows its certificate', async () => {
    const authority = new CertificateAuthority();
    const subjects: (string | undefined)[] = [];
    const upstream = await startScripted(
      async (peer) => {
        if (peer.socket instanceof TLSSocket) subjects.push(subjectOf(peer.socket));
        await oblige(peer);
      },
      { tls: { ...pem(authority.issue('localhost')), ca: readFileSync(authority.ca), requestCert: true } },
    );
    const shown = authority.issue('satellite');
    const { cert: proxyCert, key: proxyKey } = pem(shown);
    const tokens = { proxy_ssl: '1', proxy_ssl_cert: shown.cert, proxy_ssl_key: shown.key };
    await sends(await Dialogue.open((await startRelay(upstream, tokens, { proxyCert, proxyKey })).port));
    expect(subjects).toEqual(['CN=satellite']);

    // Without one, not a byte of the client's is lost to it.
    const worker = await startRelay(upstream, { proxy_ssl: '1' });
    const client = await Dialogue.open(worker.port);
    client.send('SEND <a> SIZE 3\n');
    expect(await client.rest()).toBe('');
    await logged(worker, /Warning: Upstream .* certificate/);
  });

  testWith(NEEDS, 'an upstream that does not speak TLS, or refuses it, is told', async () => {
    const plain = await startScripted(async (peer) => {
      await peer.take(1);
      peer.socket.end('what?\n');
    });
    const worker = await startRelay(plain, { proxy_ssl: '1' });
    expect(await (await Dialogue.open(worker.port)).rest()).toBe('');
    await logged(worker, /Warning: Upstream .*: .*does not speak TLS there/);
  });

  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    testWith(
      NEEDS,
      `on both sides, with both passwords, half a close over ${maxVersion} included`,
      async () => {
        const authority = new CertificateAuthority();
        const upstream = await startScripted(
          async (peer) => {
            await peer.answer('PASS OK\n');
            peer.socket.end(`${await peer.rest()}!`);
          },
          { tls: { ...pem(authority.issue('localhost')), maxVersion }, allowHalfOpen: true },
        );
        const { tokens, material } = own(authority.issue('localhost'));
        const worker: TestWorker = await startRelay(
          upstream,
          { ...tokens, password: 'own secret', proxy_ssl: '1', proxy_ssl_ca: authority.ca, timeout: '20' },
          { ...material, ...GIVES_PASSWORD, proxyCa: readFileSync(authority.ca) },
        );
        const client = await secured(worker.port, { maxVersion, allowHalfOpen: true } as ConnectionOptions);
        expect(await client.ask(OWN)).toBe('PASS OK\n');
        client.stream.end('last words');
        expect(await client.rest()).toBe('last words!');
        await logged(worker, /Relayed connection .*: 10b sent, 11b answered/);
      },
    );
  }
});
