/** Where the passphrase of an encrypted key comes from (S8). */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { expect, onTestFinished, test } from 'vitest';
import { CertificateAuthority, type Issued } from '../support/certificates.ts';
import { Dialogue } from '../support/dialogue.ts';
import { freePort, runServer, SERVER, ServerProcess } from '../support/program.ts';
import { isRoot, testWith } from '../support/requires.ts';
import { temporaryDirectory, temporarySpool } from '../support/temporary.ts';
import { TERMINAL } from '../support/terminal.ts';

const ROOT = isRoot ? ['--allow-root'] : [];
const PASSPHRASE = 'open sesame';

function encrypted(): Issued {
  return new CertificateAuthority().issue('server', { passphrase: PASSPHRASE });
}

/** The server on a terminal where somebody types that at the prompt. */
class OnTerminal {
  readonly #child: ChildProcess;
  readonly exited: Promise<number | null>;
  /** What the terminal shows so far. */
  shown = '';

  constructor(typed: string, args: readonly string[]) {
    this.#child = spawn('python3', ['-c', TERMINAL, typed, process.execPath, SERVER, ...ROOT, ...args], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.#child.stdout?.on('data', (chunk: Buffer) => (this.shown += chunk.toString()));
    this.exited = once(this.#child, 'close').then(() => this.#child.exitCode);
    onTestFinished(() => {
      if (this.#child.exitCode === null && this.pid > 0) process.kill(this.pid, 'SIGKILL');
    });
  }

  /** That of the server, not of the terminal. */
  get pid(): number {
    return Number(/^pid (\d+)/.exec(this.shown)?.[1] ?? '0');
  }

  /** Waits until the terminal shows a text. */
  async shows(text: string): Promise<void> {
    const { stdout } = this.#child;
    while (!this.shown.includes(text)) {
      if (stdout === null || stdout.destroyed) throw new Error(`ended without ${text}: ${this.shown}`);
      await Promise.race([once(stdout, 'data'), this.exited]);
    }
  }
}

/** A server with an encrypted key, whose passphrase was typed. */
async function unlockedOnTerminal(): Promise<OnTerminal & { readonly port: number; readonly key: string }> {
  const { cert, key } = encrypted();
  const port = await freePort();
  const server = new OnTerminal(PASSPHRASE, [
    ...['-a', '127.0.0.1', '-p', String(port), '-s', temporarySpool(), '-e', cert, '-k', key, '-w'],
  ]);
  await server.shows('Server listening');
  return Object.assign(server, { port, key });
}

/** Does a handshake and asks for a file. */
async function answersInside(port: number): Promise<string> {
  const secure = connect({ port, host: '127.0.0.1', rejectUnauthorized: false });
  onTestFinished(() => {
    secure.destroy();
  });
  return new Dialogue(secure).ask('RECV <nothing>\n');
}

testWith(['python3'], 'S8 -w asks on the terminal and serves with the key', async () => {
  const { shown, key, port } = await unlockedOnTerminal();
  expect(shown).toContain(`Passphrase of ${key}: `);
  expect(await answersInside(port)).toBe('RECV ERR (file does not exist)\n');
});

testWith(['python3'], 'S8 a passphrase is never shown, even to somebody who types at once', async () => {
  const { shown } = await unlockedOnTerminal();
  expect(shown).not.toContain(PASSPHRASE);
});

testWith(['python3'], 'S8 the terminal is let go, not left to the garbage collector', async () => {
  const { pid } = await unlockedOnTerminal();
  const descriptors = `/proc/${String(pid)}/fd`;
  const open = readdirSync(descriptors).map((fd) => readlinkSync(join(descriptors, fd)));
  expect(open).not.toContain('/dev/tty');
});

testWith(['python3'], 'S8 a wrong passphrase is told, with exit 1', async () => {
  const { cert, key } = encrypted();
  const server = new OnTerminal('wrong', ['-s', temporarySpool(), '-e', cert, '-k', key, '-w']);
  expect(await server.exited).toBe(1);
  expect(server.shown).toContain('ssl_key does not open with this passphrase');
});

testWith(['python3'], 'S8 nothing typed is not taken for a missing terminal', async () => {
  const { cert, key } = encrypted();
  const server = new OnTerminal('', ['-s', temporarySpool(), '-e', cert, '-k', key, '-w']);
  expect(await server.exited).toBe(1);
  expect(server.shown).toMatch(/ssl_key|ssl_password/);
  expect(server.shown).not.toContain('no terminal');
});

testWith(['setsid'], 'S8 -w without a terminal fails at the start and says what to do', () => {
  const { cert, key } = encrypted();
  const { status, stderr } = spawnSync(
    'setsid',
    ['-w', process.execPath, SERVER, ...ROOT, '-s', temporarySpool(), '-e', cert, '-k', key, '-w'],
    { encoding: 'utf8', timeout: 30_000 },
  );
  expect(stderr).toMatch(/ssl_password: no terminal to ask for the passphrase; use ssl_password_file/);
  expect(status).toBe(1);
});

test('S8 an encrypted key without any passphrase fails at the start and says what to do', () => {
  const { cert, key } = encrypted();
  const { status, stderr } = runServer([...ROOT, '-s', temporarySpool(), '-e', cert, '-k', key]);
  expect(stderr).toMatch(/ssl_key is encrypted: .*ssl_password_file, or ssl_password 1/);
  expect(status).toBe(1);
});

function passphraseFile(content: string): string {
  const path = join(temporaryDirectory(), 'passphrase');
  writeFileSync(path, content, { mode: 0o600 });
  return path;
}

test('S8 ssl_password_file opens the key of a service', async () => {
  const { cert, key } = encrypted();
  const server = await ServerProcess.start([
    ...['-s', temporarySpool(), '-e', cert, '-k', key],
    ...['--ssl-password-file', passphraseFile(`${PASSPHRASE}\nnot this line\n`)],
  ]);
  expect(await answersInside(server.port)).toBe('RECV ERR (file does not exist)\n');
});

test('S8 ssl_password_file with another passphrase fails at the start', () => {
  const { cert, key } = encrypted();
  const { status, stderr } = runServer([
    ...ROOT,
    ...['-s', temporarySpool(), '-e', cert, '-k', key, '--ssl-password-file', passphraseFile('wrong\n')],
  ]);
  expect(stderr).toMatch(/-k, --ssl-key: ssl_key does not open with this passphrase/);
  expect(status).toBe(1);
});
