/** What a relay makes of sockets whose end came before it, of two ends, and of orders that come after its own. */
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { Relay } from '../../../src/proxy/relay.ts';
import { failure, PATIENT_MS } from '../../wire/scripted-server.ts';

const OPTIONS = {
  head: Buffer.alloc(0),
  silenceMs: PATIENT_MS,
  idleMs: PATIENT_MS,
  progress: () => undefined,
};

interface Pair {
  /** As a server sees it: paused. */
  readonly socket: Socket;
  /** Who is at the other end. */
  readonly peer: Socket;
}

async function pair(): Promise<Pair> {
  const server = createServer({ pauseOnConnect: true, allowHalfOpen: true });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const coming = new Promise<Socket>((resolve) => {
    server.once('connection', resolve);
  });
  const { port } = server.address() as AddressInfo;
  const peer = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  peer.on('error', () => undefined);
  const socket = await coming;
  socket.on('error', () => undefined);
  server.close();
  onTestFinished(() => {
    peer.destroy();
    socket.destroy();
  });
  return { socket, peer };
}

async function accepted(): Promise<Socket> {
  return (await pair()).socket;
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

describe('the second end', () => {
  for (const [way, first, second] of [
    ['of the upstream', 0, 1],
    ['of the client', 1, 0],
  ] as const) {
    /** A relay whose first end has been passed on. */
    const half = async (): Promise<{ readonly relay: Relay; readonly from: Pair; readonly to: Pair }> => {
      const both = [await pair(), await pair()] as const;
      const relay = new Relay(both[0].socket, both[1].socket, OPTIONS);
      const [from, to] = [both[second], both[first]];
      to.peer.end();
      await once(from.peer.resume(), 'end');
      return { relay, from, to };
    };

    test(`${way} closes both at once, and its last bytes arrive`, async () => {
      const { relay, from, to } = await half();
      const shutdown = vi.spyOn(to.socket, 'end');
      const heard: Buffer[] = [];
      to.peer.on('data', (chunk: Buffer) => heard.push(chunk));
      from.peer.end('last words');
      await once(to.peer, 'end');
      expect(Buffer.concat(heard).toString()).toBe('last words');
      await relay.ended;
      expect(shutdown).not.toHaveBeenCalled();
      expect([from.socket.closed, to.socket.closed]).toEqual([true, true]);
    });

    test(`${way} waits for bytes that the system has not taken yet`, async () => {
      const { relay, from, to } = await half();
      to.socket.cork();
      const heard: Buffer[] = [];
      to.peer.on('data', (chunk: Buffer) => heard.push(chunk));
      from.peer.end('last words');
      await once(to.peer, 'end');
      expect(Buffer.concat(heard).toString()).toBe('last words');
      await relay.ended;
    });
  }
});
