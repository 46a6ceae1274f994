/** Says what is wrong with a stream and what belongs to it, and what to do about it. Pure. */
import { quorumOf, type ReplicaState } from './replicas.ts';
import type { JetStreamState } from './stream-state.ts';
import { count, duration } from '../../log/count.ts';

/** A file that waits longer is not taken by deliverers that run and keep up. Milliseconds. */
const LATE_MS = 600_000;
const ADVICE = 'run --setup-jetstream';
/** 2.9 gives up a stream for which there is no room, and does not come back to it by itself. */
const NO_LEADER =
  'it has no leader: should that last, see the logs of the NATS servers, and whether they have room; then restart them';

/** Why files can be neither stored nor delivered; undefined: they can. */
export function obstacleOf({ stream }: JetStreamState, name: string): string | undefined {
  if (stream === undefined) return `there is no stream ${name}: ${ADVICE}, or correct nats_stream`;
  if (quorumOf(stream.replicas).isThere) return undefined;
  const lost = stream.replicas.filter(({ state }) => state === 'silent').map(lostText);
  const why = lost.length === 0 ? NO_LEADER : lost.join(', ');
  return `stream ${name} has no quorum: ${why}`;
}

/** What does not stop the work, but should be looked at. @param now in milliseconds since the epoch */
export function findingsOf(state: JetStreamState, name: string, now: number): string[] {
  const { stream, consumers, buckets } = state;
  return [
    ...(stream === undefined ? [] : [...replicaFindings(stream.replicas, name), ...lateFinding(state, now)]),
    ...different(`stream ${name}`, stream?.differs ?? []),
    ...missing('consumer', stream === undefined ? [] : (consumers?.missing ?? [])),
    ...different('a consumer', consumers?.differs ?? []),
    ...missing(
      'bucket',
      buckets.filter(({ isThere }) => isThere === false).map((bucket) => bucket.name),
    ),
    ...buckets.flatMap((bucket) => different(`bucket ${bucket.name}`, bucket.differs)),
  ];
}

function replicaFindings(replicas: readonly ReplicaState[], name: string): string[] {
  return replicas.flatMap((replica) => {
    if (replica.state === 'silent') return [`the replica of stream ${name} on ${lostText(replica)}`];
    if (replica.state !== 'behind') return [];
    return [
      `the replica of stream ${name} on ${replica.name} is behind by ${count(replica.lag, 'operation')}`,
    ];
  });
}

function lostText({ name, silentMs }: ReplicaState): string {
  return `${name} has said nothing for ${duration(silentMs)}`;
}

function lateFinding({ stream, consumers }: JetStreamState, now: number): string[] {
  const oldestAt = stream?.oldestAt;
  if (oldestAt === undefined || now - oldestAt < LATE_MS) return [];
  const age = duration(now - oldestAt);
  // Of those that are missing nothing is known.
  const isDone = consumers?.pending === 0 && consumers.unacknowledged === 0 && consumers.missing.length === 0;
  if (isDone)
    return [
      `a file of ${age} ago is left on the stream, though all were delivered: a NATS server that came back had not heard of ` +
        'it; it only takes room, and its name',
    ];
  return [`a file has been waiting for ${age} to be delivered: does a server with mode deliver run?`];
}

const MOST_NAMED = 4;

function missing(noun: string, names: readonly string[]): string[] {
  if (names.length === 0) return [];
  const named = names.length > MOST_NAMED ? `, ${names[0] ?? ''} among them` : ` (${names.join(', ')})`;
  return [`${count(names.length, noun)} missing${named}: ${ADVICE}`];
}

function different(what: string, differs: readonly string[]): string[] {
  if (differs.length === 0) return [];
  return [`${what} is not as the settings say (${differs.join(', ')}): ${ADVICE}`];
}
