/** What readiness hangs on. */
import { expect, test } from 'vitest';
import type { CertificateReport } from '../../../src/settings/certificate-report.ts';
import { certificateCheck, listeningCheck, workersCheck } from '../../../src/status/checks.ts';

const DAY = 86_400_000;
const NOW = Date.UTC(2026, 0, 1);
const certificate = (token: CertificateReport['token'], from: number, to: number): CertificateReport => ({
  token,
  file: `/etc/${token}.pem`,
  subject: `CN=${token}`,
  names: [],
  issuer: 'CN=CA',
  validFrom: NOW + from * DAY,
  validTo: NOW + to * DAY,
  chain: { complete: true, text: '' },
});

test('certificates: the first to expire is named; without TLS there is nothing to say', () => {
  expect(certificateCheck([], NOW)).toEqual({ name: 'certificate', ok: true, text: 'no TLS' });
  expect(certificateCheck([certificate('ssl_ca', -1, 300), certificate('ssl_cert', -1, 12)], NOW)).toEqual({
    name: 'certificate',
    ok: true,
    text: 'all valid; the first to expire is ssl_cert /etc/ssl_cert.pem (CN=ssl_cert), in 12 days',
  });
});

test('certificates: one that has expired, or is not valid yet, is enough', () => {
  const all = [
    certificate('ssl_cert', -9, 9),
    certificate('ssl_ca', -9, -1),
    certificate('proxy_ssl_cert', 1, 9),
  ];
  const { ok, text } = certificateCheck(all, NOW);
  expect(ok).toBe(false);
  expect(text).toMatch(
    /^ssl_ca .* expired on Wed, 31 Dec 2025 .*: renew it; .*; proxy_ssl_cert .* is not valid before/,
  );
});

test('certificates: a CA that has expired beside one that has not keeps nobody out', () => {
  const old = certificate('ssl_ca', -9, -1);
  const [cert, ca] = [certificate('ssl_cert', -9, 9), certificate('ssl_ca', -1, 300)];
  expect(certificateCheck([cert, old, ca], NOW)).toMatchObject({
    ok: true,
    text: 'valid, but for CAs beside others; the first to expire is ssl_cert /etc/ssl_cert.pem (CN=ssl_cert), in 9 days',
  });
  expect(certificateCheck([cert, old, certificate('proxy_ssl_ca', -1, 300)], NOW).ok).toBe(false);
  expect(certificateCheck([cert, certificate('ssl_cert', -9, -1)], NOW).ok).toBe(false);
});

test('listening: somewhere, and not stopping; an address that could not be bound is told', () => {
  const facts = { addresses: ['127.0.0.1 port 1'], failures: [], isStopping: false, takesClients: true };
  expect(listeningCheck(facts)).toMatchObject({ ok: true, text: 'listening on 127.0.0.1 port 1' });
  expect(listeningCheck({ ...facts, failures: ['cannot listen on x'] }).text).toContain(
    '; cannot listen on x',
  );
  expect(listeningCheck({ ...facts, isStopping: true })).toMatchObject({ ok: false });
  expect(listeningCheck({ ...facts, addresses: [] })).toMatchObject({ ok: false });
});

test('workers: one that serves is enough, and one that hangs does not', () => {
  const judge = (...states: Parameters<typeof workersCheck>[0]): string => {
    const { ok, text } = workersCheck(states);
    return `${ok ? 'ok' : 'BAD'} ${text}`;
  };
  expect(judge('serving', 'draining')).toBe('ok 1 serves');
  expect(judge('serving', 'silent')).toMatch(/^ok 1 serves, 1 not answering: replaced after half a minute/);
  expect(judge('silent', 'silent')).toMatch(/^BAD none serves, 2 not answering: /);
  expect(judge('draining')).toBe('BAD none serves: the log says why; another one starts soon');
});

test('listening: nothing, where nobody is to connect', () => {
  const facts = { addresses: [], failures: [], isStopping: false, takesClients: false };
  expect(listeningCheck(facts)).toEqual({
    name: 'listening',
    ok: true,
    text: 'nobody is to connect: files come from JetStream',
  });
  expect(listeningCheck({ ...facts, isStopping: true }).ok).toBe(false);
});
