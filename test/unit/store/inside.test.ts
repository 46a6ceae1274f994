/** Proves that no path leaves the directory it is built in. */
import { posix } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { pathInside, subdirectory } from '../../../src/store/inside.ts';

const SPOOL = Buffer.from('/var/spool/ü');

test.each(['', '.', '..', '/', 'a/b', '../a', '/etc/passwd', 'a\0', '\0'])(
  'N1 %j is no file in a directory',
  (name) => {
    expect(() => pathInside(SPOOL, name)).toThrow();
  },
);

test('W1 a name keeps its bytes, whatever the directory', () => {
  expect(pathInside(SPOOL, '\xc3\xbc\xff')).toEqual(
    Buffer.concat([SPOOL, Buffer.from([0x2f, 0xc3, 0xbc, 0xff])]),
  );
});

test('N1 any name gives a path in just that directory, or none', () => {
  const bytes = fc.uint8Array({ maxLength: 20 }).map((name) => Buffer.from(name).toString('latin1'));
  const hostile = fc
    .array(fc.constantFrom('.', '..', '/', '\0', 'a'), { maxLength: 6 })
    .map((parts) => parts.join(''));
  fc.assert(
    fc.property(fc.oneof(bytes, hostile), (name) => {
      let path: string;
      try {
        path = pathInside(Buffer.from('/spool'), name).toString('latin1');
      } catch {
        return;
      }
      expect(posix.dirname(posix.normalize(path))).toBe('/spool');
      expect(posix.basename(path)).toBe(name);
    }),
    { numRuns: 1000 },
  );
});

test('N2 the empty directory of a filter is the spool itself', () => {
  expect(subdirectory(SPOOL, '')).toEqual(SPOOL);
  expect(subdirectory(Buffer.from('/spool'), 'conf/new').toString()).toBe('/spool/conf/new');
});
