/** Says why stream, consumers or buckets cannot become what they should be, and leaves alone what is somebody else's. */
import type { StreamConfig } from '@nats-io/jetstream';
import { apiCode, CODES, isAway } from '../away.ts';
import type { Link } from '../cluster.ts';
import { differing } from './differing.ts';
import { count } from '../../log/count.ts';
import { printable } from '../../log/printable.ts';

/** What is there cannot become what it should be, or is somebody else's: a person has to decide. */
export class CannotSetUp extends Error {
  override readonly name = 'CannotSetUp';
}

export type Wanted = Partial<StreamConfig> & Pick<StreamConfig, 'name' | 'subjects' | 'num_replicas'>;

/** What the servers would refuse to change, and what they would change to somebody else's harm. */
const FIXED = ['storage', 'retention'] as const;

/** @throws CannotSetUp when it is somebody else's, or cannot become what it should be */
export function refuseForeign(what: string, found: StreamConfig, wanted: Wanted): void {
  const isOurs = differing(found, { subjects: wanted.subjects }).length === 0;
  if (!isOurs || found.mirror !== undefined || found.sources !== undefined) {
    const subjects = found.subjects.map(printable).join(', ') || 'none';
    throw new CannotSetUp(
      `${what} is there already, but is somebody else's, and was left as it is (subjects: ${subjects}): set another nats_stream, or delete it`,
    );
  }
  const stuck = FIXED.filter((key) => found[key] !== wanted[key]);
  if (stuck.length === 0) return;
  const texts = stuck.map((key) => `${key} is ${found[key]}, not ${String(wanted[key])}`);
  throw new CannotSetUp(
    `${what}: ${texts.join(', ')}, which cannot be changed: set another nats_stream, or delete it once it is empty`,
  );
}

/** Says of what the servers refuse what it was about, and what can be done. @throws CannotSetUp; JetStreamAway */
export async function explained<T>(
  { link, what, replicas }: { readonly link: Link; readonly what: string; readonly replicas: number },
  settle: () => Promise<T>,
): Promise<T> {
  try {
    return await settle();
  } catch (error) {
    const code = apiCode(error);
    if (code === CODES.notClustered || code === CODES.noPeers)
      throw new CannotSetUp(`${what}: ${tooFew(link, replicas)}`, { cause: error });
    if (code === undefined || isAway(error)) throw error;
    throw new CannotSetUp(`${what}: ${printable((error as Error).message)}`, { cause: error });
  }
}

function tooFew({ connection }: Link, replicas: number): string {
  const servers = serversOfCluster(connection.info);
  const has = servers === undefined ? 'too few servers' : count(servers, 'server');
  return `nats_replicas ${String(replicas)}, but the cluster has ${has} (with room and JetStream): start further ones, or set nats_replicas lower`;
}

/** How many servers the cluster has that can be connected to, as one of them says; undefined where it keeps that to itself. */
export function serversOfCluster(info: Link['connection']['info']): number | undefined {
  if (info?.cluster === undefined) return 1;
  return info.connect_urls === undefined ? undefined : new Set(info.connect_urls).size;
}
