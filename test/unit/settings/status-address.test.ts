/** Where the state of the server may be told. */
import { expect, test } from 'vitest';
import { parseStatusAddress, statusAddressText } from '../../../src/settings/status-address.ts';
import { mergeAssignments } from '../../../src/settings/merge.ts';
import { OPTIONS } from '../../../src/settings/options.ts';
import { validate } from '../../../src/settings/validate.ts';
import { NO_MATERIAL, settingsOf } from '../../support/settings.ts';

test.each([
  ['127.0.0.1:41180', { kind: 'tcp', host: '127.0.0.1', port: 41180 }],
  ['localhost:1', { kind: 'tcp', host: 'localhost', port: 1 }],
  ['[::1]:65535', { kind: 'tcp', host: '::1', port: 65535 }],
  ['unix:/run/tentacle/status', { kind: 'unix', path: '/run/tentacle/status' }],
])('%s, and back', (text, address) => {
  expect(parseStatusAddress(text)).toEqual(address);
  expect(statusAddressText(parseStatusAddress(text))).toBe(text);
});

test.each([
  '41180',
  '127.0.0.1',
  '127.0.0.1:0',
  '127.0.0.1:65536',
  '127.0.0.256:1',
  '::1:41180',
  '[127.0.0.1]:1',
  '[::1]',
  'a b:1',
  'http://127.0.0.1:1',
  'unix:run/status',
  'unix:',
  `unix:/${'x'.repeat(107)}`,
])('%s is none', (text) => {
  expect(() => parseStatusAddress(text)).toThrow(SyntaxError);
});

/** What is said of these settings, beside what else is wrong. */
function said(tokens: Record<string, string>): string[] {
  const assignments = Object.entries(tokens).map(([token, value]) => ({
    token,
    value,
    source: token,
    typed: true,
  }));
  const merged = mergeAssignments(OPTIONS, assignments);
  return validate(merged, NO_MATERIAL, Date.now())
    .problems.filter(({ text }) => text.includes('status_'))
    .map(({ severity, text }) => `${severity}: ${text}`);
}

test.each(['0.0.0.0:1', '[::]:1', '10.0.0.1:1', 'tentacle.example:1'])(
  '%s can be reached by others: not without a token',
  (address) => {
    expect(said({ status_address: address })).toEqual([expect.stringContaining('error: ')]);
    expect(said({ status_address: address, status_token: 'x' })).toEqual([
      'warning: status_token goes over the network in clear: put a proxy with TLS before status_address',
    ]);
  },
);

test('a loopback address and a socket need none', () => {
  for (const address of ['127.0.0.2:1', '[::1]:1', 'localhost:1', 'unix:/run/status'])
    expect(said({ status_address: address })).toEqual([]);
});

test('a token alone has no effect', () => {
  expect(said({ status_token: 'x' })).toEqual(['warning: status_token without status_address has no effect']);
  expect(settingsOf({ directory: '/spool', status_token: 'x' }).status).toBeUndefined();
});
