/** Proves how long the reader waits for a peer, and what a reset does to it. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { ByteReader, LEAST_PROGRESS } from '../../../src/protocol/byte-reader.ts';
import { PeerClosed, PeerTimeout } from '../../../src/protocol/errors.ts';

const IDLE_MS = 1000;

type Outcome = 'pending' | 'done' | 'timed out' | Error;

/** Follows a promise: what became of it so far. */
function watch(promise: Promise<unknown>): { now: Outcome } {
  const outcome: { now: Outcome } = { now: 'pending' };
  promise.then(
    () => (outcome.now = 'done'),
    (error: unknown) => (outcome.now = error instanceof PeerTimeout ? 'timed out' : (error as Error)),
  );
  return outcome;
}

function reading(idleMs = IDLE_MS): { stream: PassThrough; reader: ByteReader } {
  const stream = new PassThrough();
  return { stream, reader: new ByteReader(stream, idleMs) };
}

async function drain(body: AsyncGenerator<Buffer>): Promise<void> {
  while ((await body.next()).done !== true);
}

describe('on the clock', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance', 'hrtime'] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  const pass = (ms: number): Promise<unknown> => vi.advanceTimersByTimeAsync(ms);

  /** No wait leaves a timer to a stream that is closed. */
  async function over(stream: PassThrough): Promise<void> {
    expect(vi.getTimerCount()).toBeLessThanOrEqual(1);
    stream.destroy();
    await pass(0);
    expect(vi.getTimerCount()).toBe(0);
  }

  test.each([
    ['a first byte', (reader: ByteReader) => reader.peek()],
    ['a line', (reader: ByteReader) => reader.readLine(64)],
    ['a body', (reader: ByteReader) => drain(reader.body(10))],
  ])('W4 silence before %s ends at the idle limit, not before', async (_what, read) => {
    const outcome = watch(read(reading().reader));
    await pass(IDLE_MS - 1);
    expect(outcome.now).toBe('pending');
    await pass(2);
    expect(outcome.now).toBe('timed out');
    expect(vi.getTimerCount()).toBe(0);
  });

  test('W4 every byte of a line gives a new idle limit', async () => {
    const { stream, reader } = reading();
    const outcome = watch(reader.readLine(64));
    for (const byte of ['A', 'B', 'C']) {
      await pass(IDLE_MS - 1);
      stream.write(byte);
    }
    stream.write('\n');
    await pass(0);
    expect(outcome.now).toBe('done');
    await over(stream);
  });

  test('W4 a trickled line ends within three idle limits', async () => {
    const { stream, reader } = reading();
    const outcome = watch(reader.readLine(8192));
    for (let ms = 0; ms < 3 * IDLE_MS; ms += 100) {
      expect(outcome.now).toBe('pending');
      stream.write('x');
      await pass(100);
    }
    await pass(2);
    expect(outcome.now).toBe('timed out');
  });

  test('W4 the limit of a line begins anew with the next line', async () => {
    const { stream, reader } = reading();
    for (let line = 0; line < 5; line++) {
      const outcome = watch(reader.readLine(64));
      await pass(IDLE_MS - 1);
      stream.write('QUIT\n');
      await pass(0);
      expect(outcome.now).toBe('done');
    }
  });

  test(`W4 a body that advances ${String(LEAST_PROGRESS)} bytes per idle limit goes on`, async () => {
    const { stream, reader } = reading();
    const outcome = watch(drain(reader.body(10 * LEAST_PROGRESS)));
    for (let count = 0; count < 10; count++) {
      expect(outcome.now).toBe('pending');
      await pass(IDLE_MS - 10);
      stream.write(Buffer.alloc(LEAST_PROGRESS));
    }
    await pass(0);
    expect(outcome.now).toBe('done');
    await over(stream);
  });

  test('W4 a body that advances more slowly ends', async () => {
    const { stream, reader } = reading();
    const outcome = watch(drain(reader.body(10_000)));
    for (let ms = 0; ms < IDLE_MS; ms += 20) {
      expect(outcome.now).toBe('pending');
      stream.write('x');
      await pass(20);
    }
    await pass(2);
    expect(outcome.now).toBe('timed out');
  });

  test('W4 the time that our own disk takes is not the peer’s', async () => {
    const { stream, reader } = reading();
    const body = reader.body(3);
    for (const byte of ['a', 'b', 'c']) {
      stream.write(byte);
      expect((await body.next()).value?.toString()).toBe(byte);
      await pass(10 * IDLE_MS);
    }
    expect((await body.next()).done).toBe(true);
  });

  test('W4 skipRest waits no longer than a body', async () => {
    const { stream, reader } = reading();
    stream.write('x');
    for await (const chunk of reader.body(10)) {
      expect(chunk.length).toBe(1);
      break;
    }
    const outcome = watch(reader.skipRest());
    await pass(IDLE_MS + 1);
    expect(outcome.now).toBe('timed out');
  });

  test('W4 the longest idle limit that the settings allow is not cut short by the range of timers', async () => {
    const days = 86_400_000;
    // timeout 86400, retries 1000
    const outcome = watch(reading(1001 * days).reader.readLine(64));
    await pass(days);
    expect(outcome.now).toBe('pending');
  });
});

test('a reset before the first read is no uncaught exception', async () => {
  const uncaught = vi.fn();
  process.on('uncaughtException', uncaught);
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true });
  onTestFinished(() => {
    process.off('uncaughtException', uncaught);
    server.close();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const reader = new Promise<[ByteReader, Socket]>((resolve) => {
    server.once('connection', (socket) => {
      resolve([new ByteReader(socket, 10_000), socket]);
    });
  });
  const client = connect(address.port, '127.0.0.1');
  await once(client, 'connect');
  const [bytes, socket] = await reader;
  const closed = new Promise((resolve) => client.once('close', resolve));
  client.resetAndDestroy();
  await closed;
  await expect(bytes.peek()).rejects.toThrow(PeerClosed);
  expect(socket.destroyed).toBe(true);
  expect(uncaught).not.toHaveBeenCalled();
});

test('W4 what arrived while this process stood still is not late', async () => {
  const server = createServer({ pauseOnConnect: true });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const accepted = once(server, 'connection') as Promise<[Socket]>;
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  const [socket] = await accepted;
  onTestFinished(() => {
    client.destroy();
    socket.destroy();
    server.close();
  });
  const line = new ByteReader(socket, 50).readLine(64);
  // Now it reads, and its timer runs.
  await new Promise(setImmediate);
  client.write('QUIT\n');
  for (const end = performance.now() + 200; performance.now() < end;);
  expect(await line).toBe('QUIT');
});
