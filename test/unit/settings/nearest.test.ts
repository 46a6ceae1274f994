/** A mistyped word finds the known one that was probably meant. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { nearest } from '../../../src/settings/nearest.ts';
import { OPTIONS } from '../../../src/settings/options.ts';

const TOKENS = OPTIONS.map(({ token }) => token);

test.each([
  ['adresses', 'addresses'],
  ['pasword', 'password'],
  ['PORT', 'port'],
  ['ssl-cert', 'ssl_cert'],
  ['maxconnections', 'max_connections'],
  ['sslkey', 'ssl_key'],
  ['directry', 'directory'],
  ['timout', 'timeout'],
  ['filter', 'filters'],
])('%s is probably %s', (word, meant) => {
  expect(nearest(word, TOKENS)).toBe(meant);
});

test.each(['frobnicate', 'x', 'zz', '', 'logrotate_interval'])('%j is near nothing', (word) => {
  expect(nearest(word, TOKENS)).toBeUndefined();
});

test('nothing known, nothing near', () => {
  expect(nearest('port', [])).toBeUndefined();
});

test('every token is nearest to itself', () => {
  for (const token of TOKENS) expect(nearest(token, TOKENS)).toBe(token);
});

test('any word is near a known one or none', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (word) => {
      expect([...TOKENS, undefined]).toContain(nearest(word, TOKENS));
    }),
  );
});
