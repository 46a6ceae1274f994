/** Decides which deliverer asks for which partitions: the same wherever it is reckoned. Pure. */
import { createHash } from 'node:crypto';

interface Claim {
  readonly partition: number;
  readonly member: string;
  readonly weight: bigint;
}

/**
 * Rendezvous hashing with a limit: the strongest claims come first, and nobody has more than one partition more than
 * anybody else. When one comes or goes, few partitions change hands.
 * @param members their ids, in any order
 * @returns the partitions of each
 */
export function assign(
  members: Iterable<string>,
  partitions: number,
): ReadonlyMap<string, ReadonlySet<number>> {
  const all = [...new Set(members)];
  const own = new Map(all.map((member) => [member, new Set<number>()]));
  const least = Math.floor(partitions / all.length);
  let more = partitions % all.length;
  const taken = new Set<number>();
  for (const { partition, member } of claims(all, partitions)) {
    const mine = own.get(member);
    if (mine === undefined || taken.has(partition) || mine.size > least) continue;
    if (mine.size === least && more-- <= 0) {
      more = 0;
      continue;
    }
    mine.add(partition);
    taken.add(partition);
  }
  return own;
}

function claims(members: readonly string[], partitions: number): Claim[] {
  return members
    .flatMap((member) =>
      Array.from({ length: partitions }, (_, partition) => ({
        partition,
        member,
        weight: weightOf(member, partition),
      })),
    )
    .sort((a, b) => (a.weight === b.weight ? (a.member < b.member ? -1 : 1) : a.weight < b.weight ? 1 : -1));
}

function weightOf(member: string, partition: number): bigint {
  return createHash('sha256')
    .update(`${member} ${String(partition)}`)
    .digest()
    .readBigUInt64BE();
}
