/** A server that runs for months warns of certificates whose end comes near. */
import { readFileSync } from 'node:fs';
import { expect, onTestFinished, test, vi } from 'vitest';
import { ExpiryWatch } from '../../../src/server/expiry-watch.ts';
import type { Blueprint } from '../../../src/settings/blueprint.ts';
import { mergeAssignments } from '../../../src/settings/merge.ts';
import { OPTIONS, type Token } from '../../../src/settings/options.ts';
import { CertificateAuthority } from '../../support/certificates.ts';
import { type RecordedLog, recordLog } from '../../support/log.ts';
import { NO_MATERIAL } from '../../support/settings.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

function blueprintOf(
  tokens: Partial<Record<Token, string>>,
  material: Partial<Blueprint['material']>,
): Blueprint {
  const assignments = Object.entries(tokens).map(([token, value]) => ({
    ...{ token: token as Token, value, source: `conf:${token}`, typed: true },
  }));
  const { values, sources } = mergeAssignments(OPTIONS, assignments);
  return { values, sources, material: { ...NO_MATERIAL, ...material } };
}

/** A watch whose time passes only by what `pass` says, in milliseconds. */
function watched(blueprint: Blueprint): {
  readonly watch: ExpiryWatch;
  readonly lines: RecordedLog['lines'];
  readonly pass: (ms: number) => void;
} {
  vi.useFakeTimers({ now: Date.now() });
  const { log, lines } = recordLog();
  const watch = new ExpiryWatch(log);
  onTestFinished(() => {
    watch.close();
    vi.useRealTimers();
  });
  watch.watch(blueprint);
  return { watch, lines, pass: (ms) => vi.advanceTimersByTime(ms) };
}

/** With a certificate of so many days. */
function serverOf(days: number): Blueprint {
  const { cert, key } = new CertificateAuthority().issue('server', { days });
  const material = { cert: readFileSync(cert), key: readFileSync(key) };
  return blueprintOf({ ssl_cert: cert, ssl_key: key }, material);
}

test('at 30, 14 and 3 days and when it is over, once each', () => {
  const { lines, pass } = watched(serverOf(40));
  pass(9 * DAY + 23 * HOUR);
  expect(lines).toEqual([]);
  pass(2 * HOUR);
  expect(lines).toEqual([
    expect.stringMatching(
      /^warning: conf:ssl_cert: ssl_cert \(CN=server\) expires in 29 days, on .* GMT: renew it$/,
    ),
  ]);
  pass(40 * DAY);
  expect(lines.map((line) => /expire[sd] .*?,/.exec(line)?.[0])).toEqual([
    ...['expires in 29 days,', 'expires in 13 days,', 'expires in 2 days,'],
    expect.stringMatching(/^expired on /),
  ]);
});

test('not again of what is due when it is loaded', () => {
  const { lines, pass } = watched(serverOf(20));
  pass(5 * DAY);
  expect(lines).toEqual([]);
  pass(2 * DAY);
  expect(lines).toEqual([expect.stringContaining('expires in 13 days')]);
});

test('of several that fell due meanwhile, as on a host that slept, only the last', () => {
  const { lines, pass } = watched(serverOf(40));
  vi.setSystemTime(Date.now() + 38 * DAY);
  pass(HOUR);
  expect(lines).toEqual([expect.stringContaining('expires in 1 day,')]);
});

test('a reload brings other certificates, and the old ones are forgotten', () => {
  const { watch, lines, pass } = watched(serverOf(31));
  watch.watch(serverOf(400));
  pass(60 * DAY);
  expect(lines).toEqual([]);
  watch.watch(blueprintOf({}, {}));
  expect(vi.getTimerCount()).toBe(1);
  watch.close();
  expect(vi.getTimerCount()).toBe(0);
});

test('of a CA, and of what a proxy shows and trusts', () => {
  const authority = new CertificateAuthority();
  const { cert, key } = authority.issue('server', { days: 700 });
  const proxy = new CertificateAuthority('Centre').issue('proxy', { days: 40 });
  const [own, ca, ownKey] = [cert, authority.ca, key].map((path) => readFileSync(path));
  const blueprint = blueprintOf(
    {
      ...{ ssl_cert: '/cert', ssl_key: '/key', ssl_ca: '/ca', proxy_ip: '10.0.0.1', proxy_ssl: '1' },
      ...{ proxy_ssl_cert: '/proxy', proxy_ssl_key: '/proxy.key', proxy_ssl_ca: '/ca' },
    },
    {
      cert: own,
      key: ownKey,
      ca,
      proxyCa: ca,
      proxyCert: readFileSync(proxy.cert),
      proxyKey: readFileSync(proxy.key),
    },
  );
  const { lines, pass } = watched(blueprint);
  pass(11 * DAY);
  expect(lines).toEqual([expect.stringContaining('proxy_ssl_cert (CN=proxy) expires in 29 days')]);
  pass(326 * DAY);
  const ofAuthorities = lines.filter((line) => line.includes('CN=Test CA'));
  expect(ofAuthorities).toEqual([
    expect.stringContaining('conf:ssl_ca: ssl_ca (CN=Test CA) expires in 29 days'),
    expect.stringContaining('conf:proxy_ssl_ca: proxy_ssl_ca (CN=Test CA) expires in 29 days'),
  ]);
});
