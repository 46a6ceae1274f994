/** The token `addresses` becomes a list; loopback addresses are known as such. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isLoopback, parseAddresses } from '../../../src/settings/addresses.ts';

test.each<[string, string[]]>([
  ['127.0.0.1', ['127.0.0.1']],
  ['0.0.0.0,::', ['0.0.0.0', '::']],
  [' 127.0.0.1 ,  ::1 ', ['127.0.0.1', '::1']],
  ['0', ['0.0.0.0']],
  ['[::1],[fe80::1%eth0]', ['::1', 'fe80::1%eth0']],
  ['::ffff:10.0.0.1', ['::ffff:10.0.0.1']],
  ['localhost,monitor-1.example.org', ['localhost', 'monitor-1.example.org']],
])('%j', (text, addresses) => {
  expect(parseAddresses(text)).toEqual(addresses);
});

test.each([
  ...['', ',', '127.0.0.1,,::1', '256.0.0.1', '1.2.3', '1.2.3.4.5', '12', ':::', '[::1', 'a b', '-v'],
  ...['127.0.0.1:41121', '10.0.0.0/8', 'host_name', '.example.org', '127.0.0.1;::1', 'é'],
])('%j is refused', (text) => {
  expect(() => parseAddresses(text)).toThrow(SyntaxError);
});

test('the message names the word that is wrong', () => {
  expect(() => parseAddresses('127.0.0.1,256.0.0.1')).toThrow('"256.0.0.1" is not an address');
});

test('any text gives addresses or a SyntaxError', () => {
  const text = fc.string({ unit: fc.constantFrom('1', '0', '.', ':', ',', '[', ']', 'f', ' ', '%', '-') });
  fc.assert(
    fc.property(fc.oneof(text, fc.string({ unit: 'binary' })), (given) => {
      try {
        for (const address of parseAddresses(given)) isLoopback(address);
      } catch (cause) {
        expect(cause).toBeInstanceOf(SyntaxError);
      }
    }),
    { numRuns: 1000 },
  );
});

test('every IP address is accepted as it is', () => {
  fc.assert(
    fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (address) => {
      expect(parseAddresses(address)).toEqual([address]);
    }),
  );
});

test.each([
  ...['127.0.0.1', '127.8.9.10', '::1', '0:0:0:0:0:0:0:1', '::ffff:127.0.0.1', '::1%lo', 'localhost'],
])('%s is loopback', (address) => {
  expect(isLoopback(address)).toBe(true);
});

test.each([
  ...['0.0.0.0', '::', '10.0.0.1', '128.0.0.1', '::2', '::ffff:10.0.0.1', 'fe80::1%lo', 'example.org'],
])('%s is not', (address) => {
  expect(isLoopback(address)).toBe(false);
});
