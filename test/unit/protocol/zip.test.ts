/** Proves that one-member archives unpack whole or are refused, and that ours are of that kind. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { Refusal } from '../../../src/protocol/errors.ts';
import { unzip } from '../../../src/protocol/zip/unzip.ts';
import { zip } from '../../../src/protocol/zip/zip.ts';
import { archive as archiveWith } from '../../support/archives.ts';

const LIMIT = 2_000_000;
const VECTORS = ['empty', 'one-byte', 'named', 'stored', 'text-10k'] as const;

function archiveOf(name: string): Buffer {
  return readFileSync(`test/testdata/zip/${name}.zip`);
}

function contentOf(name: (typeof VECTORS)[number]): Buffer {
  return readFileSync(`test/testdata/zip/${name}.raw`);
}

// eslint-disable-next-line @typescript-eslint/require-await -- the shape of what arrives from a peer
async function* chunks(...pieces: readonly Buffer[]): AsyncGenerator<Buffer, void, undefined> {
  yield* pieces;
}

async function collect(source: AsyncIterable<Buffer>): Promise<Buffer> {
  const all: Buffer[] = [];
  for await (const chunk of source) all.push(chunk);
  return Buffer.concat(all);
}

function bytewise(bytes: Buffer): Buffer[] {
  return Array.from(bytes, (byte) => Buffer.from([byte]));
}

/** Why an archive is refused. @throws Error when it is not, or other than by a Refusal */
async function refusal(archive: Buffer, limit = LIMIT): Promise<string> {
  const outcome = await collect(unzip(chunks(archive), limit)).catch((error: unknown) => error);
  if (outcome instanceof Refusal) return outcome.reason;
  throw new Error(`not refused: ${String(outcome)}`);
}

function edited(archive: Buffer, edit: (copy: Buffer) => void): Buffer {
  const copy = Buffer.from(archive);
  edit(copy);
  return copy;
}

/** Where the central directory and the end record of an archive begin. */
const directoryAt = (archive: Buffer): number => archive.lastIndexOf('PK\x01\x02');
const endAt = (archive: Buffer): number => archive.lastIndexOf('PK\x05\x06');

describe.each(VECTORS)('T1 %s, as Perl wrote it', (name) => {
  const archive = archiveOf(name);
  const content = contentOf(name);

  test('unpacks in one piece, and byte by byte', async () => {
    expect((await collect(unzip(chunks(archive), LIMIT))).equals(content)).toBe(true);
    expect((await collect(unzip(chunks(...bytewise(archive)), LIMIT))).equals(content)).toBe(true);
  });

  test('unpacks when cut at every byte, with an empty chunk between', async () => {
    for (let cut = 0; cut <= archive.length; cut++) {
      const cutChunks = chunks(archive.subarray(0, cut), Buffer.alloc(0), archive.subarray(cut));
      expect((await collect(unzip(cutChunks, LIMIT))).equals(content)).toBe(true);
    }
  });

  test('T2 every truncation is refused', async () => {
    for (let length = 0; length < archive.length; length++) {
      expect(await refusal(archive.subarray(0, length))).toBe('does not unpack');
    }
  });

  test('T2 bytes behind its end are refused', async () => {
    expect(await refusal(Buffer.concat([archive, Buffer.from('\0')]))).toBe('does not unpack');
    expect(await refusal(Buffer.concat([archive, archive]))).toBe('does not unpack');
  });

  test('T2 the unpacked size is bounded, and may be just the limit', async () => {
    expect((await collect(unzip(chunks(archive), content.length))).length).toBe(content.length);
    if (content.length > 0) expect(await refusal(archive, content.length - 1)).toBe('file is too big');
  });
});

test.each([...VECTORS, 'ours' as const])(
  'T2 a flipped bit of %s is refused or changes no byte of the file',
  async (name) => {
    const content = name === 'ours' ? Buffer.from('hello') : contentOf(name);
    const archive = name === 'ours' ? await collect(zip(chunks(content))) : archiveOf(name);
    let refused = 0;
    for (let bit = 0; bit < archive.length * 8; bit++) {
      const damaged = edited(archive, (copy) => (copy[bit >> 3] = (copy[bit >> 3] ?? 0) ^ (1 << (bit & 7))));
      const outcome = await collect(unzip(chunks(damaged), LIMIT)).catch((error: unknown) => error);
      if (Buffer.isBuffer(outcome)) expect(outcome.equals(content)).toBe(true);
      else {
        expect(outcome).toBeInstanceOf(Refusal);
        refused++;
      }
    }
    expect(refused).toBeGreaterThan(archive.length);
  },
);

describe('T2 refused', () => {
  const named = archiveOf('named');
  const cases: readonly [string, Buffer][] = [
    ['an encrypted member', edited(named, (copy) => (copy[6] = 9))],
    ['another method', edited(named, (copy) => (copy[8] = 12))],
    ['a zip64 packed size', edited(named, (copy) => copy.fill(0xff, 18, 22))],
    ['a zip64 unpacked size', edited(named, (copy) => copy.fill(0xff, 22, 26))],
    ['no archive', Buffer.from('x'.repeat(500))],
    ['an archive behind other bytes', Buffer.concat([Buffer.from('#!'), named])],
    [
      'another CRC in the directory',
      edited(named, (copy) => copy.fill(1, directoryAt(named) + 16, directoryAt(named) + 20)),
    ],
    [
      'another length in the directory',
      edited(named, (copy) => copy.fill(1, directoryAt(named) + 24, directoryAt(named) + 28)),
    ],
    ['a directory of two', edited(named, (copy) => (copy[endAt(named) + 10] = 2))],
    ['no directory', named.subarray(0, directoryAt(named))],
    ['two members', Buffer.concat([named.subarray(0, directoryAt(named)), named])],
    ['two entries', Buffer.concat([named.subarray(0, endAt(named)), named.subarray(directoryAt(named))])],
  ];

  test.each(cases)('%s', async (_what, archive) => {
    expect(archive.equals(named)).toBe(false);
    expect(await refusal(archive)).toBe('does not unpack');
  });

  test('a wrong CRC of otherwise sound data', async () => {
    const archive = archiveWith(Buffer.from('hello'), { method: 0 });
    expect(await refusal(edited(archive, (copy) => (copy[31] = 0x48)))).toBe('does not unpack');
  });
});

test.each([0, 8] as const)(
  'T1 sizes in the local header will do, method %i, cut at every byte',
  async (method) => {
    const content = Buffer.from('hello hello hello');
    const archive = archiveWith(content, { method });
    for (let cut = 0; cut <= archive.length; cut++) {
      const pieces = chunks(archive.subarray(0, cut), archive.subarray(cut));
      expect((await collect(unzip(pieces, LIMIT))).toString()).toBe(content.toString());
      if (cut < archive.length) expect(await refusal(archive.subarray(0, cut))).toBe('does not unpack');
    }
  },
);

test('T1 a descriptor without its signature will do', async () => {
  const archive = await collect(zip(chunks(Buffer.from('hello'))));
  const at = archive.indexOf('PK\x07\x08');
  const without = Buffer.concat([archive.subarray(0, at), archive.subarray(at + 4)]);
  expect((await collect(unzip(chunks(without), LIMIT))).toString()).toBe('hello');
});

test('T1 a comment at the end will do', async () => {
  const archive = edited(archiveOf('named'), (copy) => (copy[copy.length - 2] = 3));
  const commented = Buffer.concat([archive, Buffer.from('abc')]);
  expect((await collect(unzip(chunks(commented), LIMIT))).equals(contentOf('named'))).toBe(true);
});

test('T1 stored bytes may look like a descriptor, or be an archive themselves', async () => {
  const stored = archiveOf('stored');
  const contents = [
    Buffer.from('PK\x07\x08'.repeat(9)),
    stored,
    Buffer.from('PPKPK\x07PK\x07\x07PK'),
    contentOf('stored'),
  ];
  for (const content of contents) {
    // The vector's headers and trailer around other bytes.
    const facts = archiveWith(content, { method: 0 }).subarray(14, 26);
    const [descriptor, entry] = [stored.lastIndexOf('PK\x07\x08'), directoryAt(stored)];
    const trailer = edited(stored.subarray(descriptor), (copy) => {
      facts.copy(copy, 4);
      facts.copy(copy, entry - descriptor + 16);
    });
    const archive = Buffer.concat([stored.subarray(0, 30), content, trailer]);
    expect((await collect(unzip(chunks(...bytewise(archive)), LIMIT))).equals(content)).toBe(true);
  }
});

test('T2 a bomb is refused before it is unpacked further than the limit', async () => {
  let yielded = 0;
  const unpack = async (): Promise<void> => {
    for await (const chunk of unzip(chunks(archiveOf('bomb-30m')), LIMIT)) yielded += chunk.length;
  };
  await expect(unpack()).rejects.toMatchObject({ reason: 'file is too big' });
  expect(yielded).toBeLessThanOrEqual(LIMIT);
});

test('T2 a bomb unpacks no faster than it is asked for', async () => {
  const before = process.memoryUsage().rss;
  const unpacked = unzip(chunks(archiveOf('bomb-30m')), 100_000_000);
  await unpacked.next();
  for (let turn = 0; turn < 200; turn++) await new Promise(setImmediate);
  expect(process.memoryUsage().rss - before).toBeLessThan(20_000_000);
  await unpacked.return();
});

test('T2 false descriptors do not turn a stored member into crumbs, each of which costs a write to the disk', async () => {
  const hostile = Buffer.concat([archiveOf('stored').subarray(0, 30), Buffer.alloc(65_536, 'PK\x07\x08')]);
  let pieces = 0;
  const unpack = async (): Promise<void> => {
    for await (const chunk of unzip(chunks(hostile), LIMIT)) pieces += chunk.length > 0 ? 1 : 0;
  };
  await expect(unpack()).rejects.toMatchObject({ reason: 'does not unpack' });
  expect(pieces).toBeLessThan(100);
});
