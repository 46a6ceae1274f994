/** What the server says at its start about what it is for. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { purposeOf } from '../../../src/settings/purpose.ts';
import { Secret } from '../../../src/settings/secret.ts';
import type { Settings } from '../../../src/settings/settings.ts';
import { CertificateAuthority } from '../../support/certificates.ts';
import { settingsOf } from '../../support/worker.ts';

const TWO = { proxy_ip: '10.0.0.1,10.0.0.2:7' } as const;

/** With TLS for the clients. */
function secured(
  tokens: Parameters<typeof settingsOf>[0],
  more: Parameters<typeof settingsOf>[1] = {},
): Settings {
  const authority = new CertificateAuthority();
  const { cert, key } = authority.issue('server');
  const material = {
    ...{ cert: readFileSync(cert), key: readFileSync(key), proxyCa: readFileSync(authority.ca) },
    ...more,
  };
  return settingsOf({ ...tokens, ssl_cert: '/c', ssl_key: '/k' }, material);
}

test('a server', () => {
  expect(purposeOf(settingsOf({ directory: '/spool', password: 'pw' }))).toBe(
    'Files go to /spool; TLS off, password',
  );
});

test('a relay', () => {
  expect(purposeOf(settingsOf({ proxy_ip: '::1' }))).toBe(
    'Relays to ::1 port 41121; TLS off, no password; upstream TLS off',
  );
  expect(purposeOf(secured({ ...TWO, proxy_ssl: '1', proxy_ssl_ca: '/ca' }))).toBe(
    'Relays to 10.0.0.1 port 41121, 10.0.0.2 port 7 (failover); TLS on, no password; upstream TLS on, verified',
  );
});

test('a relay that tells the upstream more, and verifies it less', () => {
  const tokens = { ...TWO, proxy_policy: 'balance', proxy_ssl: '1', proxy_protocol_send: 'v2' };
  expect(purposeOf(settingsOf(tokens, { proxyPassword: new Secret('open-sesame') }))).toBe(
    'Relays to 10.0.0.1 port 41121, 10.0.0.2 port 7 (balance); TLS off, no password; ' +
      'upstream TLS on, not verified, password, PROXY v2',
  );
});

test('a store', () => {
  expect(purposeOf(settingsOf({ proxy_ip: 'centre', proxy_mode: 'store', directory: '/queue' }))).toBe(
    'Files wait in /queue and are sent on to centre port 41121; TLS off, no password; upstream TLS off',
  );
});
