/** Proves who gets in, who waits, and who has to make room. */
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Admission, type Guest, PATIENCE_MS } from '../../../src/server/admission.ts';

/** Guests by name, and what happened to them in order. */
class Party {
  readonly admission: Admission;
  readonly events: string[] = [];
  readonly #guests = new Map<string, Guest>();
  readonly #waitsForUs = new Set<string>();

  constructor(capacity: number, waitingRoom: number, graceMs = PATIENCE_MS) {
    this.admission = new Admission({ capacity, waitingRoom, graceMs });
  }

  request(...names: readonly string[]): void {
    for (const name of names) {
      const guest = {
        enter: () => this.events.push(`${name} in`),
        evict: () => this.events.push(`${name} out`),
        isAwaited: () => !this.#waitsForUs.has(name),
      };
      this.#guests.set(name, guest);
      this.admission.request(guest);
    }
  }

  touch(name: string): void {
    this.admission.touch(this.#guest(name));
  }

  /** From now on the guest waits for this server. */
  asks(name: string): void {
    this.#waitsForUs.add(name);
  }

  /** From now on it is the guest's turn again. */
  isAnswered(name: string): void {
    this.#waitsForUs.delete(name);
  }

  leave(name: string): void {
    this.admission.leave(this.#guest(name));
  }

  /** What happened since the last look. */
  news(): string[] {
    return this.events.splice(0);
  }

  #guest(name: string): Guest {
    const guest = this.#guests.get(name);
    if (guest === undefined) throw new Error(`no guest ${name}`);
    return guest;
  }
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance', 'setImmediate'] });
});
afterEach(() => {
  vi.useRealTimers();
});

describe('order', () => {
  test('up to the capacity all enter at once', () => {
    const party = new Party(2, 2);
    party.request('a', 'b', 'c');
    expect(party.news()).toEqual(['a in', 'b in']);
    expect(party.admission.inside).toBe(2);
  });

  test('who waits enters in the order of asking, one for one who leaves', () => {
    const party = new Party(1, 5);
    party.request('a', 'b', 'c');
    party.leave('a');
    expect(party.news()).toEqual(['a in', 'b in']);
    party.leave('b');
    expect(party.news()).toEqual(['c in']);
    party.leave('c');
    expect(party.admission.inside).toBe(0);
  });

  test('who leaves the waiting room never enters, and frees no place inside', () => {
    const party = new Party(1, 5);
    party.request('a', 'b', 'c');
    party.leave('b');
    expect(party.news()).toEqual(['a in']);
    party.leave('a');
    expect(party.news()).toEqual(['c in']);
  });

  test('leaving twice frees one place', () => {
    const party = new Party(1, 5);
    party.request('a', 'b', 'c');
    party.leave('a');
    party.leave('a');
    expect(party.news()).toEqual(['a in', 'b in']);
  });

  test('a guest may leave in the moment of entering', () => {
    const admission = new Admission({ capacity: 1, waitingRoom: 1, graceMs: PATIENCE_MS });
    const brief: Guest = {
      enter: () => {
        admission.leave(brief);
      },
      evict: vi.fn(),
      isAwaited: () => true,
    };
    admission.request(brief);
    expect(admission.inside).toBe(0);
  });
});

describe('a full waiting room', () => {
  test('evicts at once who was silent for longest, and lets the first in', () => {
    const party = new Party(2, 1);
    party.request('a', 'b', 'c', 'd');
    expect(party.news()).toEqual(['a in', 'b in', 'a out', 'c in']);
    expect(party.admission.inside).toBe(2);
  });

  test('spares who got something done', () => {
    const party = new Party(2, 1);
    party.request('a', 'b');
    party.touch('a');
    party.request('c', 'd');
    expect(party.news()).toEqual(['a in', 'b in', 'b out', 'c in']);
  });

  test('an evicted guest who leaves late, or does something, takes nobody’s place', () => {
    const party = new Party(1, 1);
    party.request('a', 'b', 'c');
    expect(party.news()).toEqual(['a in', 'a out', 'b in']);
    party.touch('a');
    party.leave('a');
    expect(party.news()).toEqual([]);
    expect(party.admission.inside).toBe(1);
    party.leave('b');
    expect(party.news()).toEqual(['c in']);
  });

  test('a guest who leaves in the moment of eviction frees one place', () => {
    const admission = new Admission({ capacity: 1, waitingRoom: 1, graceMs: PATIENCE_MS });
    const entered: number[] = [];
    const guests = [0, 1, 2].map((index) => {
      const guest: Guest = {
        enter: () => entered.push(index),
        evict: () => {
          admission.leave(guest);
        },
        isAwaited: () => true,
      };
      return guest;
    });
    for (const guest of guests) admission.request(guest);
    expect(entered).toEqual([0, 1]);
    expect(admission.inside).toBe(1);
  });
});

describe('patience', () => {
  test('a guest who waited a second takes the place of one silent for as long, not before', () => {
    const party = new Party(1, 5);
    party.request('a', 'b');
    vi.advanceTimersByTime(PATIENCE_MS - 1);
    expect(party.news()).toEqual(['a in']);
    vi.advanceTimersByTime(2);
    expect(party.news()).toEqual(['a out', 'b in']);
  });

  test('who is busy is not evicted, however long others wait', () => {
    const party = new Party(1, 5);
    party.request('a', 'b');
    for (let ms = 0; ms < 10 * PATIENCE_MS; ms += 500) {
      vi.advanceTimersByTime(500);
      party.touch('a');
    }
    expect(party.news()).toEqual(['a in']);
    vi.advanceTimersByTime(PATIENCE_MS + 1);
    expect(party.news()).toEqual(['a out', 'b in']);
  });

  test('a guest long silent goes only when another has waited a second', () => {
    const party = new Party(1, 5);
    party.request('a');
    vi.advanceTimersByTime(60 * PATIENCE_MS);
    party.request('b');
    vi.advanceTimersByTime(PATIENCE_MS - 1);
    expect(party.news()).toEqual(['a in']);
    vi.advanceTimersByTime(2);
    expect(party.news()).toEqual(['a out', 'b in']);
  });

  test('as many are relieved as waited too long and were silent too long', () => {
    const party = new Party(3, 9);
    party.request('a', 'b', 'c', 'd', 'e', 'f', 'g');
    vi.advanceTimersByTime(PATIENCE_MS / 2);
    party.touch('b');
    vi.advanceTimersByTime(PATIENCE_MS / 2 + 1);
    expect(party.news()).toEqual(['a in', 'b in', 'c in', 'a out', 'd in', 'c out', 'e in']);
    expect(party.admission.inside).toBe(3);
  });

  test('nobody waits, nobody is evicted, and no timer is left', () => {
    const party = new Party(2, 5);
    party.request('a', 'b', 'c');
    party.leave('c');
    vi.advanceTimersByTime(60 * PATIENCE_MS);
    expect(party.news()).toEqual(['a in', 'b in']);
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('a guest who waits for this server', () => {
  test('is not silent, however long that takes: the silent one leaves', () => {
    const party = new Party(2, 5);
    party.request('busy', 'silent', 'new');
    party.asks('busy');
    vi.advanceTimersByTime(60 * PATIENCE_MS);
    expect(party.news()).toEqual(['busy in', 'silent in', 'silent out', 'new in']);
  });

  test('is spared by a full waiting room, too', () => {
    const party = new Party(2, 1);
    party.request('busy', 'silent');
    party.asks('busy');
    party.request('third', 'fourth');
    expect(party.news()).toEqual(['busy in', 'silent in', 'silent out', 'third in']);
  });

  test('is not evicted although nobody else is there to go, until it is silent in its turn', () => {
    const party = new Party(1, 5);
    party.request('busy', 'new');
    party.asks('busy');
    vi.advanceTimersByTime(60 * PATIENCE_MS);
    expect(party.news()).toEqual(['busy in']);
    party.isAnswered('busy');
    party.touch('busy');
    vi.advanceTimersByTime(PATIENCE_MS - 1);
    expect(party.news()).toEqual([]);
    vi.advanceTimersByTime(200);
    expect(party.news()).toEqual(['busy out', 'new in']);
  });
});

test('whatever happens, never more are inside than there are places, and nobody waits beside a free one', () => {
  const step = fc.record({
    what: fc.constantFrom('request', 'leave', 'touch', 'pass'),
    who: fc.nat(30),
    ms: fc.nat(1500),
  });
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 4 }),
      fc.nat(4),
      fc.array(step, { maxLength: 80 }),
      (capacity, room, steps) => {
        const admission = new Admission({ capacity, waitingRoom: room, graceMs: PATIENCE_MS });
        const state = new Map<Guest, 'waiting' | 'inside' | 'gone'>();
        const guests: Guest[] = [];
        const count = (which: string): number => [...state.values()].filter((one) => one === which).length;
        for (const { what, who, ms } of steps) {
          const guest = guests[who % Math.max(guests.length, 1)];
          if (what === 'pass') vi.advanceTimersByTime(ms);
          else if (what === 'request') {
            const fresh: Guest = {
              enter: () => {
                expect(state.get(fresh)).toBe('waiting');
                state.set(fresh, 'inside');
              },
              evict: () => {
                expect(state.get(fresh)).toBe('inside');
                state.set(fresh, 'gone');
              },
              isAwaited: () => true,
            };
            state.set(fresh, 'waiting');
            guests.push(fresh);
            admission.request(fresh);
          } else if (guest !== undefined && what === 'touch') admission.touch(guest);
          else if (guest !== undefined) {
            state.set(guest, 'gone');
            admission.leave(guest);
          }
          expect(count('inside')).toBe(admission.inside);
          expect(admission.inside).toBeLessThanOrEqual(capacity);
          expect(count('waiting')).toBeLessThanOrEqual(room);
          if (count('waiting') > 0) expect(admission.inside).toBe(capacity);
        }
      },
    ),
  );
});

test('a silent guest who had to wait keeps nobody else for a second more', () => {
  const graceMs = 100;
  const party = new Party(1, 9, graceMs);
  party.request('a', 'b', 'c', 'honest');
  vi.advanceTimersByTime(PATIENCE_MS + 1);
  expect(party.news()).toEqual(['a in', 'a out', 'b in']);
  vi.advanceTimersByTime(graceMs + 1);
  expect(party.news()).toEqual(['b out', 'c in']);
  vi.advanceTimersByTime(graceMs + 1);
  expect(party.news()).toEqual(['c out', 'honest in']);
});
