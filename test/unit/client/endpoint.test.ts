/** Addresses and HTTP proxies as people write them; whatever they write, no password is shown. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { authority, endpointText, parseHttpProxy, parseServers } from '../../../src/client/endpoint.ts';

const nobody = { user: undefined, password: undefined };

test.each([
  ['10.0.0.1', ['10.0.0.1']],
  ['a.example,b-c.example', ['a.example', 'b-c.example']],
  ['10.0.0.1/10.0.0.2', ['10.0.0.1', '10.0.0.2']],
  [' a , [::1] / fe80::1%eth0 ', ['a', '::1', 'fe80::1%eth0']],
  ['::1', ['::1']],
])('servers: %j', (text, servers) => {
  expect(parseServers(text)).toEqual(servers);
});

test.each(['', ',', 'a,', 'a b', 'a:80', '[::1', 'a\nb', 'https:', 'ä.example', '$(id)'])(
  'no servers: %j',
  (text) => {
    expect(() => parseServers(text)).toThrow(SyntaxError);
  },
);

test.each([
  ['proxy:3128', { host: 'proxy', port: 3128, ...nobody }],
  ['[::1]:1', { host: '::1', port: 1, ...nobody }],
  ['::1:65535', { host: '::1', port: 65535, ...nobody }],
  ['u:p@proxy:80', { host: 'proxy', port: 80, user: 'u', password: 'p' }],
  ['u:@proxy:80', { host: 'proxy', port: 80, user: 'u', password: '' }],
  ['u:a@b:c/d@proxy:80', { host: 'proxy', port: 80, user: 'u', password: 'a@b:c/d' }],
  ['u:\xff @10.0.0.1:80', { host: '10.0.0.1', port: 80, user: 'u', password: '\xff ' }],
])('C1 HTTP proxy: %j', (text, proxy) => {
  expect(parseHttpProxy(text)).toEqual(proxy);
});

test.each([
  '',
  'proxy',
  'proxy:',
  'proxy:0',
  'proxy:65536',
  'proxy:x',
  ':80',
  'u@proxy:80',
  'a b:80',
  '@:80',
])('no HTTP proxy: %j', (text) => {
  expect(() => parseHttpProxy(text)).toThrow(SyntaxError);
});

const anything = fc.string({ unit: 'binary', maxLength: 60 });

test('any text is parsed or refused with a SyntaxError', () => {
  fc.assert(
    fc.property(anything, fc.constantFrom(parseServers, parseHttpProxy), (text, parse) => {
      try {
        parse(text);
      } catch (error) {
        expect(error).toBeInstanceOf(SyntaxError);
      }
    }),
    { numRuns: 1000 },
  );
});

test('what is parsed can be written into a CONNECT request: no blanks, no line ends', () => {
  const written = fc.stringMatching(/^[a-z0-9.:[\]@%\r\n -]{1,20}:[0-9]{1,5}$/);
  fc.assert(
    fc.property(written, (text) => {
      try {
        expect(authority(parseHttpProxy(text))).toMatch(/^[^\s]+:[0-9]+$/);
      } catch (error) {
        expect(error).toBeInstanceOf(SyntaxError);
      }
    }),
    { numRuns: 1000 },
  );
});

test('a password is never quoted, however its separators are mistyped', () => {
  const slip = fc.constantFrom('@', ':', '', '%', ' ', '/', '@@', '@ ', ';');
  const secret = fc.stringMatching(/^[a-z@:]{0,3}S3CRET[a-z@:/ ]{0,3}$/);
  const written = fc
    .tuple(fc.constantFrom('user', 'user:', '', ':', 'u:s:', 'http://user:'), secret, slip)
    .chain(([user, password, at]) =>
      fc
        .constantFrom('proxy:3128', ':3128', 'proxy', '3128', '[::1]:80')
        .map((end) => user + password + at + end),
    );
  fc.assert(
    fc.property(written, (text) => {
      try {
        parseHttpProxy(text);
      } catch (error) {
        expect(String(error)).not.toContain('S3CRET');
      }
    }),
    { numRuns: 1000 },
  );
});

test('an end point is written for people, and for HTTP', () => {
  expect(endpointText({ host: '::1', port: 41121 })).toBe('::1 port 41121');
  expect(authority({ host: '::1', port: 41121 })).toBe('[::1]:41121');
  expect(authority({ host: 'a.example', port: 80 })).toBe('a.example:80');
});
