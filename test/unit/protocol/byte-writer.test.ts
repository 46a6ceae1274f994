/** Proves that replies go out one by one, and that a slow peer is waited for within its limit. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { PassThrough, Writable } from 'node:stream';
import { afterEach, expect, onTestFinished, test, vi } from 'vitest';
import { ByteWriter } from '../../../src/protocol/byte-writer.ts';
import { PeerClosed, PeerTimeout } from '../../../src/protocol/errors.ts';

type Done = () => void;

/** A stream whose peer takes each write only when told to. */
function slowStream(): { stream: Writable; writes: Buffer[]; take: Done } {
  const writes: Buffer[] = [];
  let pending: Done | undefined;
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      writes.push(chunk);
      pending = done;
    },
  });
  return { stream, writes, take: () => pending?.() };
}

afterEach(() => {
  vi.useRealTimers();
});

test('W2 each reply is one write of its own, byte for byte', async () => {
  const { stream, writes, take } = slowStream();
  const writer = new ByteWriter(stream, 10_000);
  const first = writer.reply('RECV SIZE 3\n');
  take();
  await first;
  const second = writer.reply('\xff\xfc\n');
  take();
  await second;
  expect(writes.map((write) => write.toString('latin1'))).toEqual(['RECV SIZE 3\n', '\xff\xfc\n']);
});

test('a large body goes out whole, in pieces, and none before the last one was taken', async () => {
  const { stream, writes, take } = slowStream();
  const body = Buffer.from(Array.from({ length: 100_000 }, (_, index) => index % 251));
  const done = vi.fn();
  const sent = new ByteWriter(stream, 10_000).bytes(body).then(done);
  for (let count = 1; ; count++) {
    await new Promise(setImmediate);
    if (done.mock.calls.length > 0) break;
    expect(writes.length).toBe(count);
    expect(stream.writableLength).toBeLessThanOrEqual(16 * 1024);
    take();
  }
  await sent;
  expect(Buffer.concat(writes).equals(body)).toBe(true);
});

test('W4 a peer that does not read ends at the idle limit, not before', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const outcome = vi.fn();
  new ByteWriter(slowStream().stream, 1000).reply('SEND OK\n').catch(outcome);
  await vi.advanceTimersByTimeAsync(999);
  expect(outcome).not.toHaveBeenCalled();
  await vi.advanceTimersByTimeAsync(1);
  expect(outcome).toHaveBeenCalledWith(expect.any(PeerTimeout));
});

test('W4 each piece of a body has an idle limit of its own, and leaves no timer', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const { stream, take } = slowStream();
  const done = vi.fn();
  const sent = new ByteWriter(stream, 1000).bytes(Buffer.alloc(100_000)).then(done);
  for (let count = 0; done.mock.calls.length === 0 && count < 100; count++) {
    await vi.advanceTimersByTimeAsync(999);
    take();
    await vi.advanceTimersByTimeAsync(0);
  }
  await sent;
  expect(vi.getTimerCount()).toBe(0);
});

test('W4 the longest idle limit that the settings allow is not cut short by the range of timers', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const outcome = vi.fn();
  const days = 86_400_000;
  new ByteWriter(slowStream().stream, 1001 * days).reply('SEND OK\n').catch(outcome);
  await vi.advanceTimersByTimeAsync(days);
  expect(outcome).not.toHaveBeenCalled();
});

test('a connection that is lost already is an error', async () => {
  const stream = new PassThrough();
  stream.on('error', () => undefined);
  stream.destroy(new Error('write EPIPE'));
  await expect(new ByteWriter(stream, 10_000).reply('SEND OK\n')).rejects.toThrow(PeerClosed);
});

test.each([
  ['reset by a peer that does not read', (peer: Socket) => peer.resetAndDestroy()],
  ['closed by ourselves', (_peer: Socket, own: Socket) => own.destroy()],
])(
  'a connection that is %s ends the write at once',
  async (_how, end) => {
    const server = createServer({ pauseOnConnect: true });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    const accepted = once(server, 'connection') as Promise<[Socket]>;
    const own = connect(address.port, '127.0.0.1');
    own.on('error', () => undefined);
    const [peer] = await accepted;
    onTestFinished(() => {
      own.destroy();
      peer.destroy();
      server.close();
    });
    const outcome = new ByteWriter(own, 30_000)
      .bytes(Buffer.alloc(64 * 1024 * 1024))
      .catch((error: unknown) => error);
    // The first chunk that the kernel does not take stays in the stream.
    while (own.writableLength === 0 || own.bytesWritten === 0) await new Promise(setImmediate);
    end(peer, own);
    expect(await outcome).toBeInstanceOf(PeerClosed);
  },
  20_000,
);

test('nothing to send is nothing written', async () => {
  const stream = new PassThrough();
  await new ByteWriter(stream, 10_000).bytes(Buffer.alloc(0));
  expect(stream.readableLength).toBe(0);
});

/** Both ends of a connection, the second one as a listener hands it over. */
async function pair(): Promise<readonly [Socket, Socket]> {
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const accepted = once(server, 'connection') as Promise<[Socket]>;
  const peer = connect((server.address() as AddressInfo).port, '127.0.0.1');
  const [[own]] = await Promise.all([accepted, once(peer, 'connect')]);
  for (const socket of [peer, own]) socket.on('error', () => undefined);
  onTestFinished(() => {
    peer.destroy();
    own.destroy();
    server.close();
  });
  return [peer, own];
}

function standStill(ms: number): void {
  for (const end = performance.now() + ms; performance.now() < end;);
}

test('a write that fails in the call itself, after a reset that nobody has noticed, is an error', async () => {
  const [peer, own] = await pair();
  const writer = new ByteWriter(own, 10_000);
  peer.resetAndDestroy();
  standStill(50);
  await expect(writer.bytes(Buffer.from('x'))).rejects.toThrow(PeerClosed);
});

test('W4 what the peer took while this process stood still is not late', async () => {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const accepted = once(server, 'connection') as Promise<[Socket]>;
  // It begins to read after 600 ms, well within its limit.
  const program = `const s = require('net').connect(${String(port)}, '127.0.0.1').pause(); setTimeout(() => s.resume(), 600);`;
  const peer = spawn(process.execPath, ['-e', program]);
  const [own] = await accepted;
  onTestFinished(() => {
    peer.kill();
    own.destroy();
    server.close();
  });
  const sent = new ByteWriter(own, 1000).bytes(Buffer.alloc(16 * 1024 * 1024));
  while (own.writableLength === 0) await new Promise(setImmediate);
  standStill(2000);
  await sent;
});
