/** TENTACLE_EXT_OPTS becomes words: white space separates, quotes group, a backslash is nothing special. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { splitExtOpts } from '../../../src/settings/ext-opts.ts';

test.each<[string, string[]]>([
  ['', []],
  [' \t\n ', []],
  ['-p 41121', ['-p', '41121']],
  ['  -p\t41121\n-v ', ['-p', '41121', '-v']],
  [`-x 'a b'`, ['-x', 'a b']],
  [`-x "a b"`, ['-x', 'a b']],
  [`-x'a b'c`, ['-xa bc']],
  [`-x ''`, ['-x', '']],
  [`""''`, ['']],
  [`-x "it's"`, ['-x', `it's`]],
  [`-x 'say "hi"'`, ['-x', 'say "hi"']],
  [String.raw`-i .*\.conf:conf;.*\.md5:md5`, ['-i', String.raw`.*\.conf:conf;.*\.md5:md5`]],
  [String.raw`-x a\ b`, ['-x', 'a\\', 'b']],
  [String.raw`-x "a\"b`, ['-x', 'a\\b']],
  ['-x $HOME`id`*', ['-x', '$HOME`id`*']],
])('%j', (text, words) => {
  expect(splitExtOpts(text)).toEqual(words);
});

test.each([`'`, `"`, `-x 'a`, `-x "a'`, `a'b"c"`])('%j: a quote that is never closed is told', (text) => {
  expect(() => splitExtOpts(text)).toThrow(SyntaxError);
});

test('any text gives words or a SyntaxError', () => {
  const text = fc.string({ unit: fc.constantFrom('a', '-', ' ', '\t', "'", '"', '\\', 'é', '\0', '💥') });
  fc.assert(
    fc.property(fc.oneof(text, fc.string({ unit: 'binary' })), (given) => {
      try {
        splitExtOpts(given);
      } catch (cause) {
        expect(cause).toBeInstanceOf(SyntaxError);
      }
    }),
    { numRuns: 1000 },
  );
});

test('any words come back when each is quoted', () => {
  const word = fc.string({ unit: 'binary' }).filter((w) => !w.includes("'"));
  fc.assert(
    fc.property(fc.array(word), (words) => {
      expect(splitExtOpts(words.map((w) => `'${w}'`).join(' '))).toEqual(words);
    }),
  );
});
