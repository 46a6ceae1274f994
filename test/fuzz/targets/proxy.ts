/** PROXY headers of both versions: whether a header is one may not depend on what has come of it, nor on what follows. */
import fc from 'fast-check';
import { ProtocolError } from '../../../src/protocol/errors.ts';
import { formatProxyHeader, parseProxyHeader } from '../../../src/protocol/proxy-header.ts';
import { bytes, mutilated, proxyHeader } from '../arbitraries.ts';
import { readHeader } from '../reference.ts';
import { latin1, must, shown, type Target } from '../target.ts';

/** Beyond this many bytes, not each prefix is tried. */
const TRIED = 120;

export function proxy(): Promise<Target> {
  return Promise.resolve({
    seeds: [
      ...[
        'PROXY TCP4 10.0.0.1 10.0.0.2 50000 41121\r\nQUIT\n',
        'PROXY TCP6 2001:DB8::1 ::ffff:1.2.3.4 1 2\r\n',
      ],
      ...[
        'PROXY UNKNOWN\r\n',
        `PROXY UNKNOWN ${'x'.repeat(95)}\r\n`,
        'PROXY TCP6 ::1.2.3.4 ::1 65536 0\r\n',
        '',
      ],
      '\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x0a\0\0\x01\x0a\0\0\x02\xc3\x50\xa0\x99rest',
      `\r\n\r\n\0\r\nQUIT\n\x21\x21\0\x24${'\0'.repeat(10)}\xff\xff\x0a\0\0\x01${'\0'.repeat(16)}\xc3\x50\xa0\x99`,
      '\r\n\r\n\0\r\nQUIT\n\x20\0\0\0',
      `\r\n\r\n\0\r\nQUIT\n\x21\x31\0\xd8${'s'.repeat(216)}`,
    ].map(latin1),
    words: [
      'PROXY ',
      'TCP4 ',
      'TCP6 ',
      'UNKNOWN',
      '\r\n',
      ' ',
      '::',
      '0',
      '65535',
      '255.255.255.255',
      '\x21\x11',
      '\x21\x21',
      '\x20\0',
    ],
    structure: fc
      .tuple(fc.oneof(proxyHeader, mutilated(proxyHeader)), bytes(8))
      .map((parts) => Buffer.concat(parts)),
    longest: 5000,
    // Not async by itself: it throws a rejection all the same.
    run: (input) =>
      Promise.resolve().then(() => {
        judge(input);
      }),
    close: () => Promise.resolve(),
  });
}

/** `incomplete`, `no header`, or its length and whom it names. */
function read(input: Buffer): string {
  try {
    const header = parseProxyHeader(input);
    if (header === 'incomplete') return header;
    const { length, source } = header;
    return `${String(length)} ${source === undefined ? 'nobody' : `${source.address} ${String(source.port)}`}`;
  } catch (error) {
    must(error instanceof ProtocolError, () => `it throws ${String(error)}`);
    return 'no header';
  }
}

function judge(input: Buffer): void {
  const whole = read(input);
  const reference = readHeader(input);
  const expected = reference && `${String(reference.length)} ${reference.source ?? 'nobody'}`;
  must(expected === undefined ? !/^[0-9]/.test(whole) : whole === expected, () => {
    return `it is read as ${whole}, and is ${expected ?? 'none'}: ${shown(input)}`;
  });
  judgePrefixes(input, whole);
  if (reference?.source !== undefined) judgeWriting(reference.source);
}

/** First it is incomplete, then it is what it is, for good. */
function judgePrefixes(input: Buffer, whole: string): void {
  let before = 'incomplete';
  for (let length = 0; length <= input.length; length += length < TRIED ? 1 : 997) {
    const now = read(input.subarray(0, length));
    must(
      now === before || before === 'incomplete',
      () => `${before} becomes ${now} at byte ${String(length)}`,
    );
    must(
      now === 'incomplete' || now === whole,
      () => `it is ${now} at byte ${String(length)}, then ${whole}`,
    );
    before = now;
  }
}

/** What we write of a client is read as that client. */
function judgeWriting(source: string): void {
  const [address = '', port] = source.split(' ');
  const end = { address, port: Number(port) };
  for (const version of ['v1', 'v2'] as const) {
    const written = formatProxyHeader(version, { source: end, destination: end });
    must(read(written) === `${String(written.length)} ${source}`, () => {
      return `${source} is written as ${shown(written)}, and read as ${read(written)}`;
    });
  }
}
