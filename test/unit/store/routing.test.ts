/** Proves that the first filter that matches chooses the directory. */
import { expect, test } from 'vitest';
import { route } from '../../../src/store/routing.ts';

const filters = [
  { matches: (name: string) => name.includes('.conf'), directory: 'conf', permissions: 'rw' as const },
  { matches: (name: string) => name.startsWith('a'), directory: 'agents', permissions: 'rw' as const },
  { matches: (name: string) => name.includes('.conf'), directory: 'never', permissions: 'rw' as const },
];

test.each([
  ['b.conf', 'conf'],
  ['a.conf', 'conf'],
  ['a.conf.bak', 'conf'],
  ['a.data', 'agents'],
  ['b.data', ''],
  ['', ''],
])('N2 %j goes to %j', (name, directory) => {
  expect(route(name, filters)).toBe(directory);
});

test('N2 without filters everything stays in the spool', () => {
  expect(route('a.conf', [])).toBe('');
});
