/** What a relay makes of sockets whose end came before it, and of orders that come after its own. */
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { expect, onTestFinished, test, vi } from 'vitest';
import { Relay } from '../../../src/proxy/relay.ts';
import { failure, PATIENT_MS } from '../../wire/scripted-server.ts';

const OPTIONS = {
  head: Buffer.alloc(0),
  silenceMs: PATIENT_MS,
  idleMs: PATIENT_MS,
  progress: () => undefined,
};

/** A connection, as its server sees it: paused. */
async function accepted(): Promise<Socket> {
  const server = createServer({ pauseOnConnect: true, allowHalfOpen: true });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const coming = new Promise<Socket>((resolve) => {
    server.once('connection', resolve);
  });
  const peer = connect((server.address() as AddressInfo).port, '127.0.0.1');
  peer.on('error', () => undefined);
  const socket = await coming;
  socket.on('error', () => undefined);
  server.close();
  onTestFinished(() => {
    peer.destroy();
    socket.destroy();
  });
  return socket;
}

/** When everybody has been told. */
async function closed(socket: Socket): Promise<Socket> {
  const told = new Promise((resolve) => socket.once('close', resolve));
  socket.destroy();
  await told;
  return socket;
}

test('an upstream that closed before anything was relayed ends the relay at once', async () => {
  const client = await accepted();
  const relay = new Relay(client, await closed(await accepted()), OPTIONS);
  expect(String(await failure(relay.ended))).toContain('it closed the connection');
  expect(client.destroyed).toBe(true);
});

test('a client that closed before, too', async () => {
  const upstream = await accepted();
  const relay = new Relay(await closed(await accepted()), upstream, OPTIONS);
  expect(await failure(relay.ended)).toMatchObject({ name: 'PeerClosed' });
  expect(upstream.destroyed).toBe(true);
});

test('a stop that comes after its end leaves no timer behind', async () => {
  const relay = new Relay(await closed(await accepted()), await closed(await accepted()), OPTIONS);
  await failure(relay.ended);
  const timers = vi.spyOn(globalThis, 'setTimeout');
  relay.shorten();
  expect(timers).not.toHaveBeenCalled();
  timers.mockRestore();
});
