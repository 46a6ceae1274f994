/** How a byte stream to a server comes about: addresses in turn, the local address, HTTP proxies. */
import { spawn } from 'node:child_process';
import { connect as connectTcp } from 'node:net';
import { expect, onTestFinished, test, vi } from 'vitest';
import { type ConnectOptions, openStream } from '../../../src/client/connect.ts';
import type { HttpProxy } from '../../../src/client/endpoint.ts';
import { freePort } from '../../support/program.ts';
import { failure, PATIENT_MS, type Peer, startScripted } from '../../wire/scripted-server.ts';

const names = vi.hoisted(() => new Map<string, string[]>());
/** Of the name server, in order. */
const asked: string[] = vi.hoisted(() => []);
/** What a name server says at last that was silent for long. */
const late = vi.hoisted(() => {
  let say: (found: readonly unknown[]) => void = () => undefined;
  const answer = new Promise<unknown>((resolve) => (say = resolve));
  return { answer, say };
});
vi.mock(import('node:dns/promises'), async (original) => {
  const real = await original();
  const lookup = (name: string): Promise<unknown> => {
    asked.push(name);
    if (name === 'silent.example') return late.answer;
    const found = names.get(name);
    if (found !== undefined) return Promise.resolve(found.map((address) => ({ address, family: 4 })));
    return Promise.reject(Object.assign(new Error(`getaddrinfo ENOTFOUND ${name}`), { code: 'ENOTFOUND' }));
  };
  return { ...real, lookup: lookup as typeof real.lookup };
});

/** What a connection comes to: the first bytes that arrive on it. */
async function firstBytes(options: Partial<ConnectOptions> & { port: number }): Promise<string> {
  const stream = await openStream({ host: '127.0.0.1', idleMs: PATIENT_MS, ...options });
  onTestFinished(() => {
    stream.destroy();
  });
  return new Promise((resolve) => {
    stream.once('data', (chunk: Buffer) => {
      resolve(chunk.toString('latin1'));
    });
  });
}

function refusal(options: Partial<ConnectOptions> & { port: number }): Promise<Error> {
  return failure(openStream({ host: '127.0.0.1', idleMs: PATIENT_MS, ...options }));
}

function greet(peer: Peer): Promise<void> {
  peer.send(`${peer.socket.remoteAddress ?? ''} to ${peer.socket.localAddress ?? ''}`);
  return peer.gone;
}

test('the addresses of a name are tried in turn', async () => {
  names.set('server.example', ['127.0.0.3', '127.0.0.2', '::1', '127.0.0.1']);
  const server = await startScripted(greet);
  expect(await firstBytes({ host: 'server.example', port: server.port })).toBe('127.0.0.1 to 127.0.0.1');
});

test('when no address of a name answers, the error names it', async () => {
  names.set('server.example', ['127.0.0.1', '::1']);
  const port = await freePort();
  const error = await refusal({ host: 'server.example', port });
  expect(`${error.name}: ${error.message}`).toBe(
    `ConnectError: Cannot connect to server.example port ${String(port)}: connection refused: nothing listens there`,
  );
});

test('an unknown name', async () => {
  const error = await refusal({ host: 'nowhere.invalid', port: 1 });
  expect(`${error.name}: ${error.message}`).toBe(
    'ConnectError: Cannot connect to nowhere.invalid: the name is unknown (ENOTFOUND)',
  );
});

test('a silent name server is waited for no longer than a server, and by all together', async () => {
  const server = await startScripted(greet);
  const { port } = server;
  const host = 'silent.example';
  const stopping = new AbortController();
  const stopped = refusal({ host, port, signal: stopping.signal });
  const patient = firstBytes({ host, port });
  const error = await refusal({ host, port, idleMs: 100 });
  expect(`${error.name}: ${error.message}`).toBe(
    'TimeoutError: Cannot connect to silent.example: no name server answered in time',
  );
  stopping.abort(new Error('stopping'));
  expect((await stopped).message).toBe('stopping');
  expect((await refusal({ host, port, signal: stopping.signal })).message).toBe('stopping');
  expect(asked.filter((name) => name === host)).toHaveLength(1);
  late.say([{ address: '127.0.0.1', family: 4 }]);
  expect(await patient).toBe('127.0.0.1 to 127.0.0.1');
  // Answered questions are asked anew.
  expect(await firstBytes({ host, port })).toBe('127.0.0.1 to 127.0.0.1');
  expect(asked.filter((name) => name === host)).toHaveLength(2);
});

test('IPv6', async () => {
  const server = await startScripted(greet, { host: '::1' });
  expect(await firstBytes({ host: '::1', port: server.port })).toBe('::1 to ::1');
});

test('C1 -b: the local address', async () => {
  const server = await startScripted(greet);
  const { port } = server;
  expect(await firstBytes({ port, localAddress: '127.0.0.2' })).toBe('127.0.0.2 to 127.0.0.1');
  expect((await refusal({ port, localAddress: '192.0.2.1' })).message).toBe(
    `Cannot connect to 127.0.0.1 port ${String(port)}: this host has no address 192.0.2.1`,
  );
});

test('W4 a host that takes no connection is given up', async () => {
  // Its backlog full and its event loop standing still, the kernel leaves every further SYN unanswered.
  const still = `require('node:net').createServer().listen({ port: 0, host: '127.0.0.1', backlog: 1 }, function () {
    require('node:fs').writeSync(1, String(this.address().port));
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  })`;
  const child = spawn(process.execPath, ['-e', still], { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  const port = await new Promise<number>((resolve) =>
    child.stdout.once('data', (text) => {
      resolve(Number(text));
    }),
  );
  for (let filled = 0; filled < 2; filled++) {
    const filler = connectTcp(port, '127.0.0.1');
    onTestFinished(() => {
      filler.destroy();
    });
    await new Promise((resolve) => filler.once('connect', resolve));
  }
  const error = await refusal({ port, idleMs: 200 });
  expect(`${error.name}: ${error.message}`).toBe(
    `TimeoutError: Connection to 127.0.0.1 port ${String(port)} timed out`,
  );
});

const HOST = { host: 'server.example', port: 41121 };

/** Opens a tunnel to server.example through a proxy that answers in these segments. */
async function through(
  segments: readonly string[],
  login: Partial<HttpProxy> = {},
  to = HOST,
): Promise<{ got: string; asked: string }> {
  let asked = '';
  const server = await startScripted(async (peer) => {
    for (let line = ''; line !== '\r\n'; asked += line) line = await peer.line();
    for (const segment of segments) {
      peer.send(segment);
      await new Promise(setImmediate);
    }
    peer.send('hello');
    await peer.gone;
  });
  const proxy: HttpProxy = {
    host: '127.0.0.1',
    port: server.port,
    user: undefined,
    password: undefined,
    ...login,
  };
  return { got: await firstBytes({ ...to, proxy }), asked };
}

const MANY = Array.from({ length: 500 }, (_, i) => `X-Header-${String(i)}: ${'v'.repeat(50)}\r\n`);

test.each<[string, string[]]>([
  ['at once', ['HTTP/1.1 200 Connection established\r\n\r\n']],
  ['HTTP/1.0 without a text', ['HTTP/1.0 200\r\n\r\n']],
  ['204', ['HTTP/1.1 204 No Content\r\n\r\n']],
  ['a byte at a time', Array.from('HTTP/1.1 200 OK\r\nVia: x\r\n\r\n')],
  ['with many headers', ['HTTP/1.1 200 OK\r\n', ...MANY, '\r\n']],
])('C1 an HTTP proxy agrees: %s', async (_, segments) => {
  const { got, asked } = await through(segments);
  expect(got).toBe('hello');
  expect(asked).toBe('CONNECT server.example:41121 HTTP/1.1\r\nHost: server.example:41121\r\n\r\n');
});

test("C1 what comes right behind the proxy's header is the server's", async () => {
  const { got } = await through(['HTTP/1.1 200 OK\r\n\r\nfrom the server\n']);
  expect(got).toMatch(/^from the server\n/);
});

test('C1 the proxy is given the login, and IPv6 in brackets', async () => {
  const login = { user: 'user', password: 'p@ss:\xff' };
  const { asked } = await through(['HTTP/1.1 200 OK\r\n\r\n'], login, { host: '::1', port: 1 });
  // printf 'user:p@ss:\377' | base64
  expect(asked).toBe(
    'CONNECT [::1]:1 HTTP/1.1\r\nHost: [::1]:1\r\nProxy-Authorization: Basic dXNlcjpwQHNzOv8=\r\n\r\n',
  );
});
