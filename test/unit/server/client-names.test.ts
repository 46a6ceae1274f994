/** ssl_client_names: which certificates are accepted. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { alternativeNames, type CertificateName } from '../../../src/settings/alternative-names.ts';
import { isAccepted } from '../../../src/server/client-names.ts';

type Kind = CertificateName['kind'];

function accepts(kind: Kind, text: string, ...accepted: readonly string[]): boolean {
  return isAccepted([{ kind, text }], accepted);
}

test.each<[Kind, string, string]>([
  ['CN', 'agent-7', 'agent-7'],
  ['CN', 'agent-7', 'agent-*'],
  ['CN', 'agent-', 'agent-*'],
  ['CN', 'a.b.c', '*'],
  ['CN', 'one two three', 'one*three'],
  ['CN', 'aXbXc', 'a*b*c'],
  ['CN', 'abcabc', '*abc'],
  ['DNS', 'Web.Example.COM', '*.example.com'],
  ['DNS', 'web.example.com', '*.EXAMPLE.com'],
  ['DNS', '*.example.com', '*.example.com'],
  ['IP', 'FD00:0:0:0:0:0:0:7', 'fd00::7'],
  ['IP', 'FD00:0:0:0:0:0:0:7', 'FD00:0::0007'],
  ['IP', '10.0.0.7', '10.0.0.*'],
  ['email', 'ops@example.org', '*@example.org'],
  ['URI', 'spiffe://example.org/agent', 'spiffe://example.org/*'],
])('%s %s is accepted by %s', (kind, text, pattern) => {
  expect(accepts(kind, text, 'somebody else', pattern)).toBe(true);
});

test.each<[Kind, string, string]>([
  ['CN', 'agent-77', 'agent-7'],
  ['CN', 'xagent-7', 'agent-7'],
  ['CN', 'Agent-7', 'agent-7'],
  ['CN', 'agent', 'agent-*'],
  ['CN', 'aba', 'ab*ba'],
  ['CN', 'acb', 'a*b*c'],
  ['CN', 'a\nagent', 'agent'],
  ['CN', 'axb', 'a.b'],
  ['CN', '', 'agent'],
  ['DNS', 'example.com.evil.org', '*.example.com'],
  ['DNS', 'example.com', '*.example.com'],
  ['DNS', '*.example.com', 'web.example.com'],
  ['IP', '10.0.0.70', '10.0.0.7'],
  ['email', 'OPS@example.org', 'ops@example.org'],
])('%s %s is not accepted by %s', (kind, text, pattern) => {
  expect(accepts(kind, text, pattern)).toBe(false);
});

test('a certificate without a name is not accepted by anything', () => {
  expect(isAccepted([], ['*'])).toBe(false);
});

test('one name of many is enough', () => {
  const names = alternativeNames('DNS:a.example, IP Address:10.0.0.7');
  expect(isAccepted(names, ['b.example', '10.0.0.7'])).toBe(true);
});

test('patterns match as a regular expression would', () => {
  const text = fc.string({ unit: fc.constantFrom('a', 'b', '.', '(') });
  const pattern = fc.string({ unit: fc.constantFrom('a', 'b', '.', '(', '*') });
  fc.assert(
    fc.property(text, pattern, (name, accepted) => {
      const source = accepted.replace(/[.(]/g, '\\$&').replaceAll('*', '.*');
      expect(accepts('CN', name, accepted)).toBe(new RegExp(`^${source}$`, 's').test(name));
    }),
  );
});

describe('alternative names', () => {
  test('as node:tls tells them', () => {
    const told = 'DNS:a.example, IP Address:10.0.0.7, email:a@b, URI:http://a/b, DirName:"CN = x, DNS:evil"';
    expect(alternativeNames(told)).toEqual([
      { kind: 'DNS', text: 'a.example' },
      { kind: 'IP', text: '10.0.0.7' },
      { kind: 'email', text: 'a@b' },
      { kind: 'URI', text: 'http://a/b' },
    ]);
  });

  test('a quoted one is one name, whatever is in it', () => {
    expect(alternativeNames(String.raw`URI:"http://a/\"x, DNS:evil", DNS:b`)).toEqual([
      { kind: 'URI', text: 'http://a/"x, DNS:evil' },
      { kind: 'DNS', text: 'b' },
    ]);
  });
});
