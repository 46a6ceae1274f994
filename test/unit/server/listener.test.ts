/** Proves which addresses are bound, and what is said about those that cannot be. */
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { networkInterfaces } from 'node:os';
import { expect, onTestFinished, test, vi } from 'vitest';
import { type Bound, listen } from '../../../src/server/listener.ts';
import { freePort } from '../../support/program.ts';

/** Of TEST-NET-1: no host has it. */
const NOBODYS = '192.0.2.1';
const hasIPv6 = Object.values(networkInterfaces()).some((all) =>
  all?.some(({ address }) => address === '::1'),
);

async function listening(addresses: readonly string[], port = 0, accept = hangUp): Promise<Bound> {
  const bound = await listen({ addresses, port }, { accept, onError: () => undefined });
  onTestFinished(() => {
    for (const server of bound.servers) server.close();
  });
  return bound;
}

function hangUp(socket: Socket): void {
  socket.destroy();
}

/** Whether somebody accepts connections there. */
async function answers(host: string, port: number): Promise<boolean> {
  const socket = connect({ host, port });
  return new Promise((resolve) => {
    socket.once('connect', () => {
      resolve(true);
      socket.destroy();
    });
    socket.once('error', () => {
      resolve(false);
    });
  });
}

test('an address is bound, and told with its port', async () => {
  const { addresses, failures } = await listening(['127.0.0.1']);
  expect(failures).toEqual([]);
  expect(addresses).toEqual([{ address: '127.0.0.1', port: expect.any(Number) as number }]);
  expect(await answers('127.0.0.1', addresses[0]?.port ?? 0)).toBe(true);
});

test.each([
  ['no address', []],
  ['0.0.0.0 and ::', ['0.0.0.0', '::']],
  [':: and 0.0.0.0', ['::', '0.0.0.0']],
])('%s: all of IPv4, and of IPv6 where the host has it', async (_what, addresses) => {
  const port = await freePort();
  const { failures } = await listening(addresses, port);
  if (hasIPv6) expect(failures).toEqual([]);
  expect(await answers('127.0.0.1', port)).toBe(true);
  expect(await answers('::1', port)).toBe(hasIPv6);
});

test('one of several addresses that cannot be bound is a message, the others serve', async () => {
  const port = await freePort();
  const { servers, failures } = await listening([NOBODYS, '127.0.0.1'], port);
  expect(servers.length).toBe(1);
  expect(failures).toEqual([
    `Cannot open socket for address ${NOBODYS} on port ${String(port)}: this host has no such address`,
  ]);
});

test('no address that can be bound is an error that names them all', async () => {
  const port = await freePort();
  const occupant = createServer().listen(port, '127.0.0.1');
  await once(occupant, 'listening');
  onTestFinished(() => void occupant.close());
  const message = listening([NOBODYS, '127.0.0.1'], port);
  await expect(message).rejects.toThrow(
    /address 192\.0\.2\.1 .*no such address; .*address 127\.0\.0\.1 .*another program is listening there/,
  );
});

test('sockets are handed over paused, with what was sent unread, and half-open', async () => {
  const accepted = vi.fn<(socket: Socket) => void>();
  const arrival = new Promise<Socket>((resolve) => accepted.mockImplementation(resolve));
  const { addresses } = await listening(['127.0.0.1'], 0, accepted);
  const client = connect(addresses[0]?.port ?? 0, '127.0.0.1');
  onTestFinished(() => void client.destroy());
  client.end('QUIT\n');
  const socket = await arrival;
  onTestFinished(() => void socket.destroy());
  await once(client, 'finish');
  await new Promise(setImmediate);
  expect([socket.isPaused(), socket.bytesRead, socket.readableLength]).toEqual([true, 0, 0]);
  socket.resume();
  await once(socket, 'end');
  expect(socket.writable).toBe(true);
});

test('what the system says instead of a connection is told, and it listens on', async () => {
  const told: Error[] = [];
  const taker = { accept: (socket: Socket) => socket.destroy(), onError: (cause: Error) => told.push(cause) };
  const bound = await listen({ addresses: ['127.0.0.1'], port: 0 }, taker);
  const [server] = bound.servers;
  onTestFinished(() => {
    server?.close();
  });
  // Nothing that a test can do makes accept fail.
  server?.emit('error', new Error('accept ENFILE'));
  expect([told.length, server?.listening]).toEqual([1, true]);
});
