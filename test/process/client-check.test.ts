/** What --check proves and prints, and what TLS failures mean in the client's words. */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { CertificateAuthority, type Issued } from '../support/certificates.ts';
import { runClient, startPeer } from '../support/client-program.ts';
import { freePort, ServerProcess } from '../support/program.ts';
import { testWith } from '../support/requires.ts';
import { temporaryDirectory, temporarySpool } from '../support/temporary.ts';

const NEEDS = ['openssl'];

function someFile(content: string | Buffer = 'hello'): string {
  const file = join(temporaryDirectory(), 'a.1.data');
  writeFileSync(file, content);
  return file;
}

/** A server with these options; `-p` of the client. */
async function server(options: readonly string[] = []): Promise<readonly string[]> {
  const { port } = await ServerProcess.start(['-s', temporarySpool(), ...options]);
  return ['-p', String(port)];
}

interface Tls {
  readonly authority: CertificateAuthority;
  readonly agent: Issued;
  readonly to: readonly string[];
}

/** A server with TLS; `-f` there requires client certificates. */
async function tlsServer(options: { readonly days?: number; readonly mutual?: boolean } = {}): Promise<Tls> {
  const authority = new CertificateAuthority();
  const { days = 90, mutual = false } = options;
  const { cert, key } = authority.issue('server.example', { days });
  // Also on an address that the certificate is not for.
  const to = await server([
    '-a',
    '127.0.0.1,127.0.0.2',
    '-e',
    cert,
    '-k',
    key,
    ...(mutual ? ['-f', authority.ca] : []),
  ]);
  return { authority, agent: authority.issue('agent'), to };
}

describe('--check', () => {
  test('plain: says where it connected, and that there is neither TLS nor a password', async () => {
    const to = await server();
    expect(await runClient(['--check', ...to])).toEqual({
      code: 0,
      stderr: '',
      stdout: [
        `127.0.0.1 port ${String(to[1])}: connected to 127.0.0.1 port ${String(to[1])}`,
        '  TLS: none',
        '  password: none given',
        '',
      ].join('\n'),
    });
  });

  testWith(NEEDS, 'TLS, nothing verified: says so, and whose certificate it is', async () => {
    const { to } = await tlsServer();
    const { code, stdout, stderr } = await runClient(['--check', '-c', ...to]);
    expect(stderr).toBe('');
    expect(stdout).toMatch(/^ {2}TLS: TLSv1\.3, TLS_\w+$/m);
    expect(stdout).toMatch(/^ {2}server certificate: CN=server\.example, issued by CN=Test CA$/m);
    expect(stdout).toMatch(/^ .*DNS:server\.example, DNS:localhost, IP Address:127\.0\.0\.1$/m);
    expect(stdout).toMatch(/^ .*valid until .* GMT, (89|90) days left$/m);
    expect(stdout).toMatch(/^ {2}server verified: no \(give its CA with -f\)$/m);
    expect(code).toBe(0);
  });

  testWith(NEEDS, 'S6 verified with -f', async () => {
    const { authority, to } = await tlsServer();
    const { code, stdout } = await runClient(['--check', '-f', authority.ca, ...to]);
    expect(stdout).toMatch(/^ {2}server verified: yes$/m);
    expect(code).toBe(0);
  });

  test('W10 password: accepted only once PASS OK was read', async () => {
    const to = await server(['-x', 'secret']);
    const { code, stdout } = await runClient(['--check', '-x', 'secret', ...to]);
    expect(stdout).toMatch(/^ {2}password: accepted$/m);
    expect(stdout).not.toContain('secret');
    expect(code).toBe(0);
  });

  test('W10 a wrong password is an error, and nothing is said to be accepted', async () => {
    const to = await server(['-x', 'secret']);
    const { code, stdout, stderr } = await runClient(['--check', '-x', 'wrong', ...to]);
    expect(stdout).not.toContain('accepted');
    expect(stderr).toMatch(/^\[err\] .*the password is wrong/);
    expect(code).toBe(1);
  });

  test('nothing is stored or deleted for it, and it ends with QUIT', async () => {
    const heard: string[] = [];
    const port = await startPeer(async (client) => {
      for (;;) {
        heard.push(await client.line());
        if (heard.at(-1) === 'QUIT\n') return;
        client.send('RECV ERR (file does not exist)\n');
      }
    });
    expect((await runClient(['--check', '-p', String(port)])).code).toBe(0);
    expect(heard.at(-1)).toBe('QUIT\n');
    expect(heard.join('')).not.toMatch(/SEND|MV/);
  });

  testWith(NEEDS, 'S4 no certificate where the server wants one is an error', async () => {
    const { to } = await tlsServer({ mutual: true });
    const { code, stderr } = await runClient(['--check', '-c', ...to]);
    expect(stderr).toMatch(/^\[err\] .*client certificate/);
    expect(code).toBe(1);
  });

  testWith(NEEDS, 'S10 plain to a TLS server is an error', async () => {
    const { to } = await tlsServer();
    const { code, stderr } = await runClient(['--check', ...to]);
    expect(stderr).toMatch(/^\[err\] /);
    expect(code).toBe(1);
  });

  test('of several addresses each is checked', async () => {
    const to = await server();
    const { code, stdout, stderr } = await runClient(['--check', ...to, '-a', '127.0.0.9,127.0.0.1']);
    expect(stdout).toContain('connected to 127.0.0.1');
    expect(stderr).toMatch(/^\[err\] Cannot connect to 127\.0\.0\.9/);
    expect(code).toBe(1);
  });
});

describe('TLS failures say what to do', () => {
  interface Failure {
    readonly args: (tls: Tls) => readonly string[];
    readonly says: RegExp;
    readonly server?: Parameters<typeof tlsServer>[0];
  }
  const FAILURES: Readonly<Record<string, Failure>> = {
    'S6 the certificate is for another name': {
      args: ({ authority }) => ['-f', authority.ca, '-a', '127.0.0.2'],
      says: /certificate is for server\.example, localhost, 127\.0\.0\.1, not for 127\.0\.0\.2: use -a/,
    },
    'it has expired': {
      server: { days: -1 },
      args: ({ authority }) => ['-f', authority.ca],
      says: /the certificate of the server has expired: renew it/,
    },
    'another CA signed it': {
      args: () => ['-f', new CertificateAuthority('Other').ca],
      says: /no CA of the -f file signed the certificate of the server/,
    },
    'S4 the server wants a client certificate': {
      server: { mutual: true },
      args: () => ['-c'],
      says: /client certificate \(-e, -k\)/,
    },
    'S4 the server refuses the client certificate': {
      server: { mutual: true },
      args: () => {
        const { cert, key } = new CertificateAuthority('Other').issue('stranger');
        return ['-e', cert, '-k', key];
      },
      says: /(refuses the|another) client certificate/,
    },
    'S4 the client certificate has expired': {
      server: { mutual: true },
      args: ({ authority }) => {
        const { cert, key } = authority.issue('late', { days: -1 });
        return ['-e', cert, '-k', key];
      },
      says: /(refuses the|another) client certificate/,
    },
    'S10 plain to a TLS server': { args: () => [], says: /TLS \(-c, -e\)/ },
  };
  for (const [name, { args, says, server: options }] of Object.entries(FAILURES)) {
    testWith(NEEDS, name, async () => {
      const tls = await tlsServer(options);
      const { code, stdout, stderr } = await runClient([...tls.to, ...args(tls), someFile()]);
      expect(stderr).toMatch(/^\[err\] [^\n]+\n$/);
      expect(stderr).toMatch(says);
      expect(stdout).toBe('');
      expect(code).toBe(1);
    });
  }

  testWith(
    NEEDS,
    'S4 a refusal that comes before the first command, as while a big file is compressed',
    async () => {
      const authority = new CertificateAuthority();
      const { cert, key } = authority.issue('server');
      const port = await freePort();
      const options = ['-accept', String(port), '-cert', cert, '-key', key, '-CAfile', authority.ca];
      const server = spawn('openssl', ['s_server', ...options, '-Verify', '1', '-verify_return_error']);
      onTestFinished(() => {
        server.kill('SIGKILL');
      });
      await new Promise((accepting) => server.stdout.once('data', accepting));
      const stranger = new CertificateAuthority('Other').issue('stranger');
      const big = someFile(randomBytes(8_000_000));
      const { code, stderr } = await runClient([
        ...['-z', '-p', String(port), '-e', stranger.cert, '-k', stranger.key, big],
      ]);
      expect(stderr).toMatch(/^\[err\] .*the server refuses the client certificate/);
      expect(code).toBe(1);
    },
  );

  testWith(NEEDS, 'S10 TLS to a plain server', async () => {
    const { code, stderr } = await runClient(['-c', ...(await server()), someFile()]);
    expect(stderr).toMatch(/^\[err\] .*(does not speak TLS)/);
    expect(code).toBe(1);
  });
});

testWith(NEEDS, 'TLS files are judged before anything is connected', async () => {
  const authority = new CertificateAuthority();
  const [one, other] = [authority.issue('one'), authority.issue('other')];
  const text = someFile();
  const cases: readonly (readonly [readonly string[], RegExp])[] = [
    [['-e', one.cert, '-k', other.key], /is not the private key of the certificate/],
    [['-e', text, '-k', one.key], /holds no certificate/],
    [['-f', text], /holds no certificate/],
    [['-f', '/missing.pem'], /Cannot read \/missing\.pem: it does not exist/],
    [['-k', one.key], /needs its certificate \(-e\)/],
    [['-c', '-e', one.cert], /leave out -c or -e/],
  ];
  for (const [args, says] of cases) {
    const { code, stderr } = await runClient(['-p', '1', ...args, text]);
    expect(stderr).toMatch(says);
    expect(stderr).not.toContain('connect');
    expect(code).toBe(1);
  }
});
