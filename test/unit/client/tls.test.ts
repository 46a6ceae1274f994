/** The client's side of TLS: the five set-ups, and what a person is told when one of them fails. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { TLSSocket, type TlsOptions as ServerTls } from 'node:tls';
import { describe, expect, test } from 'vitest';
import { openStream } from '../../../src/client/connect.ts';
import { TlsError } from '../../../src/client/errors.ts';
import { startTls, type TlsOptions } from '../../../src/client/tls.ts';
import { CertificateAuthority, type Issued } from '../../support/certificates.ts';
import { temporaryDirectory } from '../../support/temporary.ts';
import {
  connectTo,
  failure,
  oblige,
  PATIENT_MS,
  type Peer,
  type Script,
  startScripted,
  upload,
} from '../../wire/scripted-server.ts';

interface Pem {
  readonly cert: Buffer;
  readonly key: Buffer;
}

function pem({ cert, key }: Issued): Pem {
  return { cert: readFileSync(cert), key: readFileSync(key) };
}

/** A certificate that is its own CA, with no alternative name. */
function selfSigned(subject: string): Pem {
  const directory = temporaryDirectory();
  const files = { cert: join(directory, 'cert'), key: join(directory, 'key') };
  const request = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-subj', subject];
  execFileSync('openssl', [...request, '-keyout', files.key, '-out', files.cert], { stdio: 'pipe' });
  return pem(files);
}

/** What a file sent to such a server, reached as `host`, comes to: `sent`, or the error. */
async function sending(server: ServerTls, tls: TlsOptions, host = '127.0.0.1'): Promise<string> {
  const files = new Map<string, string>();
  const { port } = await startScripted((peer) => oblige(peer, files), { tls: server });
  try {
    const client = await connectTo({ host, port, peers: [] }, { tls });
    await client.send(upload());
    expect(client.stream).toBeInstanceOf(TLSSocket);
    return files.get('a.data') === 'hello' ? 'sent' : 'not sent';
  } catch (error) {
    const { name, message } = error as Error;
    return `${name}: ${message.replaceAll(String(port), 'PORT')}`;
  }
}

describe('set-ups', () => {
  test('S2 encrypted, nothing verified: any certificate will do', async () => {
    const server = pem(new CertificateAuthority().issue('other.example', { days: -1 }));
    expect(await sending(server, {})).toBe('sent');
  });

  test('S3 S6 the server verified by CA and name', async () => {
    const authority = new CertificateAuthority();
    const ca = readFileSync(authority.ca);
    expect(await sending(pem(authority.issue('server')), { ca })).toBe('sent');
    expect(await sending(pem(authority.issue('server')), { ca }, 'localhost')).toBe('sent');
  });

  test.each(['TLSv1.2', 'TLSv1.3'] as const)('S4 S5 a client certificate, %s', async (maxVersion) => {
    const authority = new CertificateAuthority();
    const ca = readFileSync(authority.ca);
    const server = { ...pem(authority.issue('server')), ca, requestCert: true, maxVersion };
    const own = pem(authority.issue('agent'));
    const foreign = pem(new CertificateAuthority('Other CA').issue('agent'));
    expect(await sending(server, own)).toBe('sent');
    expect(await sending(server, { ...own, ca })).toBe('sent');
    expect(await sending(server, { ca })).toMatch(
      /^TlsError: .* the server wants a client certificate \(-e, -k\)/,
    );
    // Node's servers close without an alert: the message must at least not lead astray.
    expect(await sending(server, foreign)).toContain('client certificate');
  });
});

describe('S6 who the server is', () => {
  test.each([
    ['/CN=127.0.0.1', '127.0.0.1', 'sent'],
    ['/CN=localhost', 'localhost', 'sent'],
    [
      '/CN=other.example',
      '127.0.0.1',
      'TlsError: TLS with 127.0.0.1 port PORT failed: the certificate is for other.example, not for 127.0.0.1: ' +
        'use -a with that name, or issue it for 127.0.0.1',
    ],
    [
      '/',
      '127.0.0.1',
      expect.stringMatching(/^TlsError: .* the certificate is for nobody, not for 127.0.0.1/),
    ],
    ['/O=Nobody', 'localhost', expect.stringMatching(/^TlsError: .* the certificate is for nobody/)],
  ])('%j, reached as %s', async (subject, host, outcome: unknown) => {
    const server = selfSigned(subject);
    expect(await sending(server, { ca: server.cert }, host)).toEqual(outcome);
  });

  test('a name in a certificate moves no cursor', async () => {
    const server = selfSigned('/CN=evil\x1b[31m\x07');
    expect(await sending(server, { ca: server.cert })).toMatch(/^[\x20-\x7e]+$/);
  });

  test('an alternative name counts, the common name then does not', async () => {
    const authority = new CertificateAuthority();
    const server = await startScripted((peer) => oblige(peer), {
      tls: pem(authority.issue('other.example')),
    });
    const socket = await openStream({ ...server, idleMs: PATIENT_MS });
    const handshake = {
      host: 'wrong.example',
      port: 1,
      idleMs: PATIENT_MS,
      tls: { ca: readFileSync(authority.ca) },
    };
    expect((await failure(startTls(socket, handshake))).message).toContain(
      'the certificate is for other.example, localhost, 127.0.0.1, not for wrong.example',
    );
  });

  test('an expired certificate and a foreign CA', async () => {
    const authority = new CertificateAuthority();
    const expired = pem(authority.issue('server', { days: -1 }));
    expect(await sending(expired, { ca: readFileSync(authority.ca) })).toBe(
      'TlsError: TLS with 127.0.0.1 port PORT failed: the certificate of the server has expired: renew it',
    );
    const other = readFileSync(new CertificateAuthority('Other CA').ca);
    expect(await sending(pem(authority.issue('server')), { ca: other })).toMatch(
      /^TlsError: .* no CA of the -f file signed the certificate of the server \([A-Z_]+\)$/,
    );
  });
});

/** A TLS alert record, fatal. */
function alert(description: number): string {
  return String.fromCharCode(0x15, 3, 3, 0, 2, 2, description);
}

describe('S10 servers that do not do their part of the handshake', () => {
  const say =
    (text: string): Script =>
    async (peer: Peer) => {
      await peer.take(1);
      peer.send(text);
      peer.close();
    };
  const cases: [string, Script, RegExp][] = [
    ['plain text', say('garbage garbage\n'), /the server does not speak TLS there: leave out -c, -e and -f/],
    ['an HTTP error', say('HTTP/1.1 400 Bad Request\r\n\r\n'), /the server does not speak TLS there/],
    ['a close', say(''), /the server closed the connection: perhaps it does not speak TLS/],
    ['half a record', say('\x16\x03\x03'), /the server closed the connection/],
    [
      'handshake_failure',
      say(alert(40)),
      /the server wants a client certificate .*, or has no cipher in common/,
    ],
    ['unknown_ca', say(alert(48)), /the server refuses the client certificate/],
    ['certificate_expired', say(alert(45)), /the server refuses the client certificate/],
    ['protocol_version', say(alert(70)), /no TLS version in common/],
    ['internal_error', say(alert(80)), /alert internal error/],
    ['unrecognized_name', say(alert(112)), /unrecognized name/],
    [
      'a reset',
      async (peer) => {
        await peer.take(1);
        peer.reset();
      },
      /the server closed the connection: perhaps it does not speak TLS/,
    ],
  ];

  test.each(cases)('%s is told in one line', async (_, script, told) => {
    const server = await startScripted(script);
    const error = await failure(connectTo(server, { tls: {} }));
    expect(error).toBeInstanceOf(TlsError);
    expect(error.message).toMatch(told);
    expect(error.message).toMatch(/^TLS with 127\.0\.0\.1 port [0-9]+ failed: [\x20-\x7e]+$/);
    await server.peers[0]?.gone;
  });

  test('W4 silence', async () => {
    const server = await startScripted((peer) => peer.gone);
    const error = await failure(connectTo(server, { tls: {}, idleMs: 200 }));
    expect(`${error.name}: ${error.message}`).toMatch(/^TimeoutError: TLS handshake with .* timed out$/);
    await server.peers[0]?.gone;
  });
});
