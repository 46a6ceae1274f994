/** The protocol once more, the plain way and slowly: what the program under test is compared with. */
import { isIPv4, isIPv6 } from 'node:net';
import { crc32, inflateRawSync } from 'node:zlib';

/** What no text of a peer may bring into a log line. */
// eslint-disable-next-line no-control-regex -- control characters are what it looks for
export const CONTROL = /[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/;

export interface ReadCommand {
  readonly kind: string;
  readonly name?: string;
  readonly size?: number;
  readonly digest?: string;
}

/** The command in a line (W10-W17). */
export function readCommand(line: string): ReadCommand | undefined {
  if (line === 'QUIT') return { kind: 'QUIT' };
  const blank = line.indexOf(' ');
  const kind = line.slice(0, Math.max(blank, 0));
  const rest = line.slice(blank + 1);
  if (kind === 'PASS') return { kind, digest: rest };
  if (!rest.startsWith('<')) return undefined;
  if (['RECV', 'ZRECV', 'LS', 'MV'].includes(kind)) {
    return rest.endsWith('>') && rest.length > 1 ? { kind, name: rest.slice(1, -1) } : undefined;
  }
  if (kind !== 'SEND' && kind !== 'ZSEND') return undefined;
  const end = rest.lastIndexOf('> SIZE ');
  const digits = rest.slice(end + 7);
  const isNumber = digits !== '' && Array.from(digits).every((digit) => digit >= '0' && digit <= '9');
  return end < 1 || !isNumber ? undefined : { kind, name: rest.slice(1, end), size: Number(digits) };
}

const REFUSED = "?[]/\\=+<>:;',*~";

/** N1. */
export function validName(name: string): boolean {
  if (name.length < 1 || name.length > 255 || name.startsWith('.')) return false;
  return !name.startsWith(' ') && !name.endsWith(' ') && validCharacters(name);
}

/** What is asked of the name of LS. */
export function validCharacters(name: string): boolean {
  return Array.from(name).every((each) => each >= ' ' && each !== '\x7f' && !REFUSED.includes(each));
}

/** What an archive that is accepted holds, by zlib; its one member begins at its first byte. */
export interface Member {
  readonly content: Buffer;
  /** What is said of it behind the data or before. */
  readonly crc: number;
  readonly packed: number;
  readonly unpacked: number;
}

export function readMember(archive: Buffer): Member {
  const data = archive.subarray(30 + archive.readUInt16LE(26) + archive.readUInt16LE(28));
  const described = (archive.readUInt16LE(6) & 8) !== 0;
  if (archive.readUInt16LE(8) === 0) {
    const length = described ? storedLength(data) : archive.readUInt32LE(18);
    return {
      content: data.subarray(0, length),
      ...factsOf(archive, described ? data.subarray(length) : undefined),
    };
  }
  const { buffer, engine } = inflateRawSync(data, { info: true }) as unknown as {
    readonly buffer: Buffer;
    readonly engine: { readonly bytesWritten: number };
  };
  const behind = described ? data.subarray(engine.bytesWritten) : undefined;
  return { content: buffer, ...factsOf(archive, behind) };
}

/** @param descriptor what begins with one, if there is one */
function factsOf(archive: Buffer, descriptor: Buffer | undefined): Omit<Member, 'content'> {
  const signed = descriptor?.toString('latin1', 0, 4) === 'PK\x07\x08';
  const facts = descriptor?.subarray(signed ? 4 : 0) ?? archive.subarray(14);
  return { crc: facts.readUInt32LE(0), packed: facts.readUInt32LE(4), unpacked: facts.readUInt32LE(8) };
}

/** A stored member ends before the first descriptor that fits. */
function storedLength(data: Buffer): number {
  let crc = 0;
  for (let length = 0; length + 16 <= data.length; length++) {
    const isHere = data.toString('latin1', length, length + 4) === 'PK\x07\x08';
    const [claimed, packed] = [data.readUInt32LE(length + 4), data.readUInt32LE(length + 8)];
    if (isHere && claimed === crc && packed === length && data.readUInt32LE(length + 12) === length)
      return length;
    crc = crc32(data.subarray(length, length + 1), crc);
  }
  return -1;
}

export interface ReadHeader {
  readonly length: number;
  /** `address port`, undefined where it names nobody. */
  readonly source: string | undefined;
}

/** The PROXY header at the beginning; undefined: there is none, or not a whole one. */
export function readHeader(bytes: Buffer): ReadHeader | undefined {
  return bytes[0] === 0x0d ? readBlock(bytes) : readProxyLine(bytes.toString('latin1', 0, 107));
}

function readProxyLine(text: string): ReadHeader | undefined {
  const end = text.indexOf('\r\n');
  const line = text.slice(0, Math.max(end, 0));
  const length = end + 2;
  if (line === 'PROXY UNKNOWN' || line.startsWith('PROXY UNKNOWN ')) return { length, source: undefined };
  const [proxy, family, from = '', to = '', port = '', toPort = '', ...more] = line.split(' ');
  const isAddress = family === 'TCP4' ? isIPv4 : (text: string) => !text.includes('%') && isIPv6(text);
  const isHeader = proxy === 'PROXY' && (family === 'TCP4' || family === 'TCP6') && more.length === 0;
  if (!isHeader || !isAddress(from) || !isAddress(to) || !isPort(port) || !isPort(toPort)) return undefined;
  return { length, source: `${canonical(from)} ${port}` };
}

function isPort(text: string): boolean {
  return String(Number(text)) === text && /^[0-9]+$/.test(text) && Number(text) < 65536;
}

function readBlock(bytes: Buffer): ReadHeader | undefined {
  if (bytes.length < 16 || bytes.toString('latin1', 0, 12) !== '\r\n\r\n\0\r\nQUIT\n') return undefined;
  const [command = 0, kind = 0] = bytes.subarray(12, 14);
  const size = bytes.readUInt16BE(14);
  const length = 16 + size;
  if (length > 4096 || bytes.length < length) return undefined;
  if (command === 0x20) return { length, source: undefined };
  const needed = [0, 12, 36, 216][kind >> 4];
  if (command !== 0x21 || needed === undefined || size < needed || (kind & 0xf) > 2) return undefined;
  if (kind === 0x11)
    return { length, source: `${bytes.subarray(16, 20).join('.')} ${String(bytes.readUInt16BE(24))}` };
  if (kind !== 0x21) return { length, source: undefined };
  const groups = Array.from({ length: 8 }, (_group, nth) => bytes.readUInt16BE(16 + 2 * nth).toString(16));
  return { length, source: `${canonical(groups.join(':'))} ${String(bytes.readUInt16BE(48))}` };
}

/** As URLs write an address; IPv4 in IPv6 form as IPv4. */
export function canonical(address: string): string {
  if (!address.includes(':')) return address;
  const short = new URL(`http://[${address}]`).hostname.slice(1, -1);
  const mapped = /^::ffff:([0-9a-f]+):([0-9a-f]+)$/.exec(short);
  if (mapped === null) return short;
  const [high, low] = [parseInt(mapped[1] ?? '', 16), parseInt(mapped[2] ?? '', 16)];
  return [high >> 8, high & 0xff, low >> 8, low & 0xff].join('.');
}
