/** Who gets in with a client certificate: revocation lists and names, with real certificates. */
import { readFileSync } from 'node:fs';
import { connect as connectPlain } from 'node:net';
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { describe, expect, onTestFinished } from 'vitest';
import type { Token } from '../../src/settings/options.ts';
import { CertificateAuthority, type Issued } from '../support/certificates.ts';
import { Dialogue } from '../support/dialogue.ts';
import { testWith } from '../support/requires.ts';
import { temporarySpool } from '../support/temporary.ts';
import { startWorker, type TestWorker } from '../support/worker.ts';

const NEEDS = ['openssl'];
const PAST = { from: '20200101000000Z', until: '20200201000000Z' };
const FUTURE = { from: '20400101000000Z', until: '20510101000000Z' };

interface Files {
  readonly ca: string;
  readonly crl?: Buffer;
}

/** A worker that asks for certificates. */
function verifying(
  authority: CertificateAuthority,
  { ca, crl }: Files,
  tokens: Partial<Record<Token, string>> = {},
): Promise<TestWorker> {
  const { cert, key } = authority.issue('localhost');
  const material = { cert: readFileSync(cert), key: readFileSync(key), ca: readFileSync(ca), crl };
  const files = { ssl_cert: cert, ssl_key: key, ssl_ca: ca };
  return startWorker({ directory: temporarySpool(), ...files, ...tokens }, material);
}

function lists(...paths: readonly string[]): Buffer {
  return Buffer.concat(paths.map((path) => readFileSync(path)));
}

async function connected(
  port: number,
  issued: Issued | undefined,
  more: ConnectionOptions = {},
): Promise<TLSSocket> {
  const own = issued && { cert: readFileSync(issued.cert), key: readFileSync(issued.key) };
  const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ...own, ...more });
  socket.on('error', () => undefined);
  onTestFinished(() => {
    socket.destroy();
  });
  await new Promise((resolve) => socket.once('secureConnect', resolve));
  return socket;
}

async function expectServed({ port }: TestWorker, issued: Issued): Promise<void> {
  const client = new Dialogue(await connected(port, issued));
  expect(await client.ask('SEND <a.1.data> SIZE 0\n')).toBe('SEND ERR (file is too big)\n');
}

/** It is refused with a single line of the log, which holds this. */
async function expectRefused({ port, log }: TestWorker, issued: Issued, text: string): Promise<void> {
  const client = new Dialogue(await connected(port, issued));
  client.send('SEND <a.1.data> SIZE 3\n');
  expect(await client.rest()).toBe('');
  await expect.poll(() => log.filter((line) => line.includes(' closed: '))).toHaveLength(1);
  expect(log.find((line) => line.includes(' closed: '))).toContain(text);
}

testWith(NEEDS, 'a client that is reset while its handshake comes to its end is let go', async () => {
  const authority = new CertificateAuthority();
  const { port, log } = await verifying(authority, { ca: authority.ca });
  const plain = connectPlain({ port, host: '127.0.0.1' });
  const socket = await connected(port, authority.issue('agent'), { socket: plain });
  // Both before the loop turns to the server again: the handshake ends well, and the client has no address any more.
  socket.write('SEND <a.1.data> SIZE 3\n');
  plain.resetAndDestroy();
  await expect.poll(() => log.join('')).toMatch(/127\.0\.0\.1 port \d+ unexpectedly closed/);
});

describe('ssl_crl', () => {
  testWith(NEEDS, 'refuses a revoked certificate, and nobody else', async () => {
    const authority = new CertificateAuthority();
    const [good, bad] = [authority.issue('good'), authority.issue('bad')];
    authority.revoke(bad.cert);
    const worker = await verifying(authority, { ca: authority.ca, crl: lists(authority.revocationList()) });
    await expectServed(worker, good);
    await expectRefused(worker, bad, '(CN=bad) is refused: its CA has revoked it (CERT_REVOKED)');
  });

  testWith(NEEDS, 'one that has expired refuses everybody, and says so', async () => {
    const authority = new CertificateAuthority();
    const crl = lists(authority.revocationList(PAST));
    const worker = await verifying(authority, { ca: authority.ca, crl });
    const text =
      '(CN=a) is refused: the CRL of its CA in ssl_crl has expired: fetch a new one (CRL_HAS_EXPIRED)';
    await expectRefused(worker, authority.issue('a'), text);
  });

  testWith(NEEDS, 'one that is not valid yet, too', async () => {
    const authority = new CertificateAuthority();
    const crl = lists(authority.revocationList(FUTURE));
    const worker = await verifying(authority, { ca: authority.ca, crl });
    const text = 'the CRL of its CA in ssl_crl is not valid yet: compare the clocks (CRL_NOT_YET_VALID)';
    await expectRefused(worker, authority.issue('a'), text);
  });

  testWith(NEEDS, 'an old list in the same file as its successor does no harm', async () => {
    const authority = new CertificateAuthority();
    const crl = lists(authority.revocationList(PAST), authority.revocationList());
    const worker = await verifying(authority, { ca: authority.ca, crl });
    await expectServed(worker, authority.issue('a'));
  });

  testWith(NEEDS, 'a list that is not signed by its CA is believed by nobody', async () => {
    const authority = new CertificateAuthority();
    const impostor = new CertificateAuthority();
    const crl = lists(impostor.revocationList());
    const worker = await verifying(authority, { ca: authority.ca, crl });
    await expectRefused(worker, authority.issue('a'), '(CRL_SIGNATURE_FAILURE)');
  });

  testWith(NEEDS, 'with two CAs, both lists of the file count', async () => {
    const [one, other] = [new CertificateAuthority('One'), new CertificateAuthority('Other')];
    const [good, bad] = [other.issue('good'), other.issue('bad')];
    other.revoke(bad.cert);
    const crl = lists(one.revocationList(), other.revocationList());
    const material = { cert: one.issue('localhost'), ca: lists(one.ca, other.ca) };
    const tokens = { ssl_cert: '/c', ssl_key: '/k', ssl_ca: '/ca', directory: temporarySpool() };
    const pair = { cert: readFileSync(material.cert.cert), key: readFileSync(material.cert.key) };
    const worker = await startWorker(tokens, { ...pair, ca: material.ca, crl });
    await expectServed(worker, one.issue('good'));
    await expectServed(worker, good);
    await expectRefused(worker, bad, '(CERT_REVOKED)');
  });

  describe('with an intermediate CA', () => {
    interface Chain {
      readonly root: CertificateAuthority;
      readonly middle: CertificateAuthority;
      readonly leaf: Issued;
    }

    function chain(): Chain {
      const root = new CertificateAuthority('Root CA');
      const middle = new CertificateAuthority('Middle CA', root);
      return { root, middle, leaf: middle.chained(middle.issue('agent')) };
    }

    testWith(NEEDS, 'the list of each CA is needed: all in one file', async () => {
      const { root, middle, leaf } = chain();
      const crl = lists(root.revocationList(), middle.revocationList());
      const worker = await verifying(root, { ca: root.ca, crl });
      await expectServed(worker, leaf);
    });

    testWith(NEEDS, 'without that of the intermediate its clients are refused', async () => {
      const { root, leaf } = chain();
      const worker = await verifying(root, { ca: root.ca, crl: lists(root.revocationList()) });
      const text = 'ssl_crl has no CRL of its CA, or of one above: add it (UNABLE_TO_GET_CRL)';
      await expectRefused(worker, leaf, text);
    });

    testWith(NEEDS, 'what the intermediate revoked is refused', async () => {
      const { root, middle, leaf } = chain();
      middle.revoke(leaf.cert);
      const crl = lists(root.revocationList(), middle.revocationList());
      await expectRefused(await verifying(root, { ca: root.ca, crl }), leaf, '(CERT_REVOKED)');
    });

    testWith(NEEDS, 'a revoked intermediate takes its clients with it', async () => {
      const { root, middle, leaf } = chain();
      root.revoke(middle.ca);
      const crl = lists(root.revocationList(), middle.revocationList());
      await expectRefused(await verifying(root, { ca: root.ca, crl }), leaf, '(CERT_REVOKED)');
    });
  });
});

describe('ssl_client_names', () => {
  testWith(NEEDS, 'the log says why, however many names a certificate has', async () => {
    const authority = new CertificateAuthority();
    const alternativeNames = Array.from({ length: 20 }, (_, i) => `DNS:${String(i)}.long-name.example.com`);
    const other = authority.issue('other', { alternativeNames: alternativeNames.join() });
    const worker = await verifying(authority, { ca: authority.ca }, { ssl_client_names: 'agent' });
    await expectRefused(worker, other, '...) is refused: ssl_client_names accepts agent');
  });

  testWith(NEEDS, 'lets in by CN and by alternative name, and refuses all others with one line', async () => {
    const authority = new CertificateAuthority();
    const worker = await verifying(
      authority,
      { ca: authority.ca },
      { ssl_client_names: 'agent-*, *.example.com, fd00::7, ops@example.org' },
    );
    const issue = (subject: string, alternativeNames = ''): Issued =>
      authority.issue('x', { subject, alternativeNames });
    await expectServed(worker, issue('/CN=agent-7'));
    await expectServed(worker, issue('/O=Example', 'DNS:WEB.Example.COM'));
    await expectServed(worker, issue('/CN=x', 'IP:10.0.0.1,IP:fd00:0::7'));
    await expectServed(worker, issue('/', 'DNS:no-subject.example.com'));
    await expectServed(worker, issue('/CN=x', 'email:ops@example.org'));
    await expectRefused(
      worker,
      issue('/O=Example/CN=Agent-7', 'DNS:example.com'),
      'the client certificate (O=Example, CN=Agent-7, DNS:example.com) is refused: ssl_client_names accepts agent-*, *.example.com, fd00::7, ops@example.org',
    );
  });

  testWith(NEEDS, 'a certificate of another CA has no name that counts', async () => {
    const authority = new CertificateAuthority();
    const worker = await verifying(authority, { ca: authority.ca }, { ssl_client_names: '*' });
    const stranger = new CertificateAuthority('Other').issue('agent');
    await expectRefused(worker, stranger, '(CN=agent) is refused: no CA in ssl_ca signed it');
  });

  testWith(NEEDS, 'a subject with a line break stays in its line', async () => {
    const authority = new CertificateAuthority();
    const worker = await verifying(authority, { ca: authority.ca }, { ssl_client_names: 'agent' });
    const evil = authority.issue('x', { subject: '/CN=agent\nforged line', alternativeNames: '' });
    await expectRefused(worker, evil, '(CN=agent\\x0aforged line) is refused');
  });
});

describe('no session is resumed', () => {
  /** The session of a first connection, for a second. */
  async function session(port: number, issued: Issued | undefined, version: 'TLSv1.2' | 'TLSv1.3') {
    const socket = await connected(port, issued, { minVersion: version, maxVersion: version });
    if (version === 'TLSv1.2') return socket.getSession();
    return new Promise<Buffer | undefined>((resolve) => {
      socket.once('session', resolve);
      socket.once('close', () => {
        resolve(undefined);
      });
      socket.write('QUIT\n');
    });
  }

  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    const versions = { minVersion: version, maxVersion: version };

    testWith(NEEDS, `${version}: all is verified again`, async () => {
      const authority = new CertificateAuthority();
      const { port } = await verifying(authority, { ca: authority.ca });
      const agent = authority.issue('agent');
      const first = await session(port, agent, version);
      const second = await connected(port, agent, { ...versions, session: first });
      expect(second.isSessionReused()).toBe(false);
      expect(await new Dialogue(second).ask('RECV <a>\n')).toBe('RECV ERR (file does not exist)\n');
    });
  }
});
