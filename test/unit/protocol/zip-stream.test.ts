/** Proves that packing and unpacking keep every byte, stop when told to, and pass errors on. */
import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { expect, test, vi } from 'vitest';
import { FileChanged, PeerTimeout, Refusal } from '../../../src/protocol/errors.ts';
import { unzip } from '../../../src/protocol/zip/unzip.ts';
import { zip } from '../../../src/protocol/zip/zip.ts';

// eslint-disable-next-line @typescript-eslint/require-await -- the shape of what arrives from a peer
async function* chunks(...pieces: readonly Uint8Array[]): AsyncGenerator<Buffer, void, undefined> {
  for (const piece of pieces) yield Buffer.from(piece);
}

async function* failing(pieces: readonly Buffer[], error: Error): AsyncGenerator<Buffer, void, undefined> {
  yield* chunks(...pieces);
  throw error;
}

async function collect(source: AsyncIterable<Buffer>): Promise<Buffer> {
  const all: Buffer[] = [];
  for await (const chunk of source) all.push(chunk);
  return Buffer.concat(all);
}

const content = fc.array(fc.uint8Array({ maxLength: 500 }), { maxLength: 10 });
const repetitive = fc.array(
  fc.constantFrom(Buffer.from('PK\x07\x08'), Buffer.alloc(300), Buffer.from('<a/>')),
);

test('T3 what zip packs, unzip unpacks, whatever the pieces', async () => {
  await fc.assert(
    fc.asyncProperty(fc.oneof(content, repetitive), fc.nat(2000), async (pieces, cut) => {
      const archive = await collect(zip(chunks(...pieces)));
      const cutArchive = chunks(archive.subarray(0, cut), archive.subarray(cut));
      const unpacked = await collect(unzip(cutArchive, 100_000));
      expect(unpacked.equals(Buffer.concat(pieces))).toBe(true);
    }),
  );
});

test.each([
  ['incompressible', randomBytes(3_000_000)],
  ['compressible', Buffer.alloc(3_000_000, 'agent data ')],
])('T3 three megabytes, %s', async (_kind, bytes) => {
  const pieces = Array.from({ length: 46 }, (_, index) =>
    bytes.subarray(index * 65_536, (index + 1) * 65_536),
  );
  const unpacked = await collect(unzip(zip(chunks(...pieces)), bytes.length));
  expect(unpacked.equals(bytes)).toBe(true);
});

test('W14 the same content gives the same archive, whatever the pieces', async () => {
  const whole = await collect(zip(chunks(Buffer.from('hello world'))));
  const cut = await collect(zip(chunks(Buffer.from('hello'), Buffer.alloc(0), Buffer.from(' world'))));
  expect(cut.equals(whole)).toBe(true);
});

test('any bytes as an archive are refused, and nothing else happens', async () => {
  await fc.assert(
    fc.asyncProperty(content, fc.boolean(), async (pieces, signed) => {
      const archive = chunks(...(signed ? [Buffer.from('PK\x03\x04\x14\0\x08\0\x08\0')] : []), ...pieces);
      const outcome: unknown = await collect(unzip(archive, 100_000)).catch((error: unknown) => error);
      expect(outcome).toBeInstanceOf(Refusal);
    }),
  );
});

test('errors of the source reach who unpacks, as they are', async () => {
  const archive = await collect(zip(chunks(randomBytes(1000))));
  for (const cut of [0, 10, 30, 500, archive.length - 60, archive.length]) {
    const source = failing([archive.subarray(0, cut)], new PeerTimeout('timed out'));
    await expect(collect(unzip(source, 10_000))).rejects.toThrow(PeerTimeout);
  }
});

test('errors of the source reach who packs, as they are', async () => {
  const source = failing([randomBytes(200_000)], new FileChanged('changed'));
  await expect(collect(zip(source))).rejects.toThrow(FileChanged);
});

test('who gives up packing closes the source and leaves no unhandled rejection', async () => {
  const unhandled = vi.fn();
  process.on('unhandledRejection', unhandled);
  const closed = vi.fn();
  async function* endless(): AsyncGenerator<Buffer, void, undefined> {
    try {
      for (;;) yield* chunks(randomBytes(65_536));
    } finally {
      closed();
    }
  }
  for (const taken of [1, 2, 3]) {
    const archive = zip(endless());
    for (let count = 0; count < taken; count++) await archive.next();
    await archive.return();
  }
  await new Promise(setImmediate);
  process.off('unhandledRejection', unhandled);
  expect(unhandled).not.toHaveBeenCalled();
  // Asked for its header only, the source was never begun.
  expect(closed).toHaveBeenCalledTimes(2);
});

test('who gives up unpacking leaves no unhandled rejection, nor a wait', async () => {
  const unhandled = vi.fn();
  process.on('unhandledRejection', unhandled);
  const archive = await collect(zip(chunks(randomBytes(500_000))));
  const pieces = Array.from({ length: 50 }, (_, index) =>
    archive.subarray(index * 10_100, (index + 1) * 10_100),
  );
  const unpacked = unzip(failing(pieces, new PeerTimeout('timed out')), 1_000_000);
  expect((await unpacked.next()).done).toBe(false);
  await unpacked.return();
  await new Promise(setImmediate);
  process.off('unhandledRejection', unhandled);
  expect(unhandled).not.toHaveBeenCalled();
});
