/** Proves that lines and bodies come out of a stream whole, however they went in. */
import { PassThrough } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ByteReader } from '../../../src/protocol/byte-reader.ts';
import { ServerStopping, PeerClosed, ProtocolError } from '../../../src/protocol/errors.ts';

const IDLE_MS = 10_000;

function reading(...pieces: readonly (string | Buffer)[]): { stream: PassThrough; reader: ByteReader } {
  // Each piece is a chunk of its own; autoDestroy as a socket that is half-closed does it: not at all.
  const stream = new PassThrough({ autoDestroy: false });
  const reader = new ByteReader(stream, IDLE_MS);
  for (const piece of pieces) stream.write(typeof piece === 'string' ? Buffer.from(piece, 'latin1') : piece);
  return { stream, reader };
}

async function linesOf(reader: ByteReader, limit = 64): Promise<string[]> {
  const lines: string[] = [];
  for (let line = await reader.readLine(limit); line !== undefined; line = await reader.readLine(limit)) {
    lines.push(line);
  }
  return lines;
}

async function bodyOf(reader: ByteReader, size: number): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of reader.body(size)) chunks.push(chunk);
  return Buffer.concat(chunks).toString('latin1');
}

describe('lines', () => {
  const TEXT = 'PASS x\n\nRECV <\xfc\0\r>\nQUIT\n';
  const LINES = ['PASS x', '', 'RECV <\xfc\0\r>', 'QUIT'];

  test.each([...Array(TEXT.length + 1).keys()])('W1 cut at byte %i', async (cut) => {
    const { stream, reader } = reading(TEXT.slice(0, cut), TEXT.slice(cut));
    stream.end();
    expect(await linesOf(reader)).toEqual(LINES);
  });

  test('W1 cut at every byte, each arriving while it is waited for', async () => {
    const { stream, reader } = reading();
    const lines = linesOf(reader);
    for (const byte of TEXT) {
      stream.write(Buffer.from(byte, 'latin1'));
      await new Promise(setImmediate);
    }
    stream.end();
    expect(await lines).toEqual(LINES);
  });

  test('W1 any byte string, cut anywhere, gives the same lines', async () => {
    const pieces = fc.array(fc.uint8Array({ minLength: 1, maxLength: 40 }), { maxLength: 20 });
    await fc.assert(
      fc.asyncProperty(pieces, async (pieces) => {
        const whole = Buffer.concat(pieces).toString('latin1');
        const { stream, reader } = reading(...pieces.map((piece) => Buffer.from(piece)), '\n');
        stream.end();
        expect(await linesOf(reader, 1000)).toEqual(whole.split('\n'));
      }),
    );
  });

  test.each([
    ['complete, in one piece', ['12345678\n']],
    ['complete, its LF apart', ['12345678', '\n']],
    ['incomplete', ['12345678']],
    ['much too long and complete', [`${'x'.repeat(5000)}\n`]],
    ['behind a short one', ['ok\n12345678\n']],
  ])('W2 a line over the limit is refused: %s', async (_how, pieces) => {
    const { reader } = reading(...pieces);
    await expect(linesOf(reader, 8)).rejects.toThrow(ProtocolError);
  });

  test('W2 a line of just the limit, LF included, is read', async () => {
    const { stream, reader } = reading('1234567\n1234567\n');
    stream.end();
    expect(await linesOf(reader, 8)).toEqual(['1234567', '1234567']);
  });

  test('a half-close in mid-line is an error, between lines it is the end', async () => {
    const cut = reading('QUI');
    cut.stream.end();
    await expect(cut.reader.readLine(64)).rejects.toThrow(PeerClosed);
    const clean = reading('QUIT\n');
    clean.stream.end();
    expect(await clean.reader.readLine(64)).toBe('QUIT');
    expect(await clean.reader.readLine(64)).toBeUndefined();
    expect(await clean.reader.readLine(64)).toBeUndefined();
  });

  test('peek shows the first byte and takes nothing', async () => {
    const { stream, reader } = reading('QUIT\n');
    expect(await reader.peek()).toBe('Q'.charCodeAt(0));
    expect(await reader.readLine(64)).toBe('QUIT');
    stream.end();
    expect(await reader.peek()).toBeUndefined();
  });
});

describe('bodies', () => {
  test.each([...Array(12).keys()])(
    'W2 pipelined lines and bodies stay apart, cut at byte %i',
    async (cut) => {
      const text = 'A\n\n\nxyB\nzC\n';
      const { reader } = reading(text.slice(0, cut), text.slice(cut));
      expect(await reader.readLine(64)).toBe('A');
      expect(await bodyOf(reader, 4)).toBe('\n\nxy');
      expect(await reader.readLine(64)).toBe('B');
      expect(await bodyOf(reader, 1)).toBe('z');
      expect(await bodyOf(reader, 0)).toBe('');
      expect(await reader.readLine(64)).toBe('C');
    },
  );

  test('W11 a body that ends early is an error', async () => {
    const { stream, reader } = reading('abc');
    stream.end();
    await expect(bodyOf(reader, 4)).rejects.toThrow(PeerClosed);
  });

  test.each([0, 1, 3, 5, 6])('W11 skipRest keeps in step after %i bytes of six were taken', async (taken) => {
    const body = 'a\nb\ncd';
    const { reader } = reading(...Array.from(body), 'QUIT\n');
    let left = taken;
    for await (const chunk of reader.body(body.length)) {
      left -= chunk.length;
      if (left <= 0) break;
    }
    await reader.skipRest();
    expect(await reader.readLine(64)).toBe('QUIT');
  });

  test('W11 skipRest without a body takes nothing', async () => {
    const { reader } = reading('QUIT\n');
    await reader.skipRest();
    expect(await reader.readLine(64)).toBe('QUIT');
  });

  test('backpressure: nobody reads ahead of who asks', async () => {
    const stream = new PassThrough({ highWaterMark: 1024 });
    const reader = new ByteReader(stream, IDLE_MS);
    let written = 0;
    while (stream.write(Buffer.alloc(1024))) written += 1024;
    await new Promise(setImmediate);
    expect(stream.writableNeedDrain).toBe(true);
    expect(written).toBeLessThan(16 * 1024);
    expect((await reader.body(1).next()).done).toBe(false);
  });
});

describe('failures', () => {
  test('abort ends the pending read and every later one', async () => {
    const { reader } = reading();
    const pending = reader.readLine(64);
    reader.abort(new ServerStopping('out'));
    await expect(pending).rejects.toThrow(ServerStopping);
    await expect(reader.readLine(64)).rejects.toThrow(ServerStopping);
    await expect(reader.peek()).rejects.toThrow(ServerStopping);
  });

  test('the first failure is the one that is told', async () => {
    const { stream, reader } = reading();
    reader.abort(new ServerStopping('out'));
    stream.destroy(new Error('reset'));
    await new Promise((resolve) => stream.once('close', resolve));
    await expect(reader.readLine(64)).rejects.toThrow(ServerStopping);
  });

  test('an error before the first read waits for whoever reads', async () => {
    const { stream, reader } = reading();
    stream.destroy(new Error('read ECONNRESET'));
    await new Promise((resolve) => stream.once('close', resolve));
    await expect(reader.readLine(64)).rejects.toThrow('connection lost: read ECONNRESET');
    await expect(bodyOf(reader, 3)).rejects.toThrow(PeerClosed);
  });

  test('a stream that is closed while it is waited for is an error', async () => {
    const { stream, reader } = reading('SEN');
    const pending = reader.readLine(64);
    stream.destroy();
    await expect(pending).rejects.toThrow(PeerClosed);
  });
});

test('a peer that only ended its side is not closed before all that it said is read', async () => {
  const { stream, reader } = reading('ZRECV <a>\nZRECV OK\n');
  const ended = new Promise((resolve) => stream.once('end', resolve));
  stream.end();
  await reader.readLine(64);
  await ended;
  expect(reader.closed).toBe(false);
  expect(await reader.readLine(64)).toBe('ZRECV OK');
  expect(await reader.readLine(64)).toBeUndefined();
  expect(reader.closed).toBe(true);
});

describe('a stream that was over before', () => {
  test('at its end there is no line', async () => {
    const stream = new PassThrough({ autoDestroy: false });
    stream.end();
    stream.resume();
    await new Promise((resolve) => stream.once('end', resolve));
    expect(await new ByteReader(stream, IDLE_MS).readLine(64)).toBeUndefined();
  });

  test('destroyed, it is closed', async () => {
    const stream = new PassThrough();
    stream.destroy();
    await new Promise((resolve) => stream.once('close', resolve));
    await expect(new ByteReader(stream, IDLE_MS).readLine(64)).rejects.toThrow(PeerClosed);
  });
});
