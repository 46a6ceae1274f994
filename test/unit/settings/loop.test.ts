/** A proxy that would pass connections on to itself is refused. */
import { hostname, networkInterfaces } from 'node:os';
import { lookup } from 'node:dns/promises';
import { expect, test } from 'vitest';
import { judgeLoop } from '../../../src/settings/loop.ts';
import { mergeAssignments } from '../../../src/settings/merge.ts';
import { OPTIONS } from '../../../src/settings/options.ts';
import { parseServers } from '../../../src/settings/upstreams.ts';

/** The servers of `proxy_ip` that are said to be this one, which listens on port 41121 of these addresses. */
async function loops(proxyIp: string, addresses?: string): Promise<string[]> {
  const tokens = { proxy_ip: proxyIp, ...(addresses === undefined ? {} : { addresses }) };
  const assignments = Object.entries(tokens).map(([token, value]) => ({
    ...{ token, value, source: `f ${token}`, typed: false },
  }));
  const merged = mergeAssignments(OPTIONS, assignments);
  const problems = await judgeLoop({ servers: parseServers(proxyIp, merged.values.proxy_port) }, merged);
  return problems.map(({ severity, source, text }) => `${severity} ${source}: ${text}`);
}

function refusal(host: string): string {
  return `error f proxy_ip: proxy_ip: ${host} port 41121 is this server itself: name the next server`;
}

/** Addresses of this host's interfaces that others can reach. */
function ownAddresses(family: 'IPv4' | 'IPv6'): string[] {
  return Object.values(networkInterfaces())
    .flatMap((each = []) => each)
    .filter((one) => one.family === family && !one.internal)
    .map(({ address }) => address);
}

test.each([
  ['127.0.0.1', undefined],
  ['127.0.0.2', undefined],
  ['::1', undefined],
  ['localhost', undefined],
  ['0.0.0.0', undefined],
  ['::', undefined],
  ['::ffff:127.0.0.1', undefined],
  ['0:0::1', undefined],
  ['127.0.0.1', '127.0.0.1'],
  ['localhost', '127.0.0.1,::1'],
  ['127.0.0.1', 'localhost'],
  ['0.0.0.0', '127.0.0.1'],
  ['::', '::1'],
  ['127.0.0.1', '0'],
  ['127.0.0.1', '::'],
  ['10.1.2.3', '10.1.2.3'],
  ['fe80::1%lo', 'fe80::1'],
  ['2001:db8::1', '127.0.0.1,2001:db8:0::1'],
])('%s is this server, listening on %s', async (host, addresses) => {
  expect(await loops(host.includes(':') ? `[${host}]:41121` : `${host}:41121`, addresses)).toEqual([
    refusal(host),
  ]);
});

test.each([
  ['another port', '127.0.0.1:41122', undefined],
  ['another host', '192.0.2.77', undefined],
  ['loopback, when only another address is served', '127.0.0.1', '10.1.2.3'],
  ['another loopback address', '127.0.0.1', '127.0.0.2'],
  ['what 0.0.0.0 leads to is not served', '0.0.0.0', '127.0.0.2,::1'],
  ['IPv6 when only IPv4 is served', '::1', '0.0.0.0'],
  ['IPv6 that is not IPv4 in disguise', '::127.0.0.1', '127.0.0.1'],
  ['a name that nobody knows', 'nobody-knows.invalid', undefined],
  ['an address to listen on that nobody knows', '127.0.0.1', 'nobody-knows.invalid'],
  ['addresses that are refused already', '127.0.0.1', '1.2.3'],
])('not a loop: %s', async (_what, proxyIp, addresses) => {
  expect(await loops(proxyIp, addresses)).toEqual([]);
});

test('of several servers each that is this one is named', async () => {
  expect(await loops('192.0.2.77,127.0.0.1,127.0.0.1:7,localhost')).toEqual([
    refusal('127.0.0.1'),
    refusal('localhost'),
  ]);
});

const [own = ''] = [...ownAddresses('IPv4'), ...ownAddresses('IPv6')];
test.skipIf(own === '')(
  'an address of an interface is this server when it is served, and else not',
  async () => {
    expect(await loops(own)).toEqual([refusal(own)]);
    expect(await loops(own, own)).toEqual([refusal(own)]);
    expect(await loops(own, '127.0.0.1')).toEqual([]);
  },
);

test("this host's name is this server", async () => {
  const found = await lookup(hostname(), { all: true }).catch(() => []);
  expect(await loops(hostname())).toEqual(found.length === 0 ? [] : [refusal(hostname())]);
});
