/** Proves which names peers may use. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  compileInvalidChars,
  DEFAULT_INVALID_CHARS,
  hasInvalidChars,
  isValidName,
} from '../../../src/protocol/file-name.ts';

const refused = compileInvalidChars(DEFAULT_INVALID_CHARS);

test.each(Array.from("?[]/\\=+<>:;',*~"))('N1 %j is refused anywhere in a name', (character) => {
  for (const name of [character, `${character}a`, `a${character}`, `a${character}b`]) {
    expect(isValidName(name, refused)).toBe(false);
    expect(hasInvalidChars(name, refused)).toBe(true);
  }
});

test.each(['', '.', '..', '.hidden', '.a.data', ' a', 'a ', ' ', 'a'.repeat(256)])(
  'N1 %j is refused',
  (name) => {
    expect(isValidName(name, refused)).toBe(false);
  },
);

test.each([...Array(32).keys(), 127])('N1 control character %i is refused', (code) => {
  expect(isValidName(`a${String.fromCharCode(code)}b`, refused)).toBe(false);
});

test.each([
  ...[
    'a',
    'agent.1234.data',
    'a b',
    'a..b',
    'a.',
    'a|b',
    '`id`',
    '$HOME',
    '100%',
    'a&b',
    '(a)',
    '-rf',
    '#a',
    '"a"',
  ],
  ...['\xc3\xbcber.conf', '\xff\xfe', 'a\x80', 'a\xa0', 'a'.repeat(255)],
])('N1 %j is a legal name', (name) => {
  expect(isValidName(name, refused)).toBe(true);
});

test('W15 LS asks for less: a leading dot only chooses a directory', () => {
  expect(hasInvalidChars('.conf', refused)).toBe(false);
  expect(hasInvalidChars('', refused)).toBe(false);
  expect(hasInvalidChars('a/b', refused)).toBe(true);
});

describe('the token invalid_chars', () => {
  test('replaces the refused characters, but never lets a slash, NUL or control character in', () => {
    const onlyX = compileInvalidChars('x');
    expect(isValidName('a?b', onlyX)).toBe(true);
    for (const name of ['axb', 'a/b', '../a', 'a\0b', 'a\nb', '..'])
      expect(isValidName(name, onlyX)).toBe(false);
  });

  test.each(['\\', 'z-a'])('%j is no character class', (text) => {
    expect(() => compileInvalidChars(text)).toThrow(SyntaxError);
  });
});

test('N1 any accepted name is one visible path component', () => {
  const name = fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes).toString('latin1'));
  const hostile = fc
    .array(fc.constantFrom('.', '..', '/', '\0', 'a', ' ', '\\', '%2f', '\n'))
    .map((a) => a.join(''));
  fc.assert(
    fc.property(fc.oneof(name, hostile), (name) => {
      if (!isValidName(name, refused)) return;
      const bytes = Buffer.from(name, 'latin1');
      expect(bytes.length).toBe(name.length);
      expect(bytes.length >= 1 && bytes.length <= 255).toBe(true);
      expect(bytes.some((byte) => byte < 0x20 || byte === 0x2f || byte === 0x7f)).toBe(false);
      expect(bytes[0]).not.toBe(0x2e);
    }),
    { numRuns: 500 },
  );
});
