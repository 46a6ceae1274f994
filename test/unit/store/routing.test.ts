/** Proves that the first filter that matches chooses the directory, and what may be done there. */
import { describe, expect, test } from 'vitest';
import type { Filter } from '../../../src/settings/settings.ts';
import { demand, route } from '../../../src/store/routing.ts';

const filters: readonly Filter[] = [
  { matches: (name) => name.includes('.conf'), directory: 'conf', permissions: 'r' },
  { matches: (name) => name.startsWith('a'), directory: 'agents', permissions: 'w' },
  { matches: (name) => name.includes('.conf'), directory: 'never', permissions: 'rw' },
];

test.each([
  ['b.conf', 'conf', 'r'],
  ['a.conf', 'conf', 'r'],
  ['a.conf.bak', 'conf', 'r'],
  ['a.data', 'agents', 'w'],
  ['b.data', '', 'rw'],
  ['', '', 'rw'],
])('N2 %j goes to %j, for %s', (name, directory, permissions) => {
  expect(route(name, filters)).toMatchObject({ directory, permissions });
});

test('N2 without filters everything stays in the spool', () => {
  expect(route('a.conf', [])).toEqual({ directory: '', permissions: 'rw' });
});

describe('what a place permits', () => {
  const all = ['r', 'w', 'rw'] as const;
  test.each([
    ['r', ['r']],
    ['w', ['w']],
    ['rw', ['r', 'w', 'rw']],
  ] as const)('%s permits %j', (permissions, permitted) => {
    const place = { directory: 'conf', permissions };
    const passed = all.filter((needed) => {
      try {
        demand(needed, place);
        return true;
      } catch (error) {
        expect(error).toMatchObject({
          reason: 'not permitted',
          message: `filters give conf only =${permissions}`,
        });
        return false;
      }
    });
    expect(passed).toEqual(permitted);
  });
});
