/** Proves what one address may use, and what is remembered of it. */
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import {
  addressKey,
  AddressLimits,
  COUNT_INTERVAL_MS,
  type LimitName,
  type Limits,
  MOST_GONE,
  type Visitor,
} from '../../../src/server/address-limits.ts';

const NONE: Limits = { connections: 0, rate: 0, bytes: 0 };
const SECOND = 1000;
const MINUTE = 60_000;

interface Connection extends Visitor {
  bytes: number;
  dismissed: number;
}

function from(address: string): Connection {
  const connection: Connection = {
    address,
    bytes: 0,
    dismissed: 0,
    arrived: () => connection.bytes,
    dismiss: () => connection.dismissed++,
  };
  return connection;
}

function enter(limits: AddressLimits, address: string, times = 1): (LimitName | undefined)[] {
  return Array.from({ length: times }, () => limits.enter(from(address)));
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

test.each([
  ['10.0.0.1', '::ffff:10.0.0.1', true],
  ['10.0.0.1', '10.0.0.2', false],
  ['2001:db8::1', '2001:db8:0:0:ffff::2', true],
  ['2001:db8::1', '2001:db8:0:1::1', false],
  ['fe80::1%eth0', 'fe80::2%eth1', true],
])('%s and %s count as one address: %s', (one, other, isSame) => {
  expect(addressKey(one) === addressKey(other)).toBe(isSame);
});

test('without limits everybody gets in, and nobody is remembered', () => {
  const limits = new AddressLimits(NONE);
  expect(new Set(enter(limits, '10.0.0.1', 10_000))).toEqual(new Set([undefined]));
  expect(limits.size).toBe(0);
});

describe('max_connections_per_ip', () => {
  test('holds at every moment, for each address alone, and what is refused does not count', () => {
    const step = fc.record({ address: fc.constantFrom('10.0.0.1', '10.0.0.2', '::1'), leave: fc.boolean() });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 4 }), fc.array(step), (most, steps) => {
        const limits = new AddressLimits({ ...NONE, connections: most });
        const inside = new Map<string, Connection[]>();
        for (const { address, leave } of steps) {
          const connections = inside.get(address) ?? [];
          inside.set(address, connections);
          const gone = leave ? connections.pop() : undefined;
          if (gone !== undefined) limits.leave(gone);
          const comer = from(address);
          const refused = limits.enter(comer);
          expect(refused).toBe(connections.length < most ? undefined : 'max_connections_per_ip');
          // A refused connection is closed, too, and that frees no place.
          if (refused === undefined) connections.push(comer);
          else limits.leave(comer);
        }
        for (const connection of [...inside.values()].flat()) limits.leave(connection);
        expect(limits.size).toBe(0);
      }),
    );
  });
});

describe('max_rate_per_ip', () => {
  test('so many at once, and then as fast as that', () => {
    const limits = new AddressLimits({ ...NONE, rate: 2 });
    expect(enter(limits, '10.0.0.1', 3)).toEqual([undefined, undefined, 'max_rate_per_ip']);
    expect(enter(limits, '10.0.0.2')).toEqual([undefined]);
    vi.advanceTimersByTime(SECOND / 2);
    expect(enter(limits, '10.0.0.1', 2)).toEqual([undefined, 'max_rate_per_ip']);
    vi.advanceTimersByTime(100 * SECOND);
    expect(enter(limits, '10.0.0.1', 3)).toEqual([undefined, undefined, 'max_rate_per_ip']);
  });

  test('also counts those that left at once', () => {
    const limits = new AddressLimits({ ...NONE, rate: 1 });
    const first = from('10.0.0.1');
    limits.enter(first);
    limits.leave(first);
    expect(enter(limits, '10.0.0.1')).toEqual(['max_rate_per_ip']);
  });
});

describe('max_bytes_per_ip', () => {
  const LIMIT = 1000;

  test('beyond it the connections are closed, and new ones refused until the minute is over', () => {
    const limits = new AddressLimits({ ...NONE, bytes: LIMIT });
    const [one, two, other] = [from('10.0.0.1'), from('10.0.0.1'), from('10.0.0.2')];
    for (const connection of [one, two, other]) limits.enter(connection);
    one.bytes = LIMIT / 2;
    two.bytes = LIMIT / 2;
    other.bytes = LIMIT;
    vi.advanceTimersByTime(COUNT_INTERVAL_MS);
    expect([one, two, other].map(({ dismissed }) => dismissed)).toEqual([0, 0, 0]);
    two.bytes++;
    vi.advanceTimersByTime(COUNT_INTERVAL_MS);
    expect([one, two, other].map(({ dismissed }) => dismissed)).toEqual([1, 1, 0]);
    for (const connection of [one, two]) limits.leave(connection);
    expect(enter(limits, '10.0.0.1')).toEqual(['max_bytes_per_ip']);
    vi.advanceTimersByTime(MINUTE);
    expect(enter(limits, '10.0.0.1')).toEqual([undefined]);
  });

  test('short connections count, whenever they close', () => {
    const limits = new AddressLimits({ ...NONE, bytes: LIMIT });
    const one = from('10.0.0.1');
    limits.enter(one);
    one.bytes = LIMIT + 1;
    limits.leave(one);
    expect(enter(limits, '10.0.0.1')).toEqual(['max_bytes_per_ip']);
  });

  test('a connection may use the limit anew in every minute', () => {
    const limits = new AddressLimits({ ...NONE, bytes: LIMIT });
    const one = from('10.0.0.1');
    limits.enter(one);
    for (let minute = 0; minute < 5; minute++) {
      one.bytes += LIMIT;
      vi.advanceTimersByTime(MINUTE);
    }
    expect(one.dismissed).toBe(0);
  });

  test('no timer goes on when nobody is here', () => {
    const limits = new AddressLimits({ ...NONE, bytes: LIMIT });
    const one = from('10.0.0.1');
    limits.enter(one);
    expect(vi.getTimerCount()).toBe(1);
    limits.leave(one);
    vi.advanceTimersByTime(COUNT_INTERVAL_MS);
    expect(vi.getTimerCount()).toBe(0);
    // And for the next one it is there again.
    const two = from('10.0.0.2');
    limits.enter(two);
    two.bytes = LIMIT + 1;
    vi.advanceTimersByTime(COUNT_INTERVAL_MS);
    expect(two.dismissed).toBe(1);
  });
});

test('a flood of addresses is forgotten, the oldest first, and all after a minute', () => {
  const limits = new AddressLimits({ ...NONE, rate: 1 });
  const more = 100;
  const addresses = Array.from({ length: MOST_GONE + more }, (_, index) => {
    return [10, index >> 16, (index >> 8) & 255, index & 255].join('.');
  });
  const stays = from('192.0.2.1');
  limits.enter(stays);
  for (const address of addresses) {
    const comer = from(address);
    limits.enter(comer);
    limits.leave(comer);
  }
  expect(limits.size).toBe(MOST_GONE + 1);
  expect(enter(limits, addresses.at(-1) ?? '')).toEqual(['max_rate_per_ip']);
  expect(enter(limits, addresses[0] ?? '')).toEqual([undefined]);
  expect(enter(limits, stays.address)).toEqual(['max_rate_per_ip']);
  vi.advanceTimersByTime(MINUTE);
  limits.leave(stays);
  // It itself, and the one that came back.
  expect(limits.size).toBe(2);
});
