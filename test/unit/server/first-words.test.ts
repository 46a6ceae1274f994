/** Proves what is enough to be let in with. */
import { expect, test } from 'vitest';
import { isClientHello, isFirstLine } from '../../../src/server/first-words.ts';
import { clientHello } from '../../support/flood.ts';

test('a ClientHello is enough with its last byte, not before', async () => {
  const hello = await clientHello();
  for (let length = 1; length < hello.length; length++) {
    expect(isClientHello(hello.subarray(0, length))).toBe(false);
  }
  expect(isClientHello(hello)).toBe(true);
});

test.each([
  ['another protocol', 'SEND'],
  ['a record longer than any', '\x16\x03\x01\xff\xff'],
])('%s is for the handshake to refuse', (_what, bytes) => {
  expect(isClientHello(Buffer.from(bytes, 'latin1'))).toBe(true);
});

test.each([
  ['SEND <a> SIZE 1\n', true],
  ['SEND <a> SIZE 1', false],
  ['12345678901234567890', true],
  ['\x16\x03', true],
])('%j is a first line: %s', (bytes, enough) => {
  expect(isFirstLine(Buffer.from(bytes, 'latin1'), 20)).toBe(enough);
});
