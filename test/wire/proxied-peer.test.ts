/** PROXY headers over real sockets: exactly the header is taken, and whoever comes next goes on undisturbed. */
import { readFileSync } from 'node:fs';
import { type AddressInfo, connect as connectPlain, createServer, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import { ByteReader } from '../../src/protocol/byte-reader.ts';
import { PeerClosed, PeerTimeout, ProtocolError } from '../../src/protocol/errors.ts';
import { formatProxyHeader } from '../../src/protocol/proxy-header.ts';
import { readProxyHeader } from '../../src/server/proxied-peer.ts';
import { TlsAcceptor } from '../../src/server/tls.ts';
import { DEFAULT_TLS_VERSIONS } from '../../src/settings/tls-versions.ts';
import { CertificateAuthority } from '../support/certificates.ts';
import { Dialogue } from '../support/dialogue.ts';
import { testWith } from '../support/requires.ts';

const IDLE_MS = 20_000;
const CLIENT = { address: '192.0.2.1', port: 50000 };
const CONNECTION = { source: CLIENT, destination: { address: '192.0.2.2', port: 41121 } };
const V1 = formatProxyHeader('v1', CONNECTION);
const V2 = formatProxyHeader('v2', CONNECTION);

interface Pair {
  readonly client: Socket;
  /** As the listener hands it over. */
  readonly accepted: Socket;
}

/** Two ends of a TCP connection, which goes with the current test. */
async function pair(): Promise<Pair> {
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true });
  const accepted = new Promise<Socket>((resolve) => server.once('connection', resolve));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const client = connectPlain({
    port: (server.address() as AddressInfo).port,
    host: '127.0.0.1',
    noDelay: true,
  });
  const both = { client, accepted: await accepted };
  server.close();
  for (const socket of Object.values(both)) {
    // A standing listener, as every accepted connection has.
    socket.on('error', () => undefined);
    onTestFinished(() => {
      socket.destroy();
    });
  }
  return both;
}

function acceptor(): TlsAcceptor {
  const { cert, key } = new CertificateAuthority().issue('localhost');
  const material = { cert: readFileSync(cert), key: readFileSync(key), ca: undefined, passphrase: undefined };
  const unused = { crl: undefined, clientNames: undefined, ciphers: undefined };
  return new TlsAcceptor({ ...material, ...unused, versions: DEFAULT_TLS_VERSIONS }, IDLE_MS);
}

/** A TLS client behind a proxy, which puts the header before the ClientHello in one write to its next server. */
async function secureThrough(next: Socket, header: Buffer): Promise<Dialogue> {
  const { client, accepted } = await pair();
  accepted.once('data', (hello) => {
    next.write(Buffer.concat([header, hello]));
    accepted.pipe(next).pipe(accepted);
  });
  accepted.resume();
  return new Dialogue(connectTls({ socket: client, rejectUnauthorized: false }));
}

async function converse(client: Dialogue, server: Socket): Promise<void> {
  const reader = new ByteReader(server, IDLE_MS);
  client.send('PASS x\n');
  expect(await reader.readLine(64)).toBe('PASS x');
  server.write('PASS OK\n');
  expect(await client.line()).toBe('PASS OK\n');
}

/** Listeners of a socket, by event. */
function listeners(socket: Socket): Readonly<Record<string, number>> {
  return Object.fromEntries(socket.eventNames().map((name) => [String(name), socket.listenerCount(name)]));
}

describe.each([
  ['v1', V1],
  ['v2', V2],
])('%s', (_version, header) => {
  test('names the client, and leaves the socket as it was: paused, without listeners', async () => {
    const { client, accepted } = await pair();
    const before = listeners(accepted);
    client.write(header);
    expect(await readProxyHeader(accepted, IDLE_MS)).toEqual(CLIENT);
    expect(accepted.isPaused()).toBe(true);
    expect(listeners(accepted)).toEqual(before);
  });

  test('commands behind it in the same packet, and later ones, reach a reader', async () => {
    const { client, accepted } = await pair();
    client.write(Buffer.concat([header, Buffer.from('PASS x\nQU')]));
    expect(await readProxyHeader(accepted, IDLE_MS)).toEqual(CLIENT);
    const reader = new ByteReader(accepted, IDLE_MS);
    expect(await reader.readLine(64)).toBe('PASS x');
    client.end('IT\n');
    expect(await reader.readLine(64)).toBe('QUIT');
    expect(await reader.readLine(64)).toBeUndefined();
  });

  test('one byte at a time, commands too', async () => {
    const { client, accepted } = await pair();
    const named = readProxyHeader(accepted, IDLE_MS);
    for (const byte of Buffer.concat([header, Buffer.from('QUIT\n')])) {
      client.write(Buffer.from([byte]));
      await new Promise(setImmediate);
    }
    expect(await named).toEqual(CLIENT);
    expect(await new ByteReader(accepted, IDLE_MS).readLine(64)).toBe('QUIT');
  });

  test('a client that ends behind it is heard of by a reader, also by one that comes late', async () => {
    const { client, accepted } = await pair();
    client.end(header);
    await readProxyHeader(accepted, IDLE_MS);
    await expect.poll(() => accepted.readableEnded).toBe(true);
    expect(await new ByteReader(accepted, IDLE_MS).readLine(64)).toBeUndefined();
    // Half-closed: it can still be answered.
    accepted.end('bye');
    expect(await new Dialogue(client).rest()).toBe('bye');
  });

  test('what is behind it goes whole through a pump of data events', async () => {
    const { client, accepted } = await pair();
    const body = Buffer.alloc(3_000_000, 'abcdefg');
    client.end(Buffer.concat([header, body]));
    await readProxyHeader(accepted, IDLE_MS);
    // Whatever comes while nobody listens stays where it is.
    await expect.poll(() => accepted.readableLength).toBeGreaterThan(0);
    const chunks: Buffer[] = [];
    accepted.on('data', (chunk) => chunks.push(chunk));
    const ended = new Promise((resolve) => accepted.once('end', resolve));
    accepted.resume();
    await ended;
    expect(Buffer.concat(chunks).equals(body)).toBe(true);
  });

  testWith(['openssl'], 'and a TLS ClientHello in one packet: the handshake goes on', async () => {
    const { client, accepted } = await pair();
    const talk = await secureThrough(client, header);
    expect(await readProxyHeader(accepted, IDLE_MS)).toEqual(CLIENT);
    // Put back, all of it: the header did not come alone.
    expect(accepted.readableLength).toBeGreaterThan(100);
    await converse(talk, await acceptor().handshake(accepted));
  });

  testWith(['openssl'], 'the handshake may also have to wait for its place', async () => {
    const { client, accepted } = await pair();
    client.write(header);
    await readProxyHeader(accepted, IDLE_MS);
    const talk = await secureThrough(client, Buffer.alloc(0));
    await expect.poll(() => accepted.readableLength).toBeGreaterThan(100);
    await converse(talk, await acceptor().handshake(accepted));
  });
});

describe('a client that ends before its ClientHello is complete fails the handshake at once', () => {
  for (const [what, hello] of [
    ['none of it', ''],
    ['the beginning of it', '\x16\x03\x01\x02\x00\x01'],
  ] as const) {
    testWith(['openssl'], `${what} came, the handshake is under way`, async () => {
      const { client, accepted } = await pair();
      client.write(Buffer.concat([V2, Buffer.from(hello, 'latin1')]));
      await readProxyHeader(accepted, IDLE_MS);
      const failure = expect(acceptor().handshake(accepted)).rejects.toThrow(PeerClosed);
      client.end();
      await failure;
    });

    testWith(['openssl'], `${what} came, the handshake had to wait for its place`, async () => {
      const { client, accepted } = await pair();
      client.end(Buffer.concat([V2, Buffer.from(hello, 'latin1')]));
      await readProxyHeader(accepted, IDLE_MS);
      await expect.poll(() => hasEnd(accepted)).toBe(true);
      await expect(acceptor().handshake(accepted)).rejects.toThrow(PeerClosed);
    });
  }

  /** Whether the end has arrived, even if nobody has read as far; nothing public says so. */
  function hasEnd(socket: Socket): boolean {
    return (socket as unknown as { readonly _readableState: { readonly ended: boolean } })._readableState
      .ended;
  }
});

describe('failures', () => {
  test('a first byte that begins no header is enough', async () => {
    const { client, accepted } = await pair();
    const before = listeners(accepted);
    client.write('S');
    await expect(readProxyHeader(accepted, IDLE_MS)).rejects.toThrow(ProtocolError);
    expect(accepted.isPaused()).toBe(true);
    expect(listeners(accepted)).toEqual(before);
  });

  test('W4 silence', async () => {
    const { accepted } = await pair();
    await expect(readProxyHeader(accepted, 50)).rejects.toThrow(PeerTimeout);
    expect(accepted.isPaused()).toBe(true);
  });

  test('W4 the whole header counts, however steadily it trickles', async () => {
    const { client, accepted } = await pair();
    const named = readProxyHeader(accepted, 300);
    // Each byte in time, none of them the last.
    const trickle = setInterval(() => client.write('x'), 20);
    onTestFinished(() => {
      clearInterval(trickle);
    });
    client.write('PROXY UNKNOWN ');
    await expect(named).rejects.toThrow(PeerTimeout);
  });

  test.each([
    ['before any byte', '', 'connection closed before the PROXY header'],
    ['in the middle', 'PROXY TCP4 ', 'connection closed in the middle of the PROXY header'],
  ])('a close %s', async (_when, text, message) => {
    const { client, accepted } = await pair();
    client.end(text);
    const failure = readProxyHeader(accepted, IDLE_MS);
    await expect(failure).rejects.toThrow(PeerClosed);
    await expect(failure).rejects.toThrow(message);
  });

  test('a reset', async () => {
    const { client, accepted } = await pair();
    const before = listeners(accepted);
    client.resetAndDestroy();
    await expect(readProxyHeader(accepted, IDLE_MS)).rejects.toThrow(PeerClosed);
    expect(listeners(accepted)).toEqual(before);
  });

  test('a socket that this server destroys, before or meanwhile', async () => {
    const { accepted } = await pair();
    const named = readProxyHeader(accepted, IDLE_MS);
    accepted.destroy();
    await expect(named).rejects.toThrow(PeerClosed);
    await expect(readProxyHeader(accepted, IDLE_MS)).rejects.toThrow(PeerClosed);
  });
});

test('however the bytes are cut, the reader gets what is behind the header', async () => {
  const cuts = fc.array(fc.integer({ min: 1, max: 60 }), { maxLength: 6 });
  const rest = 'SEND <a> SIZE 3\nabc\nQUIT';
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(V1, V2), cuts, async (header, cuts) => {
      const { client, accepted } = await pair();
      const named = readProxyHeader(accepted, IDLE_MS);
      let left = Buffer.concat([header, Buffer.from(`${rest}\n`)]);
      for (const cut of cuts) {
        client.write(left.subarray(0, cut));
        left = left.subarray(cut);
        await new Promise(setImmediate);
      }
      client.end(left);
      expect(await named).toEqual(CLIENT);
      const reader = new ByteReader(accepted, IDLE_MS);
      const lines: (string | undefined)[] = [];
      for (let line = await reader.readLine(64); line !== undefined; line = await reader.readLine(64)) {
        lines.push(line);
      }
      expect(lines.join('\n')).toBe(rest);
      accepted.destroy();
      client.destroy();
    }),
    { numRuns: 50 },
  );
});
