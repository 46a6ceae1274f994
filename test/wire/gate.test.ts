/** Who may connect, and how often, over real sockets: plain, with TLS, and behind PROXY headers. */
import { readFileSync } from 'node:fs';
import { connect as connectPlain } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { describe, expect, onTestFinished, test } from 'vitest';
import { CertificateAuthority } from '../support/certificates.ts';
import { Dialogue } from '../support/dialogue.ts';
import { logged } from '../support/relay.ts';
import { temporarySpool } from '../support/temporary.ts';
import { startWorker, type TestWorker } from '../support/worker.ts';

const HELLO = 'SEND <a> SIZE 3\n';
const PROXIED = { proxy_protocol_accept: '127.0.0.1' };

function server(tokens: Parameters<typeof startWorker>[0]): Promise<TestWorker> {
  return startWorker({ directory: temporarySpool(), overwrite: '1', ...tokens });
}

/** A client at an address of this host. */
function from(address: string, port: number): Dialogue {
  const socket = connectPlain({ port, host: '127.0.0.1', localAddress: address, noDelay: true });
  onTestFinished(() => {
    socket.destroy();
  });
  return new Dialogue(socket);
}

function header(address: string): string {
  return `PROXY TCP4 ${address} 127.0.0.1 5000 41121\r\n`;
}

async function isServed(client: Dialogue, before = ''): Promise<void> {
  expect(await client.ask(before + HELLO)).toBe('SEND OK\n');
  expect(await client.ask('abc')).toBe('SEND OK\n');
}

async function isRefused(client: Dialogue, before = ''): Promise<void> {
  client.send(before + HELLO);
  expect(await client.rest()).toBe('');
}

describe('allow_from', () => {
  test('lets in whom it names, and nobody else', async () => {
    const worker = await server({ allow_from: '192.0.2.1,127.0.0.64/26' });
    await isServed(from('127.0.0.65', worker.port));
    const other = from('127.0.0.1', worker.port);
    await isRefused(other);
    await logged(worker, /Connection from 127\.0\.0\.1 port \d+ refused: its address is not in allow_from/);
    await logged(worker, /1 connection refused: its address is not in allow_from/);
    expect(worker.log.join('')).not.toMatch(/Client connected from 127\.0\.0\.1 /);
  });

  test('a client that says nothing is refused all the same, before TLS', async () => {
    const { cert, key } = new CertificateAuthority().issue('localhost');
    const worker = await startWorker(
      { directory: temporarySpool(), allow_from: '192.0.2.1', ssl_cert: cert, ssl_key: key },
      { cert: readFileSync(cert), key: readFileSync(key) },
    );
    expect(await from('127.0.0.1', worker.port).rest()).toBe('');
  });

  test('behind a balancer it is about whom the header names; the balancer need not be named', async () => {
    const worker = await server({ ...PROXIED, allow_from: '192.0.2.0/24' });
    await isServed(from('127.0.0.1', worker.port), header('192.0.2.7'));
    await isRefused(from('127.0.0.1', worker.port), header('198.51.100.1'));
    await logged(worker, /Connection from 198\.51\.100\.1 port 5000 refused/);
    // A header from elsewhere is nothing to go by.
    await isRefused(from('127.0.0.2', worker.port), header('192.0.2.7'));
    await logged(worker, /Connection from 127\.0\.0\.2 port \d+ refused/);
  });

  test('a balancer that names nobody is judged itself', async () => {
    const nobody = 'PROXY UNKNOWN\r\n';
    const worker = await server({ ...PROXIED, allow_from: '192.0.2.0/24' });
    await isRefused(from('127.0.0.1', worker.port), nobody);
    const other = await server({ ...PROXIED, allow_from: '192.0.2.0/24,127.0.0.1' });
    await isServed(from('127.0.0.1', other.port), nobody);
  });
});

describe('max_connections_per_ip', () => {
  test('further ones are refused until one is over; others are not touched', async () => {
    const worker = await server({ max_connections_per_ip: '2' });
    const [one, two] = [from('127.0.0.2', worker.port), from('127.0.0.2', worker.port)];
    await isServed(one);
    await isServed(two);
    await isRefused(from('127.0.0.2', worker.port));
    await logged(worker, /refused: its address has max_connections_per_ip already/);
    await isServed(from('127.0.0.3', worker.port));
    one.send('QUIT\n');
    await one.rest();
    await expect.poll(() => worker.worker.open).toBe(2);
    await isServed(from('127.0.0.2', worker.port));
    await isServed(two);
  });

  test('behind a balancer each named client has its own', async () => {
    const worker = await server({ ...PROXIED, max_connections_per_ip: '1' });
    await isServed(from('127.0.0.1', worker.port), header('192.0.2.1'));
    await isServed(from('127.0.0.1', worker.port), header('192.0.2.2'));
    await isRefused(from('127.0.0.1', worker.port), header('192.0.2.1'));
  });
});

test('max_rate_per_ip: so many connect, further ones are refused', async () => {
  const worker = await server({ max_rate_per_ip: '1' });
  const clients = Array.from({ length: 30 }, () => from('127.0.0.2', worker.port));
  const served = clients.map((client) => client.ask(HELLO).then(Boolean, () => false));
  // However slow this host is, it does not take half a minute for them.
  await logged(worker, /refused: its address connects more often than max_rate_per_ip/);
  expect((await Promise.all(served)).filter(Boolean).length).toBeGreaterThanOrEqual(1);
  await isServed(from('127.0.0.3', worker.port));
});

describe('max_bytes_per_ip', () => {
  const TOO_MUCH = Buffer.alloc(200_000, 'x');

  test('beyond it all connections of the address are closed, and new ones refused', async () => {
    const worker = await server({ max_bytes_per_ip: '100k' });
    const [quiet, loud] = [from('127.0.0.2', worker.port), from('127.0.0.2', worker.port)];
    await isServed(quiet);
    expect(await loud.ask('SEND <big> SIZE 1000000\n')).toBe('SEND OK\n');
    loud.send(TOO_MUCH);
    expect([await loud.rest(), await quiet.rest()]).toEqual(['', '']);
    await isRefused(from('127.0.0.2', worker.port));
    await isServed(from('127.0.0.3', worker.port));
    // One line for each: the two, and the one that came too late.
    const lines = worker.log.filter((line) => line.includes('127.0.0.2') && /refused|closed/.test(line));
    expect(lines).toEqual(
      Array.from({ length: 3 }, () => expect.stringContaining('max_bytes_per_ip') as string),
    );
  });

  test('what TLS adds counts', async () => {
    const { cert, key } = new CertificateAuthority().issue('localhost');
    const worker = await startWorker(
      { directory: temporarySpool(), ssl_cert: cert, ssl_key: key, max_bytes_per_ip: '100k' },
      { cert: readFileSync(cert), key: readFileSync(key) },
    );
    const socket = connectTls({ port: worker.port, host: '127.0.0.1', rejectUnauthorized: false });
    onTestFinished(() => {
      socket.destroy();
    });
    const client = new Dialogue(socket);
    expect(await client.ask('SEND <big> SIZE 1000000\n')).toBe('SEND OK\n');
    client.send(TOO_MUCH);
    expect(await client.rest()).toBe('');
    await logged(worker, /refused: its address sent more than max_bytes_per_ip in a minute/);
  });

  test('behind a balancer it closes only the named client', async () => {
    const worker = await server({ ...PROXIED, max_bytes_per_ip: '100k' });
    const [other, loud] = [from('127.0.0.1', worker.port), from('127.0.0.1', worker.port)];
    await isServed(other, header('192.0.2.1'));
    expect(await loud.ask(`${header('192.0.2.2')}SEND <big> SIZE 1000000\n`)).toBe('SEND OK\n');
    loud.send(TOO_MUCH);
    expect(await loud.rest()).toBe('');
    await logged(worker, /Connection from 192\.0\.2\.2 port 5000 refused/);
    await isServed(other);
  });
});
