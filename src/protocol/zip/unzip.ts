/** Unpacks a one-member ZIP archive as it arrives, checking everything it claims (T1, T2). */
import { crc32, createInflateRaw } from 'node:zlib';
import { taken } from './engine.ts';
import { Refusal } from '../errors.ts';
import {
  CENTRAL_ENTRY,
  CENTRAL_ENTRY_BYTES,
  DEFLATED,
  DESCRIPTOR,
  DESCRIPTOR_BYTES,
  END_RECORD,
  END_RECORD_BYTES,
  FLAG_DESCRIPTOR,
  FLAG_ENCRYPTED,
  LOCAL_HEADER,
  LOCAL_HEADER_BYTES,
  type MemberFacts,
  STORED,
} from './format.ts';
import { notAnArchive, Puller } from './pull.ts';

const SIGNATURE = Buffer.from('PK\x07\x08', 'latin1');

interface LocalHeader extends MemberFacts {
  readonly method: number;
  readonly described: boolean;
}

/**
 * The bytes of the one member. The names inside are ignored (T1).
 * @param archive the whole archive, in chunks of any size
 * @param limit the largest unpacked size allowed, in bytes (T2)
 * @throws Refusal `does not unpack`, or `file is too big` above the limit; what was yielded until then must be discarded
 */
export async function* unzip(
  archive: AsyncIterable<Buffer>,
  limit: number,
): AsyncGenerator<Buffer, void, undefined> {
  const source = new Puller(archive);
  const header = await readLocalHeader(source);
  const member = new Measure();
  const content = header.method === DEFLATED ? inflate(source, member) : copyStored(source, header, member);
  for await (const chunk of content) {
    member.add(chunk);
    if (member.unpacked > limit) {
      throw new Refusal('file is too big', `the archive unpacks to more than ${String(limit)} bytes`);
    }
    yield chunk;
  }
  if (header.described) expect(await readDescriptor(source), member, 'data descriptor');
  else expect(header, member, 'local header');
  await checkDirectory(source, member);
}

/** What the member turned out to be. */
class Measure implements MemberFacts {
  crc = 0;
  packed = 0;
  unpacked = 0;

  add(chunk: Buffer): void {
    this.crc = crc32(chunk, this.crc);
    this.unpacked += chunk.length;
  }
}

function expect(claimed: MemberFacts, actual: MemberFacts, where: string): void {
  if (claimed.crc !== actual.crc) throw notAnArchive(`CRC mismatch in the ${where}`);
  if (claimed.unpacked !== actual.unpacked || claimed.packed !== actual.packed) {
    throw notAnArchive(`length mismatch in the ${where}`);
  }
}

async function readLocalHeader(source: Puller): Promise<LocalHeader> {
  const bytes = await source.exactly(LOCAL_HEADER_BYTES, 'local header');
  if (bytes.readUInt32LE(0) !== LOCAL_HEADER) throw notAnArchive('no ZIP signature');
  const flags = bytes.readUInt16LE(6);
  const method = bytes.readUInt16LE(8);
  if ((flags & FLAG_ENCRYPTED) !== 0) throw notAnArchive('it is encrypted');
  if (method !== STORED && method !== DEFLATED) throw notAnArchive(`compression method ${String(method)}`);
  const header = {
    method,
    described: (flags & FLAG_DESCRIPTOR) !== 0,
    crc: bytes.readUInt32LE(14),
    packed: bytes.readUInt32LE(18),
    unpacked: bytes.readUInt32LE(22),
  };
  if (header.packed === 0xffffffff || header.unpacked === 0xffffffff) {
    throw notAnArchive('zip64 sizes are not supported');
  }
  await source.exactly(bytes.readUInt16LE(26) + bytes.readUInt16LE(28), 'member name');
  return header;
}

/** The inflated member; leaves the source right behind the deflate stream and records its length. */
async function* inflate(source: Puller, member: Measure): AsyncGenerator<Buffer, void, undefined> {
  const engine = createInflateRaw({ chunkSize: 64 * 1024 });
  let fed = 0;
  let last: Buffer = Buffer.alloc(0);
  const feed = async (): Promise<void> => {
    // The engine takes no more than it needs: the first byte it leaves is the first behind the stream.
    while (engine.bytesWritten === fed && !engine.readableEnded) {
      const chunk = await source.chunk();
      if (chunk === undefined) break;
      last = chunk;
      fed += chunk.length;
      if (!(await taken(engine, chunk))) return;
    }
    engine.end();
  };
  const feeding = feed().catch((error: unknown) => {
    engine.destroy(error as Error);
  });
  try {
    for await (const chunk of engine) yield chunk as Buffer;
  } catch (error) {
    throw asArchiveError(error);
  } finally {
    // Only when the consumer gave up early is there still something to stop.
    engine.destroy();
    await feeding;
  }
  member.packed = engine.bytesWritten;
  source.putBack(last.subarray(last.length - (fed - engine.bytesWritten)));
}

/** zlib's own complaints (`Z_DATA_ERROR`, `Z_BUF_ERROR`) are about the archive; all others pass as they are. */
function asArchiveError(error: unknown): unknown {
  const { code } = error as NodeJS.ErrnoException;
  return code?.startsWith('Z_') === true ? notAnArchive((error as Error).message) : error;
}

/** The bytes of a stored member, by the length in its header or else up to its descriptor. */
async function* copyStored(
  source: Puller,
  header: LocalHeader,
  member: Measure,
): AsyncGenerator<Buffer, void, undefined> {
  const content = header.described ? untilDescriptor(source, member) : ofLength(source, header.packed);
  for await (const chunk of content) {
    member.packed += chunk.length;
    yield chunk;
  }
}

async function* ofLength(source: Puller, length: number): AsyncGenerator<Buffer, void, undefined> {
  for (let left = length; left > 0;) {
    const chunk = await source.chunk();
    if (chunk === undefined) throw notAnArchive('it ends in the data');
    const piece = chunk.subarray(0, left);
    source.putBack(chunk.subarray(piece.length));
    left -= piece.length;
    yield piece;
  }
}

/**
 * A stored member of unknown length ends where a descriptor stands that fits what came before it:
 * Perl writes such archives (T1), and its own reader finds their end the same way.
 */
async function* untilDescriptor(source: Puller, member: Measure): AsyncGenerator<Buffer, void, undefined> {
  for (;;) {
    const chunk = await source.atLeast(DESCRIPTOR_BYTES, 'data');
    const { at, found } = findDescriptor(chunk, member);
    source.putBack(chunk.subarray(at));
    if (at > 0) yield chunk.subarray(0, at);
    if (found) return;
  }
}

/**
 * Where a fitting descriptor stands in a chunk; without one, how much of it is certainly data: the last bytes may
 * be the beginning of a descriptor.
 */
function findDescriptor(chunk: Buffer, before: MemberFacts): { at: number; found: boolean } {
  let { crc } = before;
  let checked = 0;
  const last = chunk.length - DESCRIPTOR_BYTES;
  for (let at = chunk.indexOf(SIGNATURE); at >= 0 && at <= last; at = chunk.indexOf(SIGNATURE, at + 1)) {
    crc = crc32(chunk.subarray(checked, at), crc);
    checked = at;
    const facts = { crc, packed: before.packed + at, unpacked: before.unpacked + at };
    if (fits(chunk.subarray(at), facts)) return { at, found: true };
  }
  return { at: last + 1, found: false };
}

function fits(descriptor: Buffer, member: MemberFacts): boolean {
  return (
    descriptor.readUInt32LE(4) === member.crc &&
    descriptor.readUInt32LE(8) === member.packed &&
    descriptor.readUInt32LE(12) === member.unpacked
  );
}

/** The descriptor behind the data, whose signature is optional. */
async function readDescriptor(source: Puller): Promise<MemberFacts> {
  const signature = await source.exactly(4, 'data descriptor');
  if (signature.readUInt32LE(0) !== DESCRIPTOR) source.putBack(signature);
  const bytes = await source.exactly(DESCRIPTOR_BYTES - 4, 'data descriptor');
  return { crc: bytes.readUInt32LE(0), packed: bytes.readUInt32LE(4), unpacked: bytes.readUInt32LE(8) };
}

/** The central directory must name this one member and end the archive. */
async function checkDirectory(source: Puller, member: MemberFacts): Promise<void> {
  const entry = await source.exactly(CENTRAL_ENTRY_BYTES, 'central directory');
  const signature = entry.readUInt32LE(0);
  if (signature === LOCAL_HEADER) throw notAnArchive('it has more than one member');
  if (signature !== CENTRAL_ENTRY) throw notAnArchive('no central directory behind the data');
  expect(
    { crc: entry.readUInt32LE(16), packed: entry.readUInt32LE(20), unpacked: entry.readUInt32LE(24) },
    member,
    'central directory',
  );
  const variable = entry.readUInt16LE(28) + entry.readUInt16LE(30) + entry.readUInt16LE(32);
  await source.exactly(variable, 'central directory');
  const end = await source.exactly(END_RECORD_BYTES, 'end record');
  if (end.readUInt32LE(0) !== END_RECORD) throw notAnArchive('it has more than one member');
  if (end.readUInt16LE(8) !== 1 || end.readUInt16LE(10) !== 1) {
    throw notAnArchive('its directory does not hold exactly one member');
  }
  await source.exactly(end.readUInt16LE(20), 'comment');
  if (!(await source.atEnd())) throw notAnArchive('bytes behind its end');
}
