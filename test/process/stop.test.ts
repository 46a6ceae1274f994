/** How the program ends when it is asked to. */
import { readdirSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { CertificateAuthority } from '../support/certificates.ts';
import { Dialogue } from '../support/dialogue.ts';
import { ServerProcess } from '../support/program.ts';
import { testWith } from '../support/requires.ts';
import { temporarySpool } from '../support/temporary.ts';

/** W4 far away, so that only what is tested ends anything. */
const PATIENT = ['-t', '60', '-V'];

/** A client in the middle of sending `abcdef` as a file of that name. */
async function halfway(server: ServerProcess, name: string): Promise<Dialogue> {
  const dialogue = await Dialogue.open(server.port);
  expect(await dialogue.ask(`SEND <${name}> SIZE 6\n`)).toBe('SEND OK\n');
  dialogue.send('abc');
  return dialogue;
}

function connects(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => {
      resolve(false);
    });
  });
}

async function refusesNewConnections(port: number): Promise<void> {
  while (await connects(port));
}

describe.each(['SIGTERM', 'SIGINT'] as const)('%s', (signal) => {
  test('lets a transfer in progress finish, and exits 0', async () => {
    const spool = temporarySpool();
    const server = await ServerProcess.start(['-s', spool, ...PATIENT]);
    const dialogue = await halfway(server, 'a.data');
    server.child.kill(signal);
    await server.logged('Server going down');
    expect(await dialogue.ask('def')).toBe('SEND OK\n');
    dialogue.send('QUIT\n');
    expect(await dialogue.rest()).toBe('');
    expect(await server.exited).toBe(0);
    expect(readFileSync(join(spool, 'a.data'), 'utf8')).toBe('abcdef');
    expect(server.output).toMatch(/Server stopped\.\n$/);
  });
});

test('SIGTERM refuses new connections while a transfer goes on', async () => {
  const server = await ServerProcess.start(['-s', temporarySpool(), ...PATIENT]);
  const dialogue = await halfway(server, 'a.data');
  server.child.kill('SIGTERM');
  await refusesNewConnections(server.port);
  expect(await dialogue.ask('def')).toBe('SEND OK\n');
});

test('SIGTERM ends clients between two commands at once, and those in a transfer after it', async () => {
  const server = await ServerProcess.start(['-s', temporarySpool(), ...PATIENT]);
  const idle = await Dialogue.open(server.port);
  expect(await idle.ask('RECV <nothing>\n')).toBe('RECV ERR (file does not exist)\n');
  const busy = await halfway(server, 'a.data');
  server.child.kill('SIGTERM');
  expect(await idle.rest()).toBe('');
  await server.logged('Server going down: waiting up to 60 seconds for 1 transfer.');
  await server.logged(/\[info\]Connection from .* closed: the server is stopping\./);
  expect(await busy.ask('def')).toBe('SEND OK\n');
  // Now it has no command in progress either.
  expect(await busy.rest()).toBe('');
  expect(await server.exited).toBe(0);
  expect(server.output).not.toContain('Cut off');
});

test('SIGTERM ends clients that have said nothing yet at once', async () => {
  const server = await ServerProcess.start(['-s', temporarySpool(), ...PATIENT]);
  const silent = await Dialogue.open(server.port);
  await server.logged('Client connected');
  server.child.kill('SIGTERM');
  expect(await silent.rest()).toBe('');
  expect(await server.exited).toBe(0);
  expect(server.output).toContain('Server going down.\n');
}, 20_000);

testWith(
  ['openssl'],
  'SIGTERM ends half-done TLS handshakes at once',
  async () => {
    const { cert, key } = new CertificateAuthority().issue('server');
    const server = await ServerProcess.start(['-s', temporarySpool(), ...PATIENT, '-e', cert, '-k', key]);
    const halfDone = await Dialogue.open(server.port);
    await server.logged('Client connected');
    server.child.kill('SIGTERM');
    expect(await halfDone.rest()).toBe('');
    expect(await server.exited).toBe(0);
  },
  20_000,
);

test('SIGTERM does not take a client that is kept waiting for its wrong password for a transfer', async () => {
  const server = await ServerProcess.start(['-s', temporarySpool(), ...PATIENT, '-x', 'secret']);
  const guessing = await Dialogue.open(server.port);
  guessing.send('PASS 0123456789abcdef0123456789abcdef\n');
  await server.logged('Invalid password');
  expect(await server.stop()).toBe(0);
  expect(server.output).toContain('Server going down.\n');
});

test('SIGTERM without anybody connected ends at once', async () => {
  const server = await ServerProcess.start(['-s', temporarySpool()]);
  expect(await server.stop()).toBe(0);
});

test('drain_timeout cuts what is left, leaves no trace of it, says so, and exits 0', async () => {
  const spool = temporarySpool();
  const server = await ServerProcess.start(['-s', spool, ...PATIENT, '--drain-timeout', '1']);
  const dialogues = [await halfway(server, 'a.data'), await halfway(server, 'b.data')];
  expect(await server.stop()).toBe(0);
  for (const dialogue of dialogues) expect(await dialogue.rest()).toBe('');
  expect(server.output).toContain('Server going down: waiting up to 1 second for 2 transfers.');
  expect(server.output).toContain('Warning: Cut off after drain_timeout: 2 connections.');
  expect(readdirSync(spool)).toEqual([]);
});

test('SIGTERM ends clients that still wait for a place at once; they are not counted as cut off', async () => {
  const options = ['-c', '1', '--drain-timeout', '1', '-o'];
  const server = await ServerProcess.start(['-s', temporarySpool(), ...PATIENT, ...options]);
  await halfway(server, 'a.data');
  const waiting = await Dialogue.open(server.port);
  waiting.send('SEND <b.data> SIZE 6\n');
  const exited = server.stop();
  expect(await waiting.rest()).toBe('');
  expect(server.output).not.toContain('Cut off');
  expect(await exited).toBe(0);
  expect(server.output).toContain('Server going down: waiting up to 1 second for 1 transfer.');
  expect(server.output).toContain('Warning: Cut off after drain_timeout: 1 connection.');
});

test('a second signal ends at once with exit 1, and the next start removes what was staged', async () => {
  const spool = temporarySpool();
  const server = await ServerProcess.start(['-s', spool, ...PATIENT]);
  await halfway(server, 'a.data');
  server.child.kill('SIGTERM');
  await server.logged('Server going down');
  expect(await server.stop()).toBe(1);
  expect(server.output).toContain('Second SIGTERM: ending at once');
  expect(readdirSync(spool)).toHaveLength(1);
  await ServerProcess.start(['-s', spool]);
  expect(readdirSync(spool)).toEqual([]);
});

test('SIGHUP goes on serving, old connections and new ones', async () => {
  const server = await ServerProcess.start(['-s', temporarySpool(), ...PATIENT]);
  const old = await halfway(server, 'a.data');
  server.child.kill('SIGHUP');
  await server.logged('SIGHUP');
  expect(await old.ask('def')).toBe('SEND OK\n');
  const fresh = await halfway(server, 'b.data');
  expect(await fresh.ask('def')).toBe('SEND OK\n');
});

test('a peer that reads nothing of what it asked for is let go', async () => {
  const spool = temporarySpool();
  const server = await ServerProcess.start([
    ...['-s', spool, '-V', '-t', '1', '-r', '0', '-m', '30000000', '--drain-timeout', '1'],
  ]);
  const sender = await Dialogue.open(server.port);
  expect(await sender.ask('SEND <big> SIZE 20000000\n')).toBe('SEND OK\n');
  expect(await sender.ask(Buffer.alloc(20_000_000))).toBe('SEND OK\n');
  sender.send('QUIT\n');
  await sender.rest();
  const socket = connect({ port: server.port, host: '127.0.0.1' });
  onTestFinished(() => {
    socket.destroy();
  });
  socket.write('RECV <big>\nRECV OK\n');
  await server.logged('timed out: the peer does not read');
  expect(await server.stop()).toBe(0);
  expect(server.output).not.toContain('Cut off');
});
