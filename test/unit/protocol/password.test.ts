/** Proves the digest that stands for a password, and its comparison. */
import { expect, test } from 'vitest';
import { digestMatches, passwordDigest } from '../../../src/protocol/password.ts';

// By `printf %s PASSWORD | openssl md5 -binary | openssl md5`.
test.each([
  ['password', '9bf4b3611c53176f5c649aa4fc1ff6b2'],
  ['', '59adb24ef3cdbe0297f05b395827453f'],
])('W10 the digest of %j is md5 of the raw md5', (password, digest) => {
  expect(passwordDigest(Buffer.from(password))).toBe(digest);
});

test('W10 a password is bytes: its encoding matters', () => {
  const utf8 = passwordDigest(Buffer.from('pässword', 'utf8'));
  expect(passwordDigest(Buffer.from('pässword', 'latin1'))).not.toBe(utf8);
});

const digest = '9bf4b3611c53176f5c649aa4fc1ff6b2';

test('W10 the right digest matches', () => {
  expect(digestMatches(digest, ['x', digest])).toBe(true);
});

test.each([
  ...['', digest.toUpperCase(), digest.slice(1), `${digest} `, ` ${digest}`, `${digest}\r`, digest + digest],
  ...[`7${digest.slice(1)}`, `${digest.slice(0, -1)}4`, '\xff'.repeat(32)],
])('W10 %j does not match', (given) => {
  expect(digestMatches(given, [digest, 'x'])).toBe(false);
});
