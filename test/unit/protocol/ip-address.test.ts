/** Proves that the text of an IP address is read as the system reads it. */
import { isIPv4, isIPv6 } from 'node:net';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseIpAddress, unmapped } from '../../../src/protocol/ip-address.ts';

test.each([
  ['::1.2.3.4', '::102:304'],
  ['::ffff:1.2.3.4', '1.2.3.4'],
  ['::ffff:102:304', '1.2.3.4'],
  ['64:ff9b::1.2.3.4', '64:ff9b::102:304'],
  ['0:0:0:0:0:0:0:1', '::1'],
  ['10.0.0.1', '10.0.0.1'],
])('%s is %s', (text, address) => {
  const parsed = parseIpAddress(text);
  expect(parsed && unmapped(parsed).toString()).toBe(address);
});

test('an address is what Node takes for one, zones aside', () => {
  const unit = fc.constantFrom(...['0', '1', '2', '3', '9', 'a', 'f', ':', '.', '::', 'ffff', '.1', '%']);
  const words = fc.oneof(fc.string({ unit, maxLength: 12 }), fc.ipV4Extended(), fc.ipV4(), fc.ipV6());
  fc.assert(
    fc.property(words, (word) => {
      const kind = isIPv4(word) ? 'ipv4' : isIPv6(word) && !word.includes('%') ? 'ipv6' : undefined;
      expect(parseIpAddress(word)?.kind()).toBe(kind);
    }),
    { numRuns: 2000 },
  );
});
