/** The set-ups of the security guide with `openssl s_client` as the client, and the ways they can go wrong. */
import { spawn } from 'node:child_process';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Duplex } from 'node:stream';
import { describe, expect, onTestFinished } from 'vitest';
import { passwordDigest } from '../../src/protocol/password.ts';
import { CertificateAuthority } from '../support/certificates.ts';
import { Dialogue } from '../support/dialogue.ts';
import { ServerProcess } from '../support/program.ts';
import { testWith } from '../support/requires.ts';
import { temporaryDirectory, temporarySpool } from '../support/temporary.ts';

const NEEDS = ['openssl'];

/** A dialogue through s_client, which verifies the server where a CA is given. */
function sClient(port: number, args: readonly string[]): Dialogue {
  const verify = args.includes('-CAfile') ? ['-verify_return_error'] : [];
  const child = spawn(
    'openssl',
    ['s_client', '-quiet', '-no_ign_eof', '-connect', `127.0.0.1:${String(port)}`, ...verify, ...args],
    { stdio: ['pipe', 'pipe', 'ignore'] },
  );
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  child.stdin.on('error', () => undefined);
  return new Dialogue(Duplex.from({ readable: child.stdout, writable: child.stdin }));
}

async function sendsFile(client: Dialogue, password: string | undefined): Promise<void> {
  if (password !== undefined) {
    expect(await client.ask(`PASS ${passwordDigest(Buffer.from(password))}\n`)).toBe('PASS OK\n');
  }
  expect(await client.ask('SEND <a.1.data> SIZE 5\n')).toBe('SEND OK\n');
  expect(await client.ask('hello')).toBe('SEND OK\n');
}

describe.each([
  ['without a password', undefined],
  ['with a password', 'secret'],
])('%s', (_name, password) => {
  const extra = password === undefined ? [] : ['-x', password];

  testWith(NEEDS, 'S2 encrypted, nothing verified', async () => {
    const { cert, key } = CertificateAuthority.rsa().issue('localhost');
    const spool = temporarySpool();
    const server = await ServerProcess.start(['-s', spool, '-e', cert, '-k', key, ...extra]);
    await sendsFile(sClient(server.port, []), password);
    expect(readFileSync(join(spool, 'a.1.data'), 'utf8')).toBe('hello');
  });

  testWith(
    NEEDS,
    'S3 S7 a client certificate that no CA of ours signed does not matter without -f',
    async () => {
      const authority = CertificateAuthority.rsa();
      const { cert, key } = authority.issue('localhost');
      const own = CertificateAuthority.rsa('Somebody else').issue('agent');
      const server = await ServerProcess.start(['-s', temporarySpool(), '-e', cert, '-k', key, ...extra]);
      const args = ['-CAfile', authority.ca, '-cert', own.cert, '-key', own.key];
      await sendsFile(sClient(server.port, args), password);
    },
  );

  testWith(NEEDS, 'S4 S5 a client certificate is required and verified, and its subject logged', async () => {
    const authority = CertificateAuthority.rsa();
    const { cert, key } = authority.issue('localhost');
    const agent = authority.issue('agent-7');
    const options = ['-e', cert, '-k', key, '-f', authority.ca, ...extra];
    const server = await ServerProcess.start(['-s', temporarySpool(), '-v', ...options]);
    await sendsFile(
      sClient(server.port, ['-CAfile', authority.ca, '-cert', agent.cert, '-key', agent.key]),
      password,
    );
    await server.logged(/Received file 'a\.1\.data' size 5b from 127\.0\.0\.1 port \d+ \(CN=agent-7\)/);
  });
});

describe('S4 refuses', () => {
  interface Attempt {
    readonly args: readonly string[];
    readonly log: string;
  }
  const attempts: Readonly<Record<string, (authority: CertificateAuthority) => Attempt>> = {
    'a client without a certificate': () => ({ args: [], log: 'no client certificate was shown' }),
    'a certificate of another CA': () => {
      const { cert, key } = CertificateAuthority.rsa('Other').issue('agent');
      return {
        args: ['-cert', cert, '-key', key],
        log: '(CN=agent) is refused: no CA in ssl_ca signed it (',
      };
    },
    'an expired certificate': (authority) => {
      const { cert, key } = authority.issue('agent', { days: -1 });
      return {
        args: ['-cert', cert, '-key', key],
        log: '(CN=agent) is refused: it has expired (CERT_HAS_EXPIRED)',
      };
    },
  };
  for (const [name, attempt] of Object.entries(attempts)) {
    testWith(NEEDS, name, async () => {
      const authority = CertificateAuthority.rsa();
      const { cert, key } = authority.issue('localhost');
      const options = ['-e', cert, '-k', key, '-f', authority.ca];
      const server = await ServerProcess.start(['-s', temporarySpool(), '-v', ...options]);
      const { args, log } = attempt(authority);
      const client = sClient(server.port, args);
      client.send('SEND <a.1.data> SIZE 5\n');
      expect(await client.rest()).toBe('');
      await server.logged(log);
    });
  }
});

testWith(
  NEEDS,
  'S9 a certificate that is revoked while the server runs is refused from then on',
  async () => {
    const authority = CertificateAuthority.rsa();
    const { cert, key } = authority.issue('localhost');
    const agent = authority.issue('agent');
    const crl = join(temporaryDirectory(), 'crl.pem');
    copyFileSync(authority.revocationList(), crl);
    const options = ['-e', cert, '-k', key, '-f', authority.ca, '--ssl-crl', crl];
    const server = await ServerProcess.start(['-s', temporarySpool(), '-v', ...options]);
    const args = ['-cert', agent.cert, '-key', agent.key];
    await sendsFile(sClient(server.port, args), undefined);

    authority.revoke(agent.cert);
    copyFileSync(authority.revocationList(), crl);
    await server.logged(`ssl_crl: the content of ${crl} changed`);
    await server.logged('Reloaded');
    const client = sClient(server.port, args);
    client.send('SEND <b.1.data> SIZE 5\n');
    expect(await client.rest()).toBe('');
    await server.logged('(CN=agent) is refused: its CA has revoked it (CERT_REVOKED)');
  },
);

describe('S11 versions and ciphers', () => {
  testWith(NEEDS, 'ssl_version TLSv1_3 refuses TLS 1.2, with a log line that names the token', async () => {
    const { cert, key } = CertificateAuthority.rsa().issue('localhost');
    const options = ['-e', cert, '-k', key, '-z', 'TLSv1_3'];
    const server = await ServerProcess.start(['-s', temporarySpool(), '-v', ...options]);
    await sendsFile(sClient(server.port, ['-tls1_3']), undefined);
    expect(await sClient(server.port, ['-tls1_2']).rest()).toBe('');
    await server.logged('see ssl_version and ssl_cipher');
  });

  testWith(NEEDS, 'ssl_cipher leaves one cipher', async () => {
    const { cert, key } = CertificateAuthority.rsa().issue('localhost');
    const options = ['-e', cert, '-k', key, '-u', 'AES256-GCM-SHA384'];
    const server = await ServerProcess.start(['-s', temporarySpool(), '-v', ...options]);
    await sendsFile(sClient(server.port, ['-cipher', 'AES256-GCM-SHA384']), undefined);
    expect(await sClient(server.port, ['-tls1_2', '-cipher', 'AES128-GCM-SHA256']).rest()).toBe('');
  });

  testWith(NEEDS, 'TLS 1.0 works where it is asked for, for old agents', async () => {
    const { cert, key } = CertificateAuthority.rsa().issue('localhost');
    const options = ['-e', cert, '-k', key, '-z', 'SSLv23:!SSLv3', '-u', 'DEFAULT:@SECLEVEL=0'];
    const server = await ServerProcess.start(['-s', temporarySpool(), ...options]);
    await sendsFile(sClient(server.port, ['-tls1', '-cipher', 'DEFAULT:@SECLEVEL=0']), undefined);
  });
});

testWith(NEEDS, 'S8 an encrypted key opens with ssl_password_file', async () => {
  const authority = CertificateAuthority.rsa();
  const { cert, key } = authority.issue('localhost', { passphrase: 'pass phrase' });
  const file = join(temporarySpool(), 'passphrase');
  writeFileSync(file, 'pass phrase\n', { mode: 0o600 });
  const options = ['-e', cert, '-k', key, '--ssl-password-file', file];
  const server = await ServerProcess.start(['-s', temporarySpool(), ...options]);
  await sendsFile(sClient(server.port, []), undefined);
});
