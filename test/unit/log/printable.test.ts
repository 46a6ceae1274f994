/** Proves that no text from a peer can do anything to a log or a terminal. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { printable } from '../../../src/log/printable.ts';

const bytesOf = (text: string): string => Buffer.from(text, 'utf8').toString('latin1');

test.each([
  ['plain text', 'agent 1.data', 'agent 1.data'],
  ['UTF-8', bytesOf('über 日本 😀'), 'über 日本 😀'],
  ['a newline', 'a\nb\r\tc', String.raw`a\x0ab\x0d\x09c`],
  ['NUL and DEL', 'a\0b\x7f', String.raw`a\x00b\x7f`],
  ['an ANSI escape', '\x1b[2J', String.raw`\x1b[2J`],
  ['a C1 control as a byte', 'a\x9b2J', String.raw`a\x9b2J`],
  ['a C1 control in UTF-8', bytesOf('a\u009b2J'), String.raw`a\x9b2J`],
  ['a bidirectional override', bytesOf('a\u202eb'), String.raw`a\u{202e}b`],
  ['a bidirectional isolate', bytesOf('a\u2066b'), String.raw`a\u{2066}b`],
  ['a zero-width space', bytesOf('a\u200bb'), String.raw`a\u{200b}b`],
  ['a byte order mark', bytesOf('\ufeffa'), String.raw`\u{feff}a`],
  ['a byte order mark inside', bytesOf('a\ufeffb'), String.raw`a\u{feff}b`],
  ['a line separator', bytesOf('a\u2028b\u2029c'), String.raw`a\u{2028}b\u{2029}c`],
  ['a tag character', bytesOf('a\u{e0041}b'), String.raw`a\u{e0041}b`],
  ['a backslash', String.raw`a\x0ab`, String.raw`a\\x0ab`],
  ['invalid UTF-8', 'a\xff\xfeb', 'aÿþb'],
  ['a UTF-8 surrogate', '\xed\xa0\x80', 'í\xa0\\x80'],
  ['nothing', '', ''],
])('%s', (_what, bytes, shown) => {
  expect(printable(bytes)).toBe(shown);
});

test('long text is cut, and says so', () => {
  expect(printable('x'.repeat(300))).toBe('x'.repeat(300));
  expect(printable('x'.repeat(8000))).toBe(`${'x'.repeat(300)}...`);
});

const anyBytes = fc.uint8Array({ maxLength: 400 }).map((bytes) => Buffer.from(bytes).toString('latin1'));
const anyText = fc.string({ unit: 'binary', maxLength: 100 }).map(bytesOf);

test('any text becomes one bounded line without controls', () => {
  fc.assert(
    fc.property(fc.oneof(anyBytes, anyText), (bytes) => {
      const shown = printable(bytes);
      expect(shown).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u);
      expect(shown.length).toBeLessThan(300 * 10);
    }),
    { numRuns: 500 },
  );
});

test('different texts of ASCII are shown differently', () => {
  const ascii = fc.string({ unit: 'binary-ascii', maxLength: 8 });
  fc.assert(
    fc.property(ascii, ascii, (a, b) => {
      expect(printable(a) === printable(b)).toBe(a === b);
    }),
  );
});
