/** Valid commands, conversations, archives and headers, and almost valid ones, for fast-check. */
import { deflateRawSync } from 'node:zlib';
import fc from 'fast-check';
import { archive } from '../support/archives.ts';
import { latin1 } from './target.ts';

const byte = fc.integer({ min: 0, max: 255 });
export const bytes = (maxLength: number): fc.Arbitrary<Buffer> =>
  fc.uint8Array({ maxLength }).map((array) => Buffer.from(array));
const character = fc.oneof(
  { weight: 5, arbitrary: fc.constantFrom(...Array.from('abcxyz019._-%')) },
  { weight: 1, arbitrary: byte.map((code) => String.fromCharCode(code)) },
);

/** Names that agents and people give, and bad ones. */
export const fileName = fc.oneof(
  fc.constantFrom(
    'a.data',
    'b.data',
    'host.1.data',
    'a.conf',
    'b.conf',
    'a.md5',
    'c.zip',
    'm.data',
    'empty.data',
  ),
  fc.string({ unit: character, maxLength: 20 }),
  fc.constantFrom(
    '..',
    '.',
    '../x',
    '/etc/passwd',
    'conf',
    'conf/a.conf',
    '.tentacle.x.part',
    '%2e%2e%2f',
    ' a',
    'a ',
  ),
  fc.integer({ min: 250, max: 260 }).map((length) => 'n'.repeat(length)),
);

/** Mostly nothing. */
function rarely<T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> {
  return fc.oneof({ weight: 4, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary });
}

/** Just within the limits of the targets, and just beyond. */
const LIMITS = [1999, 2000, 2001, 19_999, 20_000, 20_001];

/** An archive with one member, and what its headers claim, mostly the truth. */
export const zipFile = fc
  .record({
    content: fc.oneof(
      bytes(60),
      fc.oneof(fc.nat(9000), fc.constantFrom(...LIMITS)).map((length) => Buffer.alloc(length, 'ab')),
    ),
    method: fc.constantFrom<(0 | 8)[]>(0, 8),
    name: fc.string({ unit: character, maxLength: 5 }),
    lies: rarely(
      fc.record(
        {
          crc: fc.nat(),
          packedSize: fc.constantFrom(0, 1, 0xffffffff, 0xfffffffe),
          size: fc.constantFrom(0, 1, 5000, 0xffffffff),
        },
        { requiredKeys: [] },
      ),
    ),
  })
  .map(({ content, method, name, lies }) => archive(content, { method, name, ...lies }));

/** One whose sizes stand behind the data, as Perl writes them. */
export const describedZipFile = fc
  .record({ content: bytes(80), method: fc.constantFrom(0, 8), trap: fc.boolean(), signed: fc.boolean() })
  .map(({ content, method, trap, signed }) => {
    // A stored member may hold what looks like its own end.
    const inside = trap ? Buffer.concat([content, latin1('PK\x07\x08'), content.subarray(0, 12)]) : content;
    const plain = archive(inside, { method: method === 0 ? 0 : 8, name: '' });
    const data = method === 0 ? inside : deflateRawSync(inside);
    const head = Buffer.from(plain.subarray(0, 30));
    const facts = Buffer.from(head.subarray(14, 26));
    head.fill(0, 14, 26).writeUInt16LE(8, 6);
    return Buffer.concat([
      head,
      data,
      latin1(signed ? 'PK\x07\x08' : ''),
      facts,
      plain.subarray(30 + data.length),
    ]);
  });

const upload = fc
  .record({
    kind: fc.constantFrom('SEND', 'ZSEND'),
    name: fileName,
    body: fc.oneof(bytes(40), zipFile, bytes(3000)),
    lie: rarely(fc.integer({ min: -2, max: 2 })),
  })
  .map(({ kind, name, body, lie }) => {
    const size = Math.max(0, body.length + (lie ?? 0));
    return Buffer.concat([latin1(`${kind} <${name}> SIZE ${String(size)}\n`), body]);
  });
const download = fc
  .record({
    kind: fc.constantFrom('RECV', 'ZRECV', 'LS', 'MV'),
    name: fileName,
    answer: fc.constantFrom('OK', 'OK', 'OK', 'ERR', ''),
  })
  .map(({ kind, name, answer }) =>
    latin1(`${kind} <${name}>\n${answer === '' ? '' : `${kind} ${answer}\n`}`),
  );

export const commandLine = fc.oneof(
  upload,
  download,
  fc.constantFrom('QUIT\n', 'PASS x\n', '\n').map(latin1),
);

/** Several commands, one after the other. */
export const session = fc
  .array(
    fc.oneof(
      { weight: 9, arbitrary: upload },
      { weight: 9, arbitrary: download },
      { weight: 1, arbitrary: commandLine },
    ),
    { maxLength: 8 },
  )
  .map((commands) => Buffer.concat(commands));

/** Bytes of it changed or left out. */
export function mutilated(arbitrary: fc.Arbitrary<Buffer>): fc.Arbitrary<Buffer> {
  return fc
    .tuple(arbitrary, fc.array(fc.tuple(fc.nat(10_000), byte), { maxLength: 3 }), rarely(fc.nat(10_000)))
    .map(([whole, changes, end]) => {
      const mutant = Buffer.from(whole);
      for (const [at, value] of changes) if (mutant.length > 0) mutant[at % mutant.length] = value;
      return end === undefined ? mutant : mutant.subarray(0, end % (mutant.length + 1));
    });
}

const ipv4 = fc.ipV4();
const address = fc.oneof(
  ipv4,
  fc.ipV6(),
  fc.constantFrom('0.0.0.0', '::', '::ffff:1.2.3.4', '01.2.3.4', '1.2.3', 'fe80::1%lo', '::1.2.3.4'),
);
const port = fc.oneof(fc.nat(70_000).map(String), fc.constantFrom('0', '00', '65535', '65536', '-1', '1e3'));

/** A PROXY header of version 1 or 2. */
export const proxyHeader = fc.oneof(
  fc
    .tuple(fc.constantFrom('TCP4', 'TCP4', 'TCP6', 'TCP6', 'UNKNOWN', 'TCP5'), address, address, port, port)
    .map((fields) => latin1(`PROXY ${fields.join(' ')}\r\n`)),
  fc.tuple(ipv4, ipv4).map((fields) => latin1(`PROXY TCP4 ${fields.join(' ')} 1 2\r\n`)),
  fc.constantFrom('PROXY UNKNOWN\r\n', 'PROXY UNKNOWN any thing\r\n').map(latin1),
  fc
    .tuple(
      fc.constantFrom(0x21, 0x21, 0x20, 0x22, 0x11),
      fc.constantFrom(0x11, 0x21, 0x31, 0x12, 0x00, 0x41, 0x13),
      fc.uint8Array({ minLength: 0, maxLength: 230 }),
      fc.constantFrom(0, 0, 0, -1, 1, 4000),
    )
    .map(([command, kind, block, lie]) => {
      const size = Math.max(0, block.length + lie);
      return Buffer.concat([
        latin1('\r\n\r\n\0\r\nQUIT\n'),
        Buffer.from([command, kind, size >> 8, size & 0xff]),
        block,
      ]);
    }),
);
