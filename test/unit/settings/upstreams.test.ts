/** The token `proxy_ip` becomes a list of servers. */
import { isIP } from 'node:net';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseServers } from '../../../src/settings/upstreams.ts';

/** As `host|port`. */
function servers(text: string): string[] {
  return parseServers(text, 41121).map(({ host, port }) => `${host}|${String(port)}`);
}

test.each([
  ['10.0.0.1', ['10.0.0.1|41121']],
  ['10.0.0.1:7', ['10.0.0.1|7']],
  ['centre', ['centre|41121']],
  ['centre.example.org:7', ['centre.example.org|7']],
  ['pandora_server:7', ['pandora_server|7']],
  ['centre.example.org.', ['centre.example.org.|41121']],
  ['::1', ['::1|41121']],
  ['2001:db8::1:4112', ['2001:db8::1:4112|41121']],
  ['[::1]', ['::1|41121']],
  ['[::1]:7', ['::1|7']],
  ['fe80::1%eth0', ['fe80::1%eth0|41121']],
  ['[fe80::1%eth0]:7', ['fe80::1%eth0|7']],
  ['::ffff:10.0.0.1', ['::ffff:10.0.0.1|41121']],
  ['a:1', ['a|1']],
  ['a:65535', ['a|65535']],
  ['a:00007', ['a|7']],
  ['a,b:7,10.0.0.1', ['a|41121', 'b|7', '10.0.0.1|41121']],
  ['b,a', ['b|41121', 'a|41121']],
  [' a ,\tb:7 ', ['a|41121', 'b|7']],
  ['a,', ['a|41121']],
  ['a:7, ,', ['a|7']],
])('%j', (text, expected) => {
  expect(servers(text)).toEqual(expected);
});

test.each([
  ['a,a', ['a|41121']],
  ['a,b,a:41121,b:7', ['a|41121', 'b|41121', 'b|7']],
  ['::1,[::1],[::1]:41121', ['::1|41121']],
])('a server that is named twice is one: %j', (text, expected) => {
  expect(servers(text)).toEqual(expected);
});

test.each([
  ...['', ' ', ',', 'a,,b', ',a', 'a b', 'a;b', 'a/b', '-v', '.a', 'é', 'a\0', '*'],
  ...['1.2.3', '256.0.0.1', '1.2.3.4.5', '41121', '10.0.0.1/8'],
  ...['a:', ':7', 'a:b', 'a:-1', 'a: 7', 'a:7:8', 'a:0x7', 'a:0000007', 'http://a:7'],
  ...[':::', '::1:41121', '[::1', '::1]', '[::1]7', '[::1]:', '[[::1]]:7', '[]', '[]:7', '[10.0.0.1]:7'],
  ...['[centre]:7', '[::1%]', '[::g]:7'],
])('%j is refused', (text) => {
  expect(() => servers(text)).toThrow(SyntaxError);
});

test.each(['a:0', 'a:65536', 'a:999999', '[::1]:0'])('%j has no port that there is', (text) => {
  expect(() => servers(text)).toThrow(`"${text}" has no port from 1 to 65535`);
});

test('the message names the word that is wrong, and what is right', () => {
  expect(() => servers('a,::1:41121')).toThrow(
    '"::1:41121" is not a server: give host, host:port or [IPv6]:port',
  );
});

test('any text gives servers or a SyntaxError', () => {
  const likely = fc.string({
    unit: fc.constantFrom('1', '0', '.', ':', ',', '[', ']', 'a', 'f', ' ', '	', '%', '-', '_'),
  });
  fc.assert(
    fc.property(fc.oneof(likely, fc.string({ unit: 'binary' })), (text) => {
      try {
        const found = parseServers(text, 41121);
        expect(found).not.toEqual([]);
        for (const { host, port } of found) {
          expect(host).toMatch(isIP(host) === 0 ? /^[A-Za-z0-9][A-Za-z0-9._-]*$/ : /./);
          expect(port).toBeGreaterThan(0);
          expect(port).toBeLessThan(65_536);
        }
      } catch (cause) {
        if (!(cause instanceof SyntaxError)) throw cause;
      }
    }),
    { numRuns: 1000 },
  );
});

test('servers written out are read as they are', () => {
  const host = fc.oneof(fc.ipV4(), fc.ipV6(), fc.domain());
  const server = fc.record({ host, port: fc.integer({ min: 1, max: 65_535 }) });
  const list = fc.uniqueArray(server, {
    minLength: 1,
    selector: ({ host, port }) => `${host} ${String(port)}`,
  });
  fc.assert(
    fc.property(list, (given) => {
      const words = given.map(({ host, port }) => `${isIP(host) === 6 ? `[${host}]` : host}:${String(port)}`);
      expect(parseServers(words.join(','), 1)).toEqual(given);
    }),
  );
});
