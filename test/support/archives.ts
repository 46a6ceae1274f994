/** ZIP archives as most programs write them: the sizes in the local header, and no descriptor. */
import { crc32, deflateRawSync } from 'node:zlib';

export interface ArchiveOptions {
  readonly method?: 0 | 8;
  /** Of the member, as latin-1. */
  readonly name?: string;
  /** What its headers claim, instead of the truth. */
  readonly crc?: number;
  readonly packedSize?: number;
  readonly size?: number;
}

/** An archive with one member. */
export function archive(content: Buffer, options: ArchiveOptions = {}): Buffer {
  const { method = 8, name = 'a' } = options;
  const data = method === 0 ? content : deflateRawSync(content);
  const facts = Buffer.alloc(12);
  facts.writeUInt32LE(options.crc ?? crc32(content), 0);
  facts.writeUInt32LE(options.packedSize ?? data.length, 4);
  facts.writeUInt32LE(options.size ?? content.length, 8);
  const start = Buffer.from([20, 0, 0, 0, method, 0, 0, 0, 0, 0]);
  const nameLength = Buffer.from([name.length & 0xff, name.length >> 8]);
  const nameBytes = Buffer.from(name, 'latin1');
  const head = Buffer.concat([
    Buffer.from('PK\x03\x04'),
    start,
    facts,
    nameLength,
    Buffer.alloc(2),
    nameBytes,
  ]);
  const entry = Buffer.concat([
    Buffer.from('PK\x01\x02\x14\0'),
    start,
    facts,
    nameLength,
    Buffer.alloc(16),
    nameBytes,
  ]);
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06');
  end.writeUInt16LE(1, 8);
  end.writeUInt16LE(1, 10);
  end.writeUInt32LE(entry.length, 12);
  end.writeUInt32LE(head.length + data.length, 16);
  return Buffer.concat([head, data, entry, end]);
}
