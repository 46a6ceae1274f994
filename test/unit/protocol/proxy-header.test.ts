/** Proves that PROXY headers are read as the specification says, and nothing else is. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ProtocolError } from '../../../src/protocol/errors.ts';
import { parseIpAddress, unmapped } from '../../../src/protocol/ip-address.ts';
import { formatProxyHeader, parseProxyHeader } from '../../../src/protocol/proxy-header.ts';

const SIGNATURE = '0d0a0d0a000d0a515549540a';

const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1');
const v2 = (hex: string): Buffer => Buffer.from(SIGNATURE + hex.replaceAll(' ', ''), 'hex');
const IPV4 = '0a000001 0a000002 c350 a099';

/** Complete headers, and whom they name. */
const HEADERS: readonly (readonly [string, Buffer, string | undefined])[] = [
  ['v1 TCP4', latin1('PROXY TCP4 10.0.0.1 10.0.0.2 50000 41121\r\n'), '10.0.0.1 50000'],
  [
    'v1 longest TCP4',
    latin1('PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n'),
    '255.255.255.255 65535',
  ],
  ['v1 port 0', latin1('PROXY TCP4 10.0.0.1 10.0.0.2 0 0\r\n'), '10.0.0.1 0'],
  ['v1 TCP6', latin1('PROXY TCP6 2001:DB8::1 ::1 50000 41121\r\n'), '2001:db8::1 50000'],
  ['v1 TCP6 with a dotted tail', latin1('PROXY TCP6 ::ffff:10.0.0.1 ::1 50000 41121\r\n'), '10.0.0.1 50000'],
  ['v1 TCP6, no mapped address', latin1('PROXY TCP6 ::10.0.0.1 ::1 1 2\r\n'), '::a00:1 1'],
  ['v1 UNKNOWN', latin1('PROXY UNKNOWN\r\n'), undefined],
  ['v1 UNKNOWN with anything', latin1('PROXY UNKNOWN \r \n\xff x\r\n'), undefined],
  ['v1 UNKNOWN, 107 bytes', latin1(`PROXY UNKNOWN ${'x'.repeat(91)}\r\n`), undefined],
  ['v2 TCP over IPv4', v2(`21 11 000c ${IPV4}`), '10.0.0.1 50000'],
  ['v2 with a TLV', v2(`21 11 0010 ${IPV4} 04 0001 00`), '10.0.0.1 50000'],
  ['v2 of 4096 bytes', v2(`21 11 0ff0 ${IPV4}${'00'.repeat(4096 - 28)}`), '10.0.0.1 50000'],
  [
    'v2 TCP over IPv6',
    v2(`21 21 0024 20010db8${'00'.repeat(11)}01 ${'00'.repeat(16)} c350 a099`),
    '2001:db8::1 50000',
  ],
  [
    'v2 IPv6 holding IPv4',
    v2(`21 21 0024 ${'00'.repeat(10)}ffff0a000001 ${'00'.repeat(16)} c350 a099`),
    '10.0.0.1 50000',
  ],
  ['v2 UDP', v2(`21 12 000c ${IPV4}`), undefined],
  ['v2 Unix', v2(`21 31 00d8 ${'00'.repeat(216)}`), undefined],
  ['v2 AF_UNSPEC', v2('21 00 0000'), undefined],
  ['v2 AF_UNSPEC with a block', v2('21 00 0003 010203'), undefined],
  ['v2 LOCAL', v2('20 00 0000'), undefined],
  ['v2 LOCAL with addresses', v2(`20 11 000c ${IPV4}`), undefined],
  ['v2 LOCAL of an odd family', v2('20 ff 0001 00'), undefined],
];

describe.each(HEADERS)('%s', (_what, bytes, named) => {
  test('is read, and what follows is left alone', () => {
    for (const behind of ['', 'P', 'PASS x\r\n', '\r\n\r\n']) {
      const header = parseProxyHeader(Buffer.concat([bytes, latin1(behind)]));
      if (header === 'incomplete') throw new Error('incomplete');
      const { length, source } = header;
      expect(length).toBe(bytes.length);
      expect(source && `${source.address} ${String(source.port)}`).toBe(named);
    }
  });

  test('is incomplete at every length before its own', () => {
    for (let end = 0; end < bytes.length; end++) {
      expect(parseProxyHeader(bytes.subarray(0, end)), `${String(end)} bytes`).toBe('incomplete');
    }
  });
});

/** What is refused; `|` stands where the last byte that may still become a header is behind. */
test.each([
  ...[
    '|Q',
    '|p',
    '|\n',
    '|\0',
    '|SEND <a> SIZE 1\n',
    '|\x16\x03\x01',
    'PROXY|\t',
    'PROXY |tcp4',
    'PROXY U|DP4',
    'PROXY TCP|5',
  ],
  ...[
    'PROXY TCP4|\t',
    'PROXY UNKNOWN|X',
    'PROXY UNKNOWN|\n',
    'PROXY UNKNOWN\r|X',
    'PROXY TCP4 1.2.3.4|\n',
    'PROXY TCP4 1|a',
  ],
  ...['PROXY TCP4 1.2.3.4 1.2.3.4 1 1\r| ', 'PROXY TCP6 ::1|%', 'PROXY TCP4 1|\t', 'PROXY TCP4 |::1'],
])('refused at once: %j', (marked) => {
  const [good = '', bad = ''] = marked.split('|');
  expect(parseProxyHeader(latin1(good))).toBe('incomplete');
  expect(() => parseProxyHeader(latin1(good + bad.slice(0, 1)))).toThrow(ProtocolError);
});

test.each([
  ...[
    'TCP4 1.2.3.4 1.2.3.4 01 1',
    'TCP4 1.2.3.4 1.2.3.4 1 00',
    'TCP4 1.2.3.4 1.2.3.4 65536 1',
    'TCP4 1.2.3.4 1.2.3.4 1 65536',
  ],
  ...[
    'TCP4 01.2.3.4 1.2.3.4 1 1',
    'TCP4 1.2.3 1.2.3.4 1 1',
    'TCP4 256.2.3.4 1.2.3.4 1 1',
    'TCP4 1.2.3.4 1.2.3.4.5 1 1',
  ],
  ...[
    'TCP4 1.2.3.4 1.2.3.4 1',
    'TCP4 1.2.3.4 1.2.3.4 1 1 ',
    'TCP4  1.2.3.4 1.2.3.4 1 1',
    'TCP4 1.2.3.4 1.2.3.4 1.0 1',
    'TCP4 ',
  ],
  ...[
    'TCP4 ::1 ::1 1 1',
    'TCP6 1.2.3.4 1.2.3.4 1 1',
    'TCP6 ::1 1.2.3.4 1 1',
    'TCP6 1::2::3 ::1 1 1',
    'TCP6 ::12345 ::1 1 1',
  ],
  ...[
    'TCP6 ::ffff:01.2.3.4 ::1 1 1',
    'TCP6 1.2.3.4:: ::1 1 1',
    'TCP6 ::1 :: a 1',
    'TCP6 ::1%1 ::1 1 1',
    'TCP6 1:2:3:4:5:6:7 ::1 1 1',
  ],
])('v1 %j is malformed', (line) => {
  expect(() => parseProxyHeader(latin1(`PROXY ${line}\r\n`))).toThrow(ProtocolError);
});

test('v1 without its CRLF in 107 bytes is refused, not waited for', () => {
  const long = latin1(`PROXY UNKNOWN ${'x'.repeat(92)}\r\n`);
  expect(parseProxyHeader(long.subarray(0, 106))).toBe('incomplete');
  expect(() => parseProxyHeader(long.subarray(0, 107))).toThrow(ProtocolError);
  expect(() => parseProxyHeader(long)).toThrow(ProtocolError);
});

test.each([
  ['version 1', '11'],
  ['version 3', '31'],
  ['command 2', '22'],
  ['command 15', '2f'],
  ['family 4', '21 41'],
  ['family 15', '21 f1'],
  ['transport 3', '21 13'],
  ['IPv4 in 11 bytes', '21 11 000b'],
  ['IPv6 in 35 bytes', '21 21 0023'],
  ['Unix in 215 bytes', '21 31 00d7'],
  ['4097 bytes', '21 11 0ff1'],
  ['LOCAL of 65551 bytes', '20 00 ffff'],
])('v2 %s is refused as soon as it shows', (_what, hex) => {
  expect(() => parseProxyHeader(v2(hex))).toThrow(ProtocolError);
  expect(parseProxyHeader(v2(hex).subarray(0, -1))).toBe('incomplete');
});

test('every byte of the v2 signature counts', () => {
  const header = v2(`21 11 000c ${IPV4}`);
  for (let index = 0; index < SIGNATURE.length / 2; index++) {
    const broken = Buffer.from(header);
    broken.writeUInt8(header.readUInt8(index) ^ 0x80, index);
    expect(() => parseProxyHeader(broken.subarray(0, index + 1))).toThrow(ProtocolError);
  }
});

/** Not ipaddr.process(): that takes ::1.2.3.4 for 1.2.3.4. */
function canonical(address: string): string | undefined {
  const parsed = parseIpAddress(address);
  return parsed && unmapped(parsed).toString();
}

describe('written headers', () => {
  const end = (address: string, port: number): { address: string; port: number } => ({ address, port });
  const text = (source: string, destination: string): string =>
    formatProxyHeader('v1', { source: end(source, 1), destination: end(destination, 2) }).toString();

  test.each([
    ['10.0.0.1', '10.0.0.2', 'PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\n'],
    ['::ffff:10.0.0.1', '::ffff:10.0.0.2', 'PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\n'],
    ['2001:db8::1', '::1', 'PROXY TCP6 2001:db8::1 ::1 1 2\r\n'],
    ['fe80::1%eth0', 'fe80::2%eth0', 'PROXY TCP6 fe80::1 fe80::2 1 2\r\n'],
    ['10.0.0.1', '::1', 'PROXY TCP6 ::ffff:a00:1 ::1 1 2\r\n'],
    ['::1', '10.0.0.1', 'PROXY TCP6 ::1 ::ffff:a00:1 1 2\r\n'],
    ['unknown', '10.0.0.1', 'PROXY UNKNOWN\r\n'],
  ])('v1 from %s to %s', (source, destination, header) => {
    expect(text(source, destination)).toBe(header);
  });

  test('v2, byte by byte', () => {
    const connection = { source: end('10.0.0.1', 50000), destination: end('10.0.0.2', 41113) };
    expect(formatProxyHeader('v2', connection)).toEqual(v2(`21 11 000c ${IPV4}`));
    const mixed = { source: end('10.0.0.1', 50000), destination: end('::1', 41113) };
    const mapped = `${'00'.repeat(10)}ffff0a000001 ${'00'.repeat(15)}01 c350 a099`;
    expect(formatProxyHeader('v2', mixed)).toEqual(v2(`21 21 0024 ${mapped}`));
  });

  test('of nobody', () => {
    expect(formatProxyHeader('v1', undefined).toString()).toBe('PROXY UNKNOWN\r\n');
    expect(formatProxyHeader('v2', undefined)).toEqual(v2('20 00 0000'));
  });

  test('name the same client when they are read', () => {
    const anEnd = fc.record({
      address: fc.oneof(fc.ipV4(), fc.ipV6()),
      port: fc.integer({ min: 0, max: 65535 }),
    });
    const connections = fc.record({ source: anEnd, destination: anEnd });
    fc.assert(
      fc.property(
        fc.constantFrom('v1', 'v2'),
        connections,
        fc.uint8Array(),
        (version, connection, behind) => {
          const header = formatProxyHeader(version, connection);
          const { address, port } = connection.source;
          expect(parseProxyHeader(Buffer.concat([header, behind]))).toEqual({
            length: header.length,
            source: { address: canonical(address), port },
          });
        },
      ),
    );
  });
});

describe('hostile bytes', () => {
  const beginnings = fc.constantFrom(
    ...['', 'PROXY ', 'PROXY TCP4 ', 'PROXY TCP6 ', 'PROXY UNKNOWN'].map(latin1),
    ...['', '21', '2111', '2121', '21110014', '20'].map(v2),
  );
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    fc.stringMatching(/^[PROXYTC0-9abf:. \r\n]{0,120}$/).map(latin1),
  );
  const hostile = fc.tuple(beginnings, bytes).map((parts) => Buffer.concat(parts));

  test('are refused for good, or wait within bounds: more bytes never change an answer', () => {
    fc.assert(
      fc.property(hostile, bytes, (bytes, more) => {
        const answer = outcome(bytes);
        if (answer === 'incomplete') expect(bytes.length).toBeLessThan(4096);
        else expect(outcome(Buffer.concat([bytes, more]))).toEqual(answer);
      }),
      { numRuns: 3000 },
    );
  });

  function outcome(bytes: Buffer): ReturnType<typeof parseProxyHeader> | 'refused' {
    try {
      return parseProxyHeader(bytes);
    } catch (error) {
      expect(error).toBeInstanceOf(ProtocolError);
      return 'refused';
    }
  }
});
