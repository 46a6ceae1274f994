/** Who asks for which partitions: balanced, the same everywhere, and few change hands. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { assign } from '../../../../src/jetstream/deliver/assignment.ts';
import { PARTITIONS } from '../../../../src/jetstream/names.ts';

const someMembers = fc.uniqueArray(fc.stringMatching(/^[0-9a-f]{12}$/), { minLength: 1, maxLength: 40 });

/** Who has each partition. */
function owners(members: readonly string[]): readonly string[] {
  const of = Array.from({ length: PARTITIONS }, () => '');
  for (const [member, partitions] of assign(members, PARTITIONS)) {
    for (const partition of partitions) {
      expect(of[partition]).toBe('');
      of[partition] = member;
    }
  }
  return of;
}

test('every partition has one owner, and nobody has more than one more than anybody else', () => {
  fc.assert(
    fc.property(someMembers, (members) => {
      expect(owners(members)).not.toContain('');
      const sizes = [...assign(members, PARTITIONS).values()].map(({ size }) => size);
      expect(sizes).toHaveLength(members.length);
      expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
    }),
  );
});

test('it is reckoned the same from any order, with anybody named twice', () => {
  fc.assert(
    fc.property(someMembers, (members) => {
      expect(owners([...members].reverse().concat(members))).toEqual(owners(members));
    }),
  );
});

test.each([1, 2, 3, 5, 8])(
  'of %i, when one more comes or one goes, few partitions change hands',
  (number) => {
    let moved = 0;
    const rounds = 50;
    for (let round = 0; round < rounds; round++) {
      const members = Array.from({ length: number + 1 }, (_, index) => `${String(round)} ${String(index)}`);
      const [before, after] = [owners(members.slice(1)), owners(members)];
      moved += before.filter((owner, partition) => owner !== after[partition]).length;
    }
    // What the new one has, and half as many again among the others.
    expect(moved / rounds).toBeLessThanOrEqual((1.5 * PARTITIONS) / (number + 1));
  },
);
