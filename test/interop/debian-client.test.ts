/** The Perl client of Debian's package pandorafms-agent, against our server. */
import { execFile } from 'node:child_process';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { CertificateAuthority } from '../support/certificates.ts';
import { ServerProcess } from '../support/program.ts';
import { testWith } from '../support/requires.ts';
import { temporaryDirectory, temporarySpool } from '../support/temporary.ts';

// /usr/bin/tentacle_client is Perl's; its TLS needs libio-socket-ssl-perl.
const NEEDS = ['tentacle_client', 'openssl'];

interface Outcome {
  readonly code: number;
  readonly output: string;
}

/** Runs the client. The server runs beside it, so this must not block. */
function client(args: readonly string[], cwd: string, env: Record<string, string> = {}): Promise<Outcome> {
  return new Promise((resolve) => {
    execFile(
      '/usr/bin/tentacle_client',
      ['-v', '-a', '127.0.0.1', ...args],
      { cwd, env: { ...process.env, ...env } },
      (error, stdout, stderr) => {
        resolve({ code: error === null ? 0 : Number(error.code), output: stdout + stderr });
      },
    );
  });
}

function fileOf(size: number, name = 'agent.1.data'): { directory: string; path: string; bytes: Buffer } {
  const directory = temporaryDirectory();
  const bytes = Buffer.alloc(size, '<agent_data/>\n');
  writeFileSync(join(directory, name), bytes);
  return { directory, path: join(directory, name), bytes };
}

describe('sends', () => {
  // 1024 is its block; a multiple of it is where its C cousin stumbles.
  for (const size of [1, 1023, 1024, 2048, 100_000, 2_000_000]) {
    testWith(NEEDS, `W11 a file of ${String(size)} bytes, stored whole with mode 0660 (N5)`, async () => {
      const spool = temporarySpool();
      const server = await ServerProcess.start(['-s', spool]);
      const file = fileOf(size);
      const { code, output } = await client(['-p', String(server.port), file.path], file.directory);
      expect(output).toContain('File sent');
      expect(code).toBe(0);
      const stored = join(spool, 'agent.1.data');
      expect(readFileSync(stored).equals(file.bytes)).toBe(true);
      expect(statSync(stored).mode & 0o777).toBe(0o660);
    });
  }

  testWith(NEEDS, 'several files on one connection, and a name that exists is refused', async () => {
    const spool = temporarySpool();
    const server = await ServerProcess.start(['-s', spool, '-V']);
    const file = fileOf(10, 'one.data');
    writeFileSync(join(file.directory, 'two.data'), '2');
    const args = ['-p', String(server.port), 'one.data', 'two.data'];
    expect((await client(args, file.directory)).code).toBe(0);
    expect(server.output.match(/Client connected/g)).toHaveLength(1);
    const again = await client(args, file.directory);
    expect(again.code).not.toBe(0);
    expect(again.output).toContain('file already exists');
  });

  testWith(NEEDS, 'C3 -g fetches a file into the current directory', async () => {
    const spool = temporarySpool('conf');
    writeFileSync(join(spool, 'conf', 'agent.conf'), 'interval 300\n');
    const server = await ServerProcess.start(['-s', spool, '-i', '.*\\.conf:conf']);
    const directory = temporaryDirectory();
    const { code } = await client(['-g', '-p', String(server.port), 'agent.conf'], directory);
    expect(code).toBe(0);
    expect(readFileSync(join(directory, 'agent.conf'), 'utf8')).toBe('interval 300\n');
  });
});

describe('set-ups of the security guide', () => {
  testWith(NEEDS, 'S1 password: the right one passes, a wrong and a missing one do not', async () => {
    const spool = temporarySpool();
    const server = await ServerProcess.start(['-s', spool, '-x', 'sec ret#1']);
    const file = fileOf(100);
    const port = ['-p', String(server.port)];
    expect((await client([...port, '-x', 'wrong', file.path], file.directory)).code).toBe(1);
    expect((await client([...port, file.path], file.directory)).code).toBe(1);
    expect((await client([...port, '-x', 'sec ret#1', file.path], file.directory)).code).toBe(0);
  });

  for (const password of [[], ['-x', 'secret']]) {
    testWith(NEEDS, `S2 -c encrypts${password.length > 0 ? ', with a password' : ''}`, async () => {
      const authority = CertificateAuthority.rsa();
      const { cert, key } = authority.issue('localhost');
      const spool = temporarySpool();
      const server = await ServerProcess.start(['-s', spool, '-e', cert, '-k', key, ...password]);
      const file = fileOf(5000);
      // Today's IO::Socket::SSL verifies by default; the client cannot say otherwise.
      const { code, output } = await client(
        ['-c', ...password, '-p', String(server.port), file.path],
        file.directory,
        { SSL_CERT_FILE: authority.ca },
      );
      expect(output).toContain('File sent');
      expect(code).toBe(0);
      expect(readFileSync(join(spool, 'agent.1.data')).equals(file.bytes)).toBe(true);
    });
  }

  testWith(NEEDS, 'S10 a plain client on the TLS port is closed, with one clear log line', async () => {
    const { cert, key } = CertificateAuthority.rsa().issue('localhost');
    const server = await ServerProcess.start(['-s', temporarySpool(), '-v', '-e', cert, '-k', key]);
    const file = fileOf(100);
    expect((await client(['-p', String(server.port), file.path], file.directory)).code).toBe(1);
    await server.logged('a client without TLS spoke to the TLS port');
  });
});
