/** PROXY headers in front of workers, and between them: who is logged and limited is who really came. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { connect as connectPlain } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { describe, expect, onTestFinished, test } from 'vitest';
import { CertificateAuthority } from '../support/certificates.ts';
import { Dialogue } from '../support/dialogue.ts';
import { logged, startRelay } from '../support/relay.ts';
import { testWith } from '../support/requires.ts';
import { temporarySpool } from '../support/temporary.ts';
import { startWorker, type TestWorker } from '../support/worker.ts';

const ACCEPT = { proxy_protocol_accept: '127.0.0.1' };
const V1 = 'PROXY TCP4 192.0.2.1 192.0.2.2 50000 41121\r\n';

/** A receive worker that requires headers of whoever comes from 127.0.0.1. */
function behindProxy(): Promise<TestWorker> {
  return startWorker({ directory: temporarySpool(), ...ACCEPT });
}

function receivedFrom(address: string, port: number | undefined): RegExp {
  return new RegExp(`Received file .* from ${address.replaceAll('.', '\\.')} port ${String(port)}\\D`);
}

async function sends(client: Dialogue): Promise<void> {
  expect(await client.ask('SEND <a> SIZE 3\n')).toBe('SEND OK\n');
  expect(await client.ask('abc')).toBe('SEND OK\n');
  client.send('QUIT\n');
  expect(await client.rest()).toBe('');
}

/** A client that is named in a header. */
async function namedClient(port: number): Promise<Dialogue> {
  const client = await Dialogue.open(port);
  client.send(V1);
  return client;
}

describe.each(['v1', 'v2'] as const)('proxy_protocol_send %s', (version) => {
  /** A client from an address that no proxy has. */
  async function remote(
    port: number,
  ): Promise<{ readonly client: Dialogue; readonly port: number | undefined }> {
    const socket = connectPlain({ port, host: '127.0.0.1', localAddress: '127.0.0.7', noDelay: true });
    onTestFinished(() => {
      socket.destroy();
    });
    const client = new Dialogue(socket);
    await new Promise((resolve) => socket.once('connect', resolve));
    return { client, port: socket.localPort };
  }

  test('names the real client to a server that accepts it', async () => {
    const server = await behindProxy();
    const relay = await startRelay(server, { proxy_protocol_send: version });
    const { client, port } = await remote(relay.port);
    await sends(client);
    await logged(server, receivedFrom('127.0.0.7', port));
  });

  test('through a second relay, which accepts and sends it on', async () => {
    const server = await behindProxy();
    const second = await startRelay(server, { ...ACCEPT, proxy_protocol_send: version });
    const first = await startRelay(second, { proxy_protocol_send: version });
    const { client, port } = await remote(first.port);
    await sends(client);
    await logged(server, receivedFrom('127.0.0.7', port));
    await logged(second, new RegExp(`Relayed connection from 127\\.0\\.0\\.7 port ${String(port)} to`));
  });

  testWith(['openssl'], 'in clear before TLS, and before the password', async () => {
    const authority = new CertificateAuthority();
    const issued = authority.issue('localhost');
    const server = await startWorker(
      {
        directory: temporarySpool(),
        ...ACCEPT,
        ssl_cert: issued.cert,
        ssl_key: issued.key,
        password: 'secret',
      },
      { cert: readFileSync(issued.cert), key: readFileSync(issued.key) },
    );
    const [proxyPassword] = server.settings.passwords;
    const proxyCa = readFileSync(authority.ca);
    const tokens = { proxy_ssl: '1', proxy_ssl_ca: authority.ca, proxy_protocol_send: version };
    const relay = await startRelay(server, tokens, { proxyCa, proxyPassword });
    const { client, port } = await remote(relay.port);
    await sends(client);
    await logged(server, receivedFrom('127.0.0.7', port));
  });
});

describe('proxy_protocol_accept', () => {
  test('a header is required from the addresses that it lists', async () => {
    const server = await behindProxy();
    const client = await Dialogue.open(server.port);
    client.send('SEND <a> SIZE 3\n');
    expect(await client.rest()).toBe('');
    await logged(
      server,
      /Connection from 127\.0\.0\.1 .* closed: no PROXY header, which is required from this/,
    );
  });

  test('and is an unknown command from others', async () => {
    const server = await startWorker({
      directory: temporarySpool(),
      proxy_protocol_accept: '192.0.2.0/24,::1',
    });
    const client = await Dialogue.open(server.port);
    client.send(V1);
    expect(await client.rest()).toBe('');
    await logged(server, /Unknown command 'PROXY TCP4 192\.0\.2\.1 .*' from 127\.0\.0\.1 port/);
  });

  test('the file of whoever a header names is logged as theirs', async () => {
    const server = await behindProxy();
    const client = await Dialogue.open(server.port);
    client.send(V1);
    await sends(client);
    await logged(server, receivedFrom('192.0.2.1', 50_000));
  });

  test('a health check of a balancer is not somebody else’s connection', async () => {
    const server = await behindProxy();
    const client = await Dialogue.open(server.port);
    client.send('PROXY UNKNOWN\r\n');
    await sends(client);
    await logged(server, /Received file .* from 127\.0\.0\.1 port/);
  });

  testWith(['openssl'], 'TLS comes behind the header', async () => {
    const { cert, key } = new CertificateAuthority().issue('localhost');
    const server = await startWorker(
      { directory: temporarySpool(), ...ACCEPT, ssl_cert: cert, ssl_key: key },
      { cert: readFileSync(cert), key: readFileSync(key) },
    );
    const socket = connectPlain({ port: server.port, host: '127.0.0.1' });
    socket.write(V1);
    await sends(new Dialogue(connectTls({ socket, rejectUnauthorized: false })));
    await logged(server, receivedFrom('192.0.2.1', 50_000));
  });

  test('a relay asks for it, too, and passes on only what is behind it', async () => {
    const server = await startWorker({ directory: temporarySpool() });
    const relay = await startRelay(server, ACCEPT);
    await sends(await namedClient(relay.port));
    await logged(relay, /Relayed connection from 192\.0\.2\.1 port 50000 to/);
    await logged(server, /Received file .* from 127\.0\.0\.1 port/);
  });

  test('a header whose sender has reset before it was accepted is nobody’s command, and goes nowhere', async () => {
    const server = await startWorker({ directory: temporarySpool() });
    const relay = await startRelay(server, ACCEPT);
    const { port } = relay;
    // While it runs, this process accepts nobody.
    const script = `const socket = require('net').connect(${String(port)}, '127.0.0.1', () =>
      socket.write('PROXY UNKNOWN\\r\\n', () => socket.resetAndDestroy()));`;
    execFileSync(process.execPath, ['-e', script]);
    await logged(relay, /unexpectedly closed: connection reset before it was accepted/);
    await sends(await namedClient(port));
    await expect.poll(() => relay.worker.open).toBe(0);
    expect(server.log.filter((line) => line.includes('Client connected'))).toHaveLength(1);
  });
});
