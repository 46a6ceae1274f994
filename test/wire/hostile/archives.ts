/** Archives that are bombs or lie, and sizes that lie. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { archive } from '../../support/archives.ts';
import { answer, CLOSED, filesIn, type Row, type Target, targetOf } from './target.ts';

/** Sends an archive. @returns the last answer */
async function zsend(target: Target, bytes: Buffer): Promise<string> {
  const dialogue = await target.open();
  const first = await dialogue.ask(`ZSEND <z.1.data> SIZE ${String(bytes.length)}\n`);
  return first === 'ZSEND OK\n' ? dialogue.ask(bytes) : first;
}

const CONTENT = Buffer.from('content');

/** Archives that are refused, after which nothing is stored. */
function refusedArchives(archives: () => readonly Buffer[], reply = 'ZSEND ERR\n'): Row['attack'] {
  return async (target) => {
    for (const bytes of archives()) expect(await zsend(target, bytes)).toBe(reply);
    expect(filesIn(target.spool)).toEqual([]);
  };
}

export const ARCHIVES: readonly Row[] = [
  {
    row: 'zip bomb',
    outcome: '`ZSEND ERR (file is too big)` as soon as more than `max_size` bytes came out; nothing is kept',
    attack: refusedArchives(
      () => [readFileSync('test/testdata/zip/bomb-30m.zip'), archive(Buffer.alloc(2_000_001))],
      'ZSEND ERR (file is too big)\n',
    ),
  },
  {
    row: 'zip slip',
    outcome: 'the name in the archive means nothing: the command names the file',
    attack: async (target) => {
      const names = ['../secret', target.outside, '..\\secret', 'conf/evil.conf', '\0', '../'.repeat(1000)];
      for (const [index, name] of names.entries()) {
        const bytes = archive(CONTENT, { name });
        const dialogue = await target.open();
        expect(await dialogue.ask(`ZSEND <z${String(index)}> SIZE ${String(bytes.length)}\n`)).toBe(
          'ZSEND OK\n',
        );
        expect(await dialogue.ask(bytes)).toBe('ZSEND OK\n');
      }
      // The name of the member means nothing: the command named the file.
      expect(filesIn(target.spool).sort()).toEqual(names.map((_, index) => `z${String(index)}`));
    },
  },
  {
    row: 'zip with two members',
    outcome: '`ZSEND ERR`',
    attack: refusedArchives(() => {
      const one = archive(CONTENT);
      const member = one.subarray(0, one.indexOf('PK\x01\x02'));
      return [Buffer.concat([one, one]), Buffer.concat([member, one])];
    }),
  },
  {
    row: 'wrong CRC',
    outcome: '`ZSEND ERR`',
    attack: refusedArchives(() => [archive(CONTENT, { crc: 1 }), archive(CONTENT, { crc: 1, method: 0 })]),
  },
  {
    row: 'size lies',
    outcome:
      'an archive whose sizes are not true: `ZSEND ERR`; a file with too few bytes is dropped, and what comes after it is the next command',
    attack: async (target) => {
      await refusedArchives(() => [
        ...[0, 6, 8, 0x7fffffff, 0xffffffff].map((size) => archive(CONTENT, { size })),
        ...[0, 1, 8, 0x7fffffff, 0xffffffff].map((packedSize) => archive(CONTENT, { packedSize })),
        ...[0, 6, 8, 0xffffffff].map((size) => archive(CONTENT, { method: 0, size, packedSize: size })),
        Buffer.concat([archive(CONTENT), Buffer.from('more')]),
      ])(target);
      const fewer = await target.open();
      expect(await fewer.ask('SEND <fewer> SIZE 10\n')).toBe('SEND OK\n');
      fewer.stream.end('five!');
      expect(await fewer.rest()).toBe('');
      await expect.poll(() => filesIn(target.spool)).toEqual([]);
      const more = await target.open();
      expect(await more.ask('SEND <more> SIZE 4\n')).toBe('SEND OK\n');
      expect(await more.ask('data and more\n')).toBe('SEND OK\n');
      expect(await more.rest()).toBe('');
      expect(readFileSync(join(target.spool, 'more'), 'utf8')).toBe('data');
    },
  },
  {
    row: 'integer overflow',
    outcome:
      'sizes are compared as they are written: `file is too big`; a sign, a blank, hexadecimal: closed',
    attack: async (target) => {
      const powers = [
        2n ** 31n,
        2n ** 32n,
        2n ** 32n + 4n,
        2n ** 53n + 1n,
        2n ** 63n,
        2n ** 64n,
        2n ** 64n + 4n,
      ];
      for (const size of [...powers.map(String), '9'.repeat(400)]) {
        expect(await answer(target, `SEND <a> SIZE ${size}\n`)).toBe('SEND ERR (file is too big)\n');
        expect(await answer(target, `ZSEND <a> SIZE ${size}\n`)).toBe('ZSEND ERR (file is too big)\n');
      }
      for (const size of ['-1', '+4', '4.0', '4e0', '0x4', ' 4', '4 ', '', 'NaN', 'Infinity', '\xd9\xa4']) {
        expect(await answer(target, `SEND <a> SIZE ${size}\n`)).toBe(CLOSED);
      }
      const vast = await targetOf({ max_size: String(Number.MAX_SAFE_INTEGER) });
      for (const size of ['9007199254740991', '9007199254740990']) {
        expect(await answer(vast, `SEND <a> SIZE ${size}\n`)).toBe('SEND ERR (not enough space)\n');
      }
      expect(filesIn(target.spool)).toEqual([]);
    },
  },
];
