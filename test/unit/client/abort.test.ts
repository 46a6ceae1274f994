/** An AbortSignal ends a conversation at once, wherever it stands, with the signal's own reason. */
import { getEventListeners } from 'node:events';
import { readdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { connect, type ConnectOptions } from '../../../src/client/client.ts';
import { fetchTask } from '../../../src/client/tasks.ts';
import { temporaryDirectory } from '../../support/temporary.ts';
import {
  connectTo,
  failure,
  oblige,
  PATIENT_MS,
  type Peer,
  startScripted,
  upload,
} from '../../wire/scripted-server.ts';

const REASON = new Error('interrupted');

interface Case {
  /** What the server does until it is time to stop. */
  readonly until: (peer: Peer) => Promise<unknown>;
  readonly options?: (port: number) => Partial<ConnectOptions>;
}

const BIG = 'x'.repeat(1 << 16);
const proxied = (port: number): Partial<ConnectOptions> => ({
  proxy: { host: '127.0.0.1', port, user: undefined, password: undefined },
});

const cases: Record<string, Case> = {
  'waiting for the HTTP proxy': { until: (peer) => peer.line(), options: proxied },
  'in the middle of the answer of the HTTP proxy': {
    until: async (peer) => {
      await peer.answer('HTTP/1.1 200');
    },
    options: proxied,
  },
  'in the TLS handshake': { until: (peer) => peer.take(1), options: () => ({ tls: {} }) },
  'in a TLS handshake through the proxy': {
    until: async (peer) => {
      while ((await peer.line()) !== '\r\n');
      peer.send('HTTP/1.1 200 OK\r\n\r\n');
      await peer.take(1);
    },
    options: (port) => ({ ...proxied(port), tls: {} }),
  },
  'waiting for PASS OK': { until: (peer) => peer.line(), options: () => ({ password: 'x' }) },
  'in the middle of PASS OK': { until: (peer) => peer.answer('PASS'), options: () => ({ password: 'x' }) },
  'waiting for the first SEND OK': { until: (peer) => peer.line() },
  'while the server reads nothing': {
    until: async (peer) => {
      await peer.answer('SEND OK\n');
      peer.socket.pause();
    },
  },
  'waiting for the confirmation': {
    until: async (peer) => {
      await peer.answer('SEND OK\n');
      await peer.take(BIG.length * 100);
    },
  },
};

test.each(Object.entries(cases))('%s', async (_, { until, options }) => {
  const controller = new AbortController();
  const server = await startScripted(async (peer) => {
    await until(peer);
    controller.abort(REASON);
  });
  const started = async (): Promise<void> => {
    const client = await connectTo(server, { ...options?.(server.port), signal: controller.signal });
    await client.send(upload(Array<string>(100).fill(BIG)));
  };
  expect(await failure(started())).toBe(REASON);
  const [peer] = server.peers;
  peer?.socket.resume();
  await peer?.gone;
});

test('before the start nothing is connected', async () => {
  const server = await startScripted((peer) => oblige(peer));
  const options = { host: server.host, port: server.port, signal: AbortSignal.abort(REASON) };
  expect(await failure(connect(options))).toBe(REASON);
  expect(server.peers).toEqual([]);
});

test('while connecting, no other address is tried', async () => {
  const server = await startScripted((peer) => oblige(peer));
  const controller = new AbortController();
  const connecting = connect({ host: 'localhost', port: server.port, signal: controller.signal });
  controller.abort(REASON);
  expect(await failure(connecting)).toBe(REASON);
});

test('in the middle of a file that is fetched: no staged file is left', async () => {
  const controller = new AbortController();
  const directory = temporaryDirectory();
  const server = await startScripted(async (peer) => {
    await peer.answer('RECV SIZE 10\n');
    await peer.answer('hello');
    await expect.poll(() => readdirSync(directory)).toEqual([expect.stringMatching(/\.part$/)]);
    controller.abort(REASON);
  });
  const client = await connectTo(server, { signal: controller.signal });
  const task = fetchTask('f', directory, { move: false, compress: false });
  expect(await failure(task.run(client))).toBe(REASON);
  expect(readdirSync(directory)).toEqual([]);
});

test('saying QUIT to a server that never closes ends at once', async () => {
  const controller = new AbortController();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    onTestFinished(() => {
      socket.destroy();
    });
    socket.once('data', () => {
      controller.abort(REASON);
    });
  });
  onTestFinished(() => {
    server.close();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  const client = await connect({ host: '127.0.0.1', port, idleMs: PATIENT_MS, signal: controller.signal });
  await client.quit();
  expect(client.stream.destroyed).toBe(true);
});

test('a signal that outlives its connections keeps no listener of theirs', async () => {
  const { signal } = new AbortController();
  const server = await startScripted((peer) => oblige(peer));
  for (let round = 0; round < 3; round++) {
    const client = await connectTo(server, { signal });
    await client.send(upload());
    await client.quit();
  }
  await expect.poll(() => getEventListeners(signal, 'abort')).toEqual([]);
});
