/** Packs one file into a ZIP archive as it is read, in the form Perl's IO::Compress::Zip writes (T1, T3). */
import { crc32, createDeflateRaw } from 'node:zlib';
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
  LARGEST_SIZE,
  LOCAL_HEADER,
  LOCAL_HEADER_BYTES,
  type MemberFacts,
} from './format.ts';

/** Version 2.0 of the format; made on Unix. */
const NEEDED = 20;
const MADE_BY = (3 << 8) | NEEDED;
/** -rw-r--r-- of a regular file, as Perl writes it. */
const ATTRIBUTES = 0o100644 * 0x10000;
/** 1980-01-01, the zero of DOS dates: archives of the same bytes are the same. */
const DOS_DATE = 0x21;

/**
 * The archive of one nameless member, in chunks. The same content gives the same archive.
 * @throws Refusal `file is too big` beyond the 4 GiB of the format
 */
export async function* zip(content: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void, undefined> {
  yield localHeader();
  let crc = 0;
  let unpacked = 0;
  const engine = createDeflateRaw({ chunkSize: 64 * 1024 });
  const feed = async (): Promise<void> => {
    for await (const chunk of content) {
      crc = crc32(chunk, crc);
      unpacked += chunk.length;
      if (unpacked > LARGEST_SIZE) throw tooBig();
      if (!(await taken(engine, chunk))) return;
    }
    engine.end();
  };
  const feeding = feed().catch((error: unknown) => {
    engine.destroy(error as Error);
  });
  let packed = 0;
  try {
    for await (const chunk of engine as AsyncIterable<Buffer>) {
      packed += chunk.length;
      yield chunk;
    }
  } finally {
    engine.destroy();
    await feeding;
  }
  // The directory's place is a 32-bit number too.
  if (packed > LARGEST_SIZE - LOCAL_HEADER_BYTES - DESCRIPTOR_BYTES) throw tooBig();
  yield trailer({ crc, packed, unpacked });
}

function tooBig(): Refusal {
  return new Refusal('file is too big', 'too big for a ZIP archive');
}

function localHeader(): Buffer {
  const header = Buffer.alloc(LOCAL_HEADER_BYTES);
  header.writeUInt32LE(LOCAL_HEADER, 0);
  header.writeUInt16LE(NEEDED, 4);
  header.writeUInt16LE(FLAG_DESCRIPTOR, 6);
  header.writeUInt16LE(DEFLATED, 8);
  header.writeUInt16LE(DOS_DATE, 12);
  return header;
}

/** Descriptor, central directory and end record; Perl wants all three, the descriptor with its signature (T3). */
function trailer(member: MemberFacts): Buffer {
  const descriptor = Buffer.alloc(DESCRIPTOR_BYTES);
  descriptor.writeUInt32LE(DESCRIPTOR, 0);
  writeFacts(descriptor, 4, member);

  const entry = Buffer.alloc(CENTRAL_ENTRY_BYTES);
  entry.writeUInt32LE(CENTRAL_ENTRY, 0);
  entry.writeUInt16LE(MADE_BY, 4);
  entry.writeUInt16LE(NEEDED, 6);
  entry.writeUInt16LE(FLAG_DESCRIPTOR, 8);
  entry.writeUInt16LE(DEFLATED, 10);
  entry.writeUInt16LE(DOS_DATE, 14);
  writeFacts(entry, 16, member);
  entry.writeUInt32LE(ATTRIBUTES, 38);

  const end = Buffer.alloc(END_RECORD_BYTES);
  end.writeUInt32LE(END_RECORD, 0);
  end.writeUInt16LE(1, 8);
  end.writeUInt16LE(1, 10);
  end.writeUInt32LE(CENTRAL_ENTRY_BYTES, 12);
  end.writeUInt32LE(LOCAL_HEADER_BYTES + member.packed + DESCRIPTOR_BYTES, 16);
  return Buffer.concat([descriptor, entry, end]);
}

function writeFacts(record: Buffer, at: number, member: MemberFacts): void {
  record.writeUInt32LE(member.crc, at);
  record.writeUInt32LE(member.packed, at + 4);
  record.writeUInt32LE(member.unpacked, at + 8);
}
