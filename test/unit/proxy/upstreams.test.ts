/** Proves which upstream a connection goes to, and when one that is away is tried again. */
import { getEventListeners, once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { openStream } from '../../../src/client/connect.ts';
import type { HostPort } from '../../../src/client/endpoint.ts';
import { NoUpstream } from '../../../src/protocol/errors.ts';
import { type Reached, type UpstreamChoice, Upstreams } from '../../../src/proxy/upstreams.ts';
import { recordLog } from '../../support/log.ts';
import { freePort } from '../../support/program.ts';

const REFUSED = 'connection refused: nothing listens there';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

interface Site {
  readonly upstreams: Upstreams;
  /** Hosts that refuse connections. */
  readonly away: Set<string>;
  /** Hosts that do not answer, and what ends their attempts. */
  readonly silent: Map<string, ((error?: Error) => void)[]>;
  /** Every attempt, in order. */
  readonly tried: string[];
  readonly lines: readonly string[];
  readonly reach: (signal?: AbortSignal) => Promise<Reached<string>>;
  /** Where a connection ends up, or why it does not; it is released at once. */
  readonly visit: () => Promise<string>;
  /** The attempts that this takes. */
  readonly attempts: (visit: () => Promise<unknown>) => Promise<string[]>;
}

function site(policy: UpstreamChoice['policy'], ...hosts: string[]): Site {
  const { log, lines } = recordLog();
  const upstreams = new Upstreams({ servers: hosts.map((host) => ({ host, port: 41121 })), policy }, log);
  const [away, silent, tried] = [
    new Set<string>(),
    new Map<string, ((error?: Error) => void)[]>(),
    [] as string[],
  ];
  const connect = async ({ host, port }: HostPort): Promise<string> => {
    tried.push(host);
    const ends = silent.get(host);
    if (ends !== undefined) {
      await new Promise<void>((resolve, reject) => {
        ends.push((error) => {
          if (error === undefined) resolve();
          else reject(error);
        });
      });
    }
    if (away.has(host)) throw new Error(`Cannot connect to ${host} port ${String(port)}: ${REFUSED}`);
    return host;
  };
  const reach = (signal?: AbortSignal): Promise<Reached<string>> => upstreams.reach(connect, signal);
  const visit = async (): Promise<string> => {
    try {
      const { server, release } = await reach();
      release();
      return server.host;
    } catch (error) {
      return String(error);
    }
  };
  const attempts = async (act: () => Promise<unknown>): Promise<string[]> => {
    const before = tried.length;
    await act();
    return tried.slice(before);
  };
  return { upstreams, away, silent, tried, lines, reach, visit, attempts };
}

/** What has been started goes on until it waits for something. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

test('failover: the first that takes a connection, whatever is open', async () => {
  const { reach, tried } = site('failover', 'a', 'b');
  expect([(await reach()).value, (await reach()).value]).toEqual(['a', 'a']);
  expect(tried).toEqual(['a', 'a']);
});

test('balance: the one with the fewest open, ties in order', async () => {
  const { reach } = site('balance', 'a', 'b', 'c');
  const open = [await reach(), await reach(), await reach(), await reach()];
  expect(open.map(({ value }) => value)).toEqual(['a', 'b', 'c', 'a']);
  open[1]?.release();
  open[2]?.release();
  open[2]?.broke(new Error('connection reset'));
  expect([(await reach()).value, (await reach()).value, (await reach()).value]).toEqual(['b', 'c', 'b']);
});

test('balance: connections that begin at the same moment are spread too', async () => {
  const { reach } = site('balance', 'a', 'b');
  const open = await Promise.all([reach(), reach(), reach(), reach()]);
  expect(open.map(({ value }) => value).sort()).toEqual(['a', 'a', 'b', 'b']);
});

test('balance: failed attempts are not open', async () => {
  const { away, visit, reach } = site('balance', 'a', 'b');
  away.add('a');
  for (let pause = 500; pause <= 4000; pause *= 2) {
    await visit();
    vi.advanceTimersByTime(pause);
  }
  away.clear();
  expect([(await reach()).value, (await reach()).value]).toEqual(['a', 'b']);
});

test('one that fails is set aside for half a second, then longer and longer, up to 30 seconds', async () => {
  const { away, visit, attempts } = site('failover', 'a', 'b');
  away.add('a');
  expect(await attempts(visit)).toEqual(['a', 'b']);
  for (const pause of [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]) {
    vi.advanceTimersByTime(pause - 1);
    expect(await attempts(visit)).toEqual(['b']);
    vi.advanceTimersByTime(1);
    expect(await attempts(visit)).toEqual(['a', 'b']);
  }
});

test('one that is back takes its place, and begins again with half a second', async () => {
  const { away, visit, attempts } = site('failover', 'a', 'b');
  away.add('a');
  await visit();
  vi.advanceTimersByTime(500);
  await visit();
  vi.advanceTimersByTime(1000);
  away.clear();
  expect(await attempts(visit)).toEqual(['a']);
  away.add('a');
  expect(await attempts(visit)).toEqual(['a', 'b']);
  vi.advanceTimersByTime(500);
  expect(await attempts(visit)).toEqual(['a', 'b']);
});

test('many connections that fail at once make the pause no longer', async () => {
  const { away, visit, attempts } = site('failover', 'a', 'b');
  away.add('a');
  await Promise.all(Array.from({ length: 100 }, visit));
  vi.advanceTimersByTime(500);
  expect(await attempts(visit)).toEqual(['a', 'b']);
});

test('one that began before it was set aside and fails later makes the pause no longer', async () => {
  const { silent, away, visit, attempts } = site('failover', 'a', 'b');
  const ends: ((error?: Error) => void)[] = [];
  silent.set('a', ends);
  const visits = [visit(), visit()];
  await settled();
  ends[0]?.(new Error('connection timed out'));
  await visits[0];
  vi.advanceTimersByTime(500);
  ends[1]?.(new Error('connection timed out'));
  await visits[1];
  silent.clear();
  away.add('a');
  expect(await attempts(visit)).toEqual(['a', 'b']);
});

test('nor do the many that find all of them away', async () => {
  const { away, visit, attempts } = site('failover', 'a', 'b');
  away.add('a').add('b');
  for (let i = 0; i < 100; i++) await visit();
  away.delete('b');
  await visit();
  vi.advanceTimersByTime(500);
  expect(await attempts(visit)).toEqual(['a', 'b']);
});

test('one connection at a time finds out whether it is back', async () => {
  const { away, silent, visit, attempts } = site('failover', 'a', 'b');
  away.add('a');
  await visit();
  vi.advanceTimersByTime(500);
  away.clear();
  const ends: (() => void)[] = [];
  silent.set('a', ends);
  const probe = visit();
  expect(await attempts(visit)).toEqual(['b']);
  silent.clear();
  for (const end of ends) end();
  expect(await probe).toBe('a');
  expect(await attempts(visit)).toEqual(['a']);
});

test('when all are aside nobody waits out a pause', async () => {
  const { away, visit, attempts } = site('failover', 'a', 'b');
  away.add('a').add('b');
  expect(await visit()).toBe(`NoUpstream: a port 41121: ${REFUSED}; b port 41121: ${REFUSED}`);
  expect(await attempts(visit)).toEqual(['a', 'b']);
  away.delete('b');
  expect(await attempts(visit)).toEqual(['a', 'b']);
  expect(await attempts(visit)).toEqual(['b']);
});

test('an upstream that swallows connections holds one client, others are refused at once', async () => {
  const { silent, upstreams, visit, reach, attempts } = site('failover', 'a');
  const ends: ((error?: Error) => void)[] = [];
  silent.set('a', ends);
  const first = visit();
  await settled();
  ends[0]?.(new Error('Connection to a port 41121 timed out'));
  expect(await first).toBe('NoUpstream: a port 41121: connection timed out');
  const probe = visit();
  vi.advanceTimersByTime(180_000);
  await expect(attempts(reach)).rejects.toThrow(
    new NoUpstream(
      'a port 41121: away for 3 minutes (connection timed out), another connection is trying it',
    ),
  );
  expect(ends.length).toBe(2);
  expect(upstreams.states).toMatchObject([{ kind: 'away', failures: 2 }]);
  ends[1]?.();
  expect(await probe).toBe('a');
});

test('an attempt that began before the return does not set it aside again', async () => {
  const { silent, visit, attempts, lines } = site('failover', 'a', 'b');
  const ends: ((error?: Error) => void)[] = [];
  silent.set('a', ends);
  const [early, late] = [visit(), visit()];
  await settled();
  ends[0]?.(new Error('connection timed out'));
  expect(await early).toBe('b');
  silent.clear();
  vi.advanceTimersByTime(500);
  expect(await visit()).toBe('a');
  ends[1]?.(new Error('connection timed out'));
  expect(await late).toBe('b');
  expect(await attempts(visit)).toEqual(['a']);
  expect(lines.length).toBe(2);
});

test('a server that stops blames no upstream', async () => {
  const { silent, reach, visit, attempts, lines } = site('failover', 'a', 'b');
  const ends: ((error?: Error) => void)[] = [];
  silent.set('a', ends);
  const stop = new AbortController();
  const given = reach(stop.signal);
  await settled();
  stop.abort();
  const reason = new Error('stopped');
  ends[0]?.(reason);
  await expect(given).rejects.toBe(reason);
  silent.clear();
  expect(await attempts(visit)).toEqual(['a']);
  expect(lines).toEqual([]);
});

test('the states, in the order of proxy_ip', async () => {
  const { away, upstreams, reach } = site('failover', 'a', 'b');
  away.add('a');
  await reach();
  await reach();
  vi.advanceTimersByTime(3000);
  expect(upstreams.states).toEqual([
    { server: { host: 'a', port: 41121 }, kind: 'away', forMs: 3000, reason: REFUSED, failures: 1 },
    { server: { host: 'b', port: 41121 }, kind: 'up', open: 2 },
  ]);
});

test('changed: when one that was away is reached, not before', async () => {
  const { away, upstreams, visit } = site('failover', 'a', 'b');
  away.add('a');
  await visit();
  let changed = false;
  const waiting = upstreams.changed(60_000, new AbortController().signal).then(() => (changed = true));
  await visit();
  await settled();
  expect(changed).toBe(false);
  away.clear();
  vi.advanceTimersByTime(500);
  await visit();
  await waiting;
  expect(vi.getTimerCount()).toBe(0);
});

test('changed: after the time, or when aborted', async () => {
  const { upstreams } = site('failover', 'a');
  const stop = new AbortController();
  const both = [upstreams.changed(1000, stop.signal), upstreams.changed(5000, stop.signal)];
  vi.advanceTimersByTime(1000);
  await both[0];
  expect(vi.getTimerCount()).toBe(1);
  expect(getEventListeners(stop.signal, 'abort').length).toBe(1);
  stop.abort();
  await both[1];
  await upstreams.changed(5000, stop.signal);
  expect(vi.getTimerCount()).toBe(0);
  expect(getEventListeners(stop.signal, 'abort')).toEqual([]);
});

test('no timer keeps the process alive', async () => {
  vi.useRealTimers();
  const { away, upstreams, visit } = site('failover', 'a');
  const timers = (): number =>
    process.getActiveResourcesInfo().filter((resource) => resource === 'Timeout').length;
  const before = timers();
  away.add('a');
  const stop = new AbortController();
  const changed = upstreams.changed(60_000, stop.signal);
  await visit();
  await visit();
  expect(timers()).toBe(before);
  stop.abort();
  await changed;
});

test('real sockets: past a port where nobody listens', async () => {
  const accepted: Socket[] = [];
  const server = createServer((socket) => accepted.push(socket)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    for (const socket of accepted) socket.destroy();
    server.close();
  });
  const [nobody, somebody] = [await freePort(), (server.address() as AddressInfo).port];
  const { log, lines } = recordLog();
  const servers = [nobody, somebody].map((port) => ({ host: '127.0.0.1', port }));
  const upstreams = new Upstreams({ servers, policy: 'failover' }, log);
  const { value, server: to } = await upstreams.reach((at) => openStream({ ...at, idleMs: 60_000 }));
  value.destroy();
  expect(to.port).toBe(somebody);
  expect(lines).toEqual([
    `warning: Upstream 127.0.0.1 port ${String(nobody)}: ${REFUSED}; it is set aside, trying 127.0.0.1 port ${String(somebody)}`,
  ]);
});
