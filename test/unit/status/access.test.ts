/** Who may ask. */
import { expect, test } from 'vitest';
import { Secret } from '../../../src/settings/secret.ts';
import type { StatusSettings } from '../../../src/settings/settings.ts';
import { judge } from '../../../src/status/access.ts';

const LOOPBACK: StatusSettings = {
  address: { kind: 'tcp', host: '127.0.0.1', port: 41180 },
  token: undefined,
};
const SOCKET: StatusSettings = { address: { kind: 'unix', path: '/run/status' }, token: undefined };
const NAMED: StatusSettings = {
  address: { kind: 'tcp', host: 'Tentacle.example', port: 41180 },
  token: undefined,
};
const basic = (pair: Buffer | string): string => `Basic ${Buffer.from(pair).toString('base64')}`;

test.each(['', 'evil.example', '127.0.0.1.evil.example', '127.1', '2130706433', 'localhost.', '[evil]:1'])(
  'by the name %j nobody is welcome',
  (host) => {
    expect(judge(LOOPBACK, { host })).toBe('wrong host');
  },
);

test.each(['127.0.0.1', '127.0.0.1:41180', 'localhost:1', 'LocalHost', '[::1]:41180', '192.0.2.1'])(
  'by %s, everybody',
  (host) => {
    expect(judge(LOOPBACK, { host })).toBe('welcome');
  },
);

test('by the name in status_address, whatever its case; through a socket, by any', () => {
  expect(judge(NAMED, { host: 'tentacle.EXAMPLE:41180' })).toBe('welcome');
  expect(judge(SOCKET, { host: 'evil.example' })).toBe('welcome');
  // HTTP/1.0, which no browser speaks.
  expect(judge(LOOPBACK, {})).toBe('welcome');
});

test('a token must be shown whole, and counts by any name, since nobody else knows it', () => {
  const settings = { ...LOOPBACK, token: new Secret('se:same') };
  const verdict = (authorization: string): string => judge(settings, { host: 'evil.example', authorization });
  expect(verdict('Bearer se:same')).toBe('welcome');
  expect(verdict(basic('any:se:same'))).toBe('welcome');
  expect(verdict(basic(':se:same'))).toBe('welcome');
  for (const wrong of [
    '',
    'Bearer ',
    'Bearer se:sam',
    'Bearer se:samee',
    'Digest se:same',
    basic('se:same2'),
  ])
    expect(verdict(wrong)).toBe('wrong token');
});

test('a token of any bytes', () => {
  const settings = { ...SOCKET, token: new Secret('h\xe4\x00') };
  expect(judge(settings, { authorization: basic(Buffer.from('u:h\xe4\x00', 'latin1')) })).toBe('welcome');
});

test('a token may end in any byte that a header may hold', () => {
  // As a configuration file in UTF-8 gives it: its last byte is the blank of Latin-1 that does not break.
  const bytes = Buffer.from('voilà').toString('latin1');
  const settings = { ...LOOPBACK, token: new Secret(bytes) };
  expect(judge(settings, { authorization: `Bearer ${bytes}` })).toBe('welcome');
});
