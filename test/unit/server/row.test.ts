/** A row keeps its order, whoever leaves from where and when. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Link, Row } from '../../../src/server/row.ts';

test('it holds what a Set would, in the same order', () => {
  fc.assert(
    fc.property(fc.array(fc.option(fc.nat(20))), (steps) => {
      const row = new Row<number>();
      const links: Link<number>[] = [];
      const same = new Set<number>();
      for (const step of steps) {
        if (step === null) {
          same.add(links.length);
          links.push(row.add(links.length));
        } else {
          const link = links[step];
          if (link !== undefined) expect(row.remove(link)).toBe(same.delete(step));
        }
        expect([...row]).toEqual([...same]);
        expect([row.size, row.first?.value]).toEqual([same.size, [...same][0]]);
      }
    }),
  );
});

test('who is reached may leave meanwhile', () => {
  const row = new Row<string>();
  const links = ['a', 'b', 'c'].map((value) => row.add(value));
  const reached: string[] = [];
  for (const value of row) {
    reached.push(value);
    const link = links.find((each) => each.value === value);
    if (link !== undefined) row.remove(link);
  }
  expect(reached).toEqual(['a', 'b', 'c']);
  expect(row.size).toBe(0);
});

test('who has left keeps nobody who came later', () => {
  const row = new Row<string>();
  const [first] = [row.add('a'), row.add('b')];
  row.remove(first);
  expect([first.before, first.after]).toEqual([undefined, undefined]);
});
