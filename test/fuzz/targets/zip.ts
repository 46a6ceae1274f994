/** ZIP archives: what is accepted is what zlib finds in it, however it arrives; and what we pack unpacks. */
import { readdirSync, readFileSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { Refusal } from '../../../src/protocol/errors.ts';
import { unzip } from '../../../src/protocol/zip/unzip.ts';
import { zip } from '../../../src/protocol/zip/zip.ts';
import { archive } from '../../support/archives.ts';
import { describedZipFile, mutilated, zipFile } from '../arbitraries.ts';
import { readMember } from '../reference.ts';
import { bytewise, cut, must, shown, type Target } from '../target.ts';

const LIMIT = 20_000;
/** Longer ones are not tried byte by byte. */
const BYTEWISE = 300;
/** One in so many inputs is packed: that costs a megabyte each time. */
const PACKED = 8;
const VECTORS = 'test/testdata/zip';

/** As most programs write them: the sizes before the data. */
const OTHERS = ([0, 8] as const).map((method) => archive(Buffer.from('content'), { method }));

export function zipArchives(): Promise<Target> {
  const files = readdirSync(VECTORS).filter((name) => name.endsWith('.zip'));
  return Promise.resolve({
    seeds: [...files.map((name) => readFileSync(`${VECTORS}/${name}`)), ...OTHERS],
    words: [
      'PK\x03\x04',
      'PK\x07\x08',
      'PK\x01\x02',
      'PK\x05\x06',
      '\x08\0\x08\0',
      '\x14\0\0\0\0\0',
      '\x03\0',
      '\x01\0\0\xff\xff',
    ],
    structure: fc.oneof(zipFile, describedZipFile, mutilated(zipFile), mutilated(describedZipFile)),
    longest: 32_768,
    run: judge,
    close: () => Promise.resolve(),
  });
}

async function judge(input: Buffer): Promise<void> {
  const whole = await unpack([input]);
  const ways = [cut(input, input), ...(input.length <= BYTEWISE ? [bytewise(input)] : [])];
  for (const pieces of ways) {
    const found = await unpack(pieces);
    must(
      same(found, whole),
      () => `in ${String(pieces.length)} pieces: ${text(found)}, in one: ${text(whole)}`,
    );
  }
  if (Buffer.isBuffer(whole)) judgeContent(input, whole);
  if (crc32(input) % PACKED === 0) await judgePacking(input);
}

/** What came out is what zlib finds, and what the archive says of it. */
function judgeContent(archive: Buffer, found: Buffer): void {
  const { content, crc, unpacked } = readMember(archive);
  must(found.equals(content), () => `it unpacks to ${text(found)}, by zlib to ${text(content)}`);
  must(
    crc === crc32(found) && unpacked === found.length,
    () => `${text(found)} has not the CRC and length it claims`,
  );
}

/** The content, or why it is refused. */
async function unpack(pieces: readonly Buffer[]): Promise<Buffer | string> {
  const content: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of unzip(arriving(pieces), LIMIT)) {
      content.push(chunk);
      size += chunk.length;
      must(size <= LIMIT, () => `${String(size)} bytes come out of it, where ${String(LIMIT)} are allowed`);
    }
    return Buffer.concat(content);
  } catch (error) {
    if (error instanceof Refusal) return error.reason;
    throw error;
  }
}

async function judgePacking(content: Buffer): Promise<void> {
  const packed: Buffer[] = [];
  for await (const chunk of zip(arriving(cut(content, content)))) packed.push(chunk);
  const back: Buffer[] = [];
  for await (const chunk of unzip(arriving([Buffer.concat(packed)]), content.length)) back.push(chunk);
  must(Buffer.concat(back).equals(content), () => `what we pack unpacks to ${shown(Buffer.concat(back))}`);
}

// eslint-disable-next-line @typescript-eslint/require-await -- the shape of what arrives from a peer
async function* arriving(pieces: readonly Buffer[]): AsyncGenerator<Buffer, void, undefined> {
  yield* pieces;
}

/** Two refusals are alike: of one that is broken and too big, the pieces decide what is noticed first. */
function same(one: Buffer | string, other: Buffer | string): boolean {
  return Buffer.isBuffer(one) && Buffer.isBuffer(other) ? one.equals(other) : typeof one === typeof other;
}

function text(outcome: Buffer | string): string {
  return Buffer.isBuffer(outcome)
    ? `${String(outcome.length)} bytes ${shown(outcome)}`
    : `refused (${outcome})`;
}
