/** TLS between real sockets: what a careless or hostile peer does to it. */
import { connect as connectPlain } from 'node:net';
import { readFileSync } from 'node:fs';
import { connect, type TLSSocket } from 'node:tls';
import { describe, expect, onTestFinished } from 'vitest';
import type { Token } from '../../src/settings/options.ts';
import { CertificateAuthority } from '../support/certificates.ts';
import { Dialogue } from '../support/dialogue.ts';
import { clientHello } from '../support/flood.ts';
import { testWith } from '../support/requires.ts';
import { temporarySpool } from '../support/temporary.ts';
import { startWorker, type TestWorker } from '../support/worker.ts';

const NEEDS = ['openssl'];

async function tlsWorker(tokens: Partial<Record<Token, string>> = {}): Promise<TestWorker> {
  const { cert, key } = new CertificateAuthority().issue('localhost');
  const material = { cert: readFileSync(cert), key: readFileSync(key) };
  return startWorker({ directory: temporarySpool(), ssl_cert: cert, ssl_key: key, ...tokens }, material);
}

async function secured(port: number): Promise<{ socket: TLSSocket; client: Dialogue }> {
  const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false });
  onTestFinished(() => {
    socket.destroy();
  });
  const client = new Dialogue(socket);
  await new Promise((resolve) => socket.once('secureConnect', resolve));
  return { socket, client };
}

async function logged({ log }: TestWorker, pattern: RegExp): Promise<void> {
  await expect.poll(() => log.some((line) => pattern.test(line)), { timeout: 20_000 }).toBe(true);
}

testWith(NEEDS, 'S6 W17 a file over TLS, and QUIT closes', async () => {
  const { port } = await tlsWorker();
  const { client } = await secured(port);
  expect(await client.ask('SEND <a.1.data> SIZE 3\n')).toBe('SEND OK\n');
  expect(await client.ask('abc')).toBe('SEND OK\n');
  client.send('QUIT\n');
  expect(await client.rest()).toBe('');
});

testWith(
  NEEDS,
  'S10 a client that drops TCP without close_notify after a complete exchange is normal',
  async () => {
    const worker = await tlsWorker();
    const plain = connectPlain({ port: worker.port, host: '127.0.0.1' });
    const socket = connect({ socket: plain, rejectUnauthorized: false });
    const client = new Dialogue(socket);
    expect(await client.ask('SEND <a.1.data> SIZE 3\n')).toBe('SEND OK\n');
    expect(await client.ask('abc')).toBe('SEND OK\n');
    plain.end();
    await logged(worker, /Connection closed from/);
    expect(worker.log.filter((line) => /unexpectedly|\[err\]/.test(line))).toEqual([]);
  },
);

testWith(NEEDS, 'S10 a TLS client on a plain port is closed with one clear log line', async () => {
  const worker = await startWorker({ directory: temporarySpool() });
  const socket = connect({ port: worker.port, host: '127.0.0.1', rejectUnauthorized: false });
  socket.on('error', () => undefined);
  await new Promise((resolve) => socket.once('close', resolve));
  await logged(worker, /closed: a TLS client spoke to a plain port/);
});

describe('S10 handshakes that fail', () => {
  testWith(NEEDS, 'a plain client is closed with one clear log line', async () => {
    const worker = await tlsWorker();
    const client = await Dialogue.open(worker.port);
    client.send('SEND <a.1.data> SIZE 3\n');
    await client.rest();
    await logged(worker, /closed: a client without TLS spoke to the TLS port/);
    expect(worker.log.filter((line) => /127\.0\.0\.1 port \d+ (closed|unexpected)/.test(line))).toHaveLength(
      1,
    );
  });

  testWith(NEEDS, 'a client that gives up in the middle is logged with its address', async () => {
    const worker = await tlsWorker();
    const client = await Dialogue.open(worker.port);
    client.send('\x16\x03\x01');
    client.stream.destroy();
    await logged(
      worker,
      /127\.0\.0\.1 port \d+ unexpectedly closed: connection closed during the TLS handshake/,
    );
  });
});

testWith(NEEDS, 'W4 a handshake may take ten seconds, however short the idle limit is', async () => {
  const worker = await tlsWorker({ timeout: '1', retries: '0' });
  const client = await Dialogue.open(worker.port);
  const start = performance.now();
  client.send('\x16\x03\x01\x02\x00\x01');
  expect(await client.rest()).toBe('');
  const seconds = (performance.now() - start) / 1000;
  expect(seconds).toBeGreaterThan(9.5);
  expect(seconds).toBeLessThan(13);
  await logged(worker, /\[err\]Connection from 127\.0\.0\.1 port \d+ timed out/);
});

testWith(NEEDS, '300 half-done handshakes do not keep an honest client out', async () => {
  const worker = await tlsWorker();
  const silent = await Promise.all(Array.from({ length: 300 }, () => Dialogue.open(worker.port)));
  const hello = await clientHello();
  for (const client of silent) client.send(hello);
  const { client } = await secured(worker.port);
  expect(await client.ask('SEND <a.1.data> SIZE 3\n')).toBe('SEND OK\n');
  expect(await client.ask('abc')).toBe('SEND OK\n');
  await logged(worker, /closed to make room for others/);
});
