/** Lists of networks, and who is in them. */
import { isIP } from 'node:net';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { contains, parseNetworks } from '../../../src/settings/networks.ts';

test.each([
  ['10.0.0.1', ['10.0.0.1', '::ffff:10.0.0.1', '::ffff:a00:1'], ['10.0.0.2', '::1', '::10.0.0.1']],
  ['10.0.0.0/8', ['10.0.0.0', '10.255.255.255', '::ffff:10.1.2.3'], ['11.0.0.0', '9.255.255.255', '::a00:1']],
  ['10.1.2.3/8', ['10.0.0.1', '10.9.9.9'], ['11.1.2.3']],
  ['10.0.0.128/25', ['10.0.0.128', '10.0.0.255'], ['10.0.0.127', '10.0.1.128']],
  ['0.0.0.0/0', ['1.2.3.4', '::ffff:1.2.3.4'], ['::1']],
  ['::/0', ['::1', 'fe80::1%eth0'], ['1.2.3.4', '::ffff:1.2.3.4']],
  ['::1', ['::1', '0:0:0:0:0:0:0:1'], ['::2', '127.0.0.1']],
  ['[::1]', ['::1'], ['::2']],
  ['[2001:db8::]/32', ['2001:db8:ffff::1'], ['2001:db9::1']],
  ['fe80::/10', ['fe80::1%eth0', 'febf::1'], ['fec0::1']],
  ['::ffff:10.0.0.0/104', ['10.1.2.3', '::ffff:10.1.2.3'], ['11.0.0.1']],
  [' 10.0.0.1 , ::1,192.168.0.0/16, ', ['10.0.0.1', '::1', '192.168.9.9'], ['10.0.0.2']],
])('%j', (text, inside, outside) => {
  const networks = parseNetworks(text);
  for (const address of inside) expect(contains(networks, address), address).toBe(true);
  for (const address of outside) expect(contains(networks, address), address).toBe(false);
});

test.each([
  ...[
    '',
    ',',
    '10.0.0.1,,::1',
    '256.0.0.1',
    '10.0.0',
    '10',
    'example.org',
    '10.0.0.0/33',
    '::/129',
    '10.0.0.0/',
    '/8',
  ],
  ...[
    '10.0.0.0/-1',
    '10.0.0.0/8/8',
    '10.0.0.0/255.0.0.0',
    '10.0.0.0/1000',
    '10.0.0.0/ 8',
    '[10.0.0.1]',
    '[::1',
    '[::/0]',
  ],
  ...['010.0.0.1', '0x0a.0.0.1', 'fe80::1%eth0', '[fe80::1%eth0]/64', '10.0.0.1 ::1', '[::1]:80'],
])('%j is refused', (text) => {
  expect(() => parseNetworks(text)).toThrow(SyntaxError);
});

test('the message names the word that is wrong', () => {
  expect(() => parseNetworks('10.0.0.1, 10.0.0.300/8')).toThrow(
    '"10.0.0.300/8" is not an address or a network such as 10.0.0.0/8',
  );
  expect(() => parseNetworks('::1,10.0.0.0/33')).toThrow('"10.0.0.0/33": an IPv4 network has 0 to 32 bits');
});

test('networks are frozen plain data, and a copy serves as well', () => {
  const networks = parseNetworks('10.0.0.0/8,2001:db8::/32');
  for (const network of [networks, ...networks, ...networks.map(({ bytes }) => bytes)]) {
    expect(Object.isFrozen(network)).toBe(true);
  }
  const copy = structuredClone(networks);
  expect(copy).toEqual(networks);
  expect(contains(copy, '10.1.1.1')).toBe(true);
  expect(JSON.parse(JSON.stringify(networks))).toEqual(networks);
});

test.each(['unknown', '', '10.0.0', '/var/run/socket', '%', '::1%', '\0'])(
  '%j is in no network',
  (address) => {
    expect(contains(parseNetworks('0.0.0.0/0,2001::/3'), address)).toBe(false);
  },
);

test('any text gives networks or a SyntaxError, and any address an answer', () => {
  const text = fc.stringMatching(/^[10.:,[\]f/ %-]*$/);
  fc.assert(
    fc.property(fc.oneof(text, fc.string({ unit: 'binary' })), (given) => {
      contains(parseNetworks('::/0,0.0.0.0/0'), given);
      try {
        contains(parseNetworks(given), given);
      } catch (cause) {
        expect(cause).toBeInstanceOf(SyntaxError);
      }
    }),
    { numRuns: 1000 },
  );
});

test('an address is in the network of its first bits, and not in that of its neighbour', () => {
  fc.assert(
    fc.property(fc.ipV4(), fc.integer({ min: 1, max: 32 }), (address, bits) => {
      expect(isIP(address)).toBe(4);
      const number = address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
      const flipped = (number ^ (1 << (32 - bits))) >>> 0;
      const neighbour = [24, 16, 8, 0].map((shift) => (flipped >>> shift) & 0xff).join('.');
      expect(contains(parseNetworks(`${address}/${String(bits)}`), address)).toBe(true);
      expect(contains(parseNetworks(`${neighbour}/${String(bits)}`), address)).toBe(false);
    }),
  );
});
