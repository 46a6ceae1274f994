/** What the client does only on a terminal: it asks for a passphrase, and shows how far a long transfer is. */
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { CertificateAuthority } from '../support/certificates.ts';
import { CLIENT, clientEnvironment, runClient, startPeer } from '../support/client-program.ts';
import { ServerProcess } from '../support/program.ts';
import { testWith } from '../support/requires.ts';
import { temporaryDirectory, temporarySpool } from '../support/temporary.ts';
import { TERMINAL } from '../support/terminal.ts';

const PASSPHRASE = 'open sesame';

interface Shown {
  readonly code: number | undefined;
  readonly shown: string;
}

/** Runs the client on a terminal where somebody types that when asked for a passphrase. */
function onTerminal(typed: string, args: readonly string[], cwd = temporaryDirectory()): Promise<Shown> {
  const child = spawn('python3', ['-c', TERMINAL, typed, process.execPath, CLIENT, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: clientEnvironment({ TERM: 'xterm' }),
    cwd,
  });
  onTestFinished(() => {
    // The terminal goes with it, and a client without its terminal ends.
    child.kill('SIGKILL');
  });
  let shown = '';
  child.stdout.on('data', (chunk: Buffer) => (shown += chunk.toString()));
  return new Promise((done) => {
    child.once('close', (code) => {
      done({ code: code ?? undefined, shown: shown.replace(/^pid \d+\n/, '') });
    });
  });
}

interface Locked {
  readonly args: readonly string[];
  readonly key: string;
}

/** A server that wants a client certificate, and the options of a client whose key is encrypted. */
async function lockedKey(): Promise<Locked> {
  const authority = new CertificateAuthority();
  const server = authority.issue('server');
  const agent = authority.issue('agent', { passphrase: PASSPHRASE });
  const options = ['-e', server.cert, '-k', server.key, '-f', authority.ca];
  const { port } = await ServerProcess.start(['-s', temporarySpool(), ...options]);
  const file = join(temporaryDirectory(), 'a.data');
  writeFileSync(file, 'hello');
  return { args: ['-p', String(port), '-e', agent.cert, '-k', agent.key, file], key: agent.key };
}

testWith(
  ['python3', 'openssl'],
  'S8 -w asks for the passphrase of the key, and does not show it',
  async () => {
    const { args, key } = await lockedKey();
    const { code, shown } = await onTerminal(PASSPHRASE, ['-w', ...args]);
    expect(shown).toContain(`Passphrase of ${key}: `);
    expect(shown).not.toContain(PASSPHRASE);
    expect(code).toBe(0);
  },
);

testWith(['python3', 'openssl'], 'S8 a wrong passphrase is told, with exit 1', async () => {
  const { args, key } = await lockedKey();
  const { code, shown } = await onTerminal('wrong', ['-w', ...args]);
  expect(shown).toMatch(/\[err\] .*does not open with this passphrase/);
  expect(shown).toContain(key);
  expect(code).toBe(1);
});

testWith(['openssl'], 'S8 an encrypted key without -w is told, with exit 1', async () => {
  const { args } = await lockedKey();
  const { code, stderr } = await runClient(args);
  expect(stderr).toMatch(/^\[err\] .*is encrypted: give its passphrase with -w\n$/);
  expect(code).toBe(1);
});

testWith(['python3', 'openssl'], 'S8 -w does not ask where the key has no passphrase', async () => {
  const authority = new CertificateAuthority();
  const { cert, key } = authority.issue('server');
  const { port } = await ServerProcess.start(['-s', temporarySpool(), '-e', cert, '-k', key]);
  const { code, shown } = await onTerminal('', ['--check', '-w', '-e', cert, '-k', key, '-p', String(port)]);
  expect(shown).not.toContain('Passphrase');
  expect(code).toBe(0);
});

const SIZE = 1000;
/** Longer than the second after which a bar is due. */
const SLOW_MS = 1300;

/** A server whose file takes a while: half of it, a pause, the rest. */
function slowServer(pauseMs: number): Promise<number> {
  return startPeer(async (client) => {
    await client.line();
    await client.ask(`RECV SIZE ${String(SIZE)}\n`);
    client.send(Buffer.alloc(SIZE / 2, 'x'));
    await new Promise((done) => setTimeout(done, pauseMs));
    client.send(Buffer.alloc(SIZE / 2, 'y'));
    await client.line();
  });
}

testWith(['python3'], 'a bar on a terminal for what takes over a second', async () => {
  const port = await slowServer(SLOW_MS);
  const { code, shown } = await onTerminal('', ['-g', '-p', String(port), 'a.conf']);
  expect(shown).toContain(`100% of ${String(SIZE)} bytes`);
  expect(code).toBe(0);
});

testWith(['python3'], 'no bar on a terminal for what is quick', async () => {
  const port = await slowServer(0);
  const { code, shown } = await onTerminal('', ['-g', '-p', String(port), 'a.conf']);
  expect({ code, shown }).toEqual({ code: 0, shown: '' });
});

testWith(['python3'], 'no bar on a terminal with -q', async () => {
  const port = await slowServer(SLOW_MS);
  const { code, shown } = await onTerminal('', ['-gq', '-p', String(port), 'a.conf']);
  expect({ code, shown }).toEqual({ code: 0, shown: '' });
});

test('C2 never a bar where standard output is no terminal', async () => {
  const port = await slowServer(SLOW_MS);
  const result = await runClient(['-g', '-p', String(port), 'a.conf'], { cwd: temporaryDirectory() });
  expect(result).toEqual({ code: 0, stdout: '', stderr: '' });
});
