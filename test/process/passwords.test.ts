/** Passwords that are changed one by one, TLS that is required, and files that are limited: on the built server. */
import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { passwordDigest } from '../../src/protocol/password.ts';
import { CertificateAuthority } from '../support/certificates.ts';
import { Dialogue } from '../support/dialogue.ts';
import { freePort, runServer, ServerProcess } from '../support/program.ts';
import { testWith } from '../support/requires.ts';
import { store, storeMany } from '../support/store.ts';
import { temporaryDirectory, temporarySpool } from '../support/temporary.ts';

/** What the server says to a password. */
async function says(port: number, password: string): Promise<string> {
  const dialogue = await Dialogue.open(port);
  return dialogue.ask(`PASS ${passwordDigest(Buffer.from(password))}\n`).catch(() => 'closed');
}

test('password_file: the old and the new are accepted; one that is removed is refused after a reload', async () => {
  const file = join(temporaryDirectory(), 'passwords');
  writeFileSync(file, 'old\nnew\r\n\n', { mode: 0o600 });
  const server = await ServerProcess.start(['-s', temporarySpool(), '--password-file', file, '-v']);
  const told = await Promise.all(
    ['old', 'new', 'other', '', 'old\nnew', 'new\r'].map((each) => says(server.port, each)),
  );
  expect(told).toEqual(['PASS OK\n', 'PASS OK\n', 'closed', 'closed', 'closed', 'closed']);
  const inside = await Dialogue.open(server.port);
  expect(await inside.ask(`PASS ${passwordDigest(Buffer.from('old'))}\n`)).toBe('PASS OK\n');

  writeFileSync(file, 'new\n');
  server.child.kill('SIGHUP');
  await server.logged('Reloaded');
  await expect.poll(() => says(server.port, 'old')).toBe('closed');
  expect(await says(server.port, 'new')).toBe('PASS OK\n');
  // Whoever is inside finishes.
  expect(await store(inside, 'a')).toBe('SEND OK\n');
  expect(server.output).not.toMatch(/\b[0-9a-f]{32}\b/);

  // An empty file opens nothing: the server goes on as it was.
  writeFileSync(file, '\n\n');
  server.child.kill('SIGHUP');
  await server.logged(/holds no password/);
  expect(await says(server.port, 'new')).toBe('PASS OK\n');
  expect(await says(server.port, 'old')).toBe('closed');
});

describe('require_ssl', () => {
  const start = (...args: readonly string[]): ReturnType<typeof runServer> =>
    runServer(['--allow-root', '-a', '127.0.0.1', '--require-ssl', '1', ...args]);

  test.each([
    ['', []],
    ['as a relay', ['-b', '127.0.0.1', '-g', '9']],
  ])('without ssl_cert it does not start %s', async (_how, more) => {
    const { status, stderr } = start('-p', String(await freePort()), '-s', temporarySpool(), ...more);
    expect(status).toBe(1);
    expect(stderr).toContain('require_ssl: there is no TLS without ssl_cert');
  });

  testWith(['openssl'], 'as a relay, plain clients are closed, and nothing is passed on', async () => {
    const { cert, key } = new CertificateAuthority().issue('localhost');
    const spool = temporarySpool();
    const upstream = await ServerProcess.start(['-s', spool, '-v']);
    const tls = ['-e', cert, '-k', key, '--require-ssl', '1'];
    const relay = await ServerProcess.start(['-b', '127.0.0.1', '-g', String(upstream.port), '-v', ...tls]);
    const client = await Dialogue.open(relay.port);
    client.send('SEND <a> SIZE 4\ndata');
    expect(await client.rest()).not.toContain('SEND');
    await relay.logged('a client without TLS spoke to the TLS port');
    expect(readdirSync(spool)).toEqual([]);
  });
});

test('max_files with several workers, which count each for itself, and see what the others stored', async () => {
  const spool = temporarySpool();
  const limits = ['--workers', '4', '--max-files', '50', '--fsync', '0'];
  const server = await ServerProcess.start(['-s', spool, '-v', ...limits]);
  const confirmed = await storeMany(server.port, 400);
  expect(readdirSync(spool).length).toBe(confirmed.length);
  expect(confirmed.length).toBeGreaterThanOrEqual(50);
  // None takes more than what was missing when it counted last.
  expect(confirmed.length).toBeLessThanOrEqual(4 * 50);
  await server.logged('max_files 50 reached in');
  await expect
    .poll(async () => {
      const before = readdirSync(spool).length;
      await storeMany(server.port, 8, `more-${String(performance.now())}`);
      return readdirSync(spool).length - before;
    })
    .toBe(0);
  // Whoever takes them away makes room, for all workers.
  for (const name of readdirSync(spool)) rmSync(join(spool, name));
  await expect
    .poll(async () => (await storeMany(server.port, 8, `late-${String(performance.now())}`)).length)
    .toBe(8);
});
