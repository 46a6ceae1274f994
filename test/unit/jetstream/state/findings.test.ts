/** What is wrong with a stream, in words that say what to do. */
import { expect, test } from 'vitest';
import { findingsOf, obstacleOf } from '../../../../src/jetstream/state/findings.ts';
import type { JetStreamState, StreamState } from '../../../../src/jetstream/state/stream-state.ts';

const NOW = Date.UTC(2026, 0, 1);
const SILENT = { state: 'silent', lag: 0, silentMs: 12_000 } as const;
const STREAM: StreamState = {
  messages: 3,
  bytes: 300,
  oldestAt: NOW - 2000,
  replicas: ['n1', 'n2', 'n3'].map((name, index) => ({
    ...{ name, lag: 0, silentMs: 0 },
    state: index === 0 ? 'leader' : 'current',
  })),
  differs: [],
};
const GOOD: JetStreamState = {
  server: { address: '192.0.2.7:4222', name: 'n1', version: '2.9.10', maxPayload: 1_048_576, servers: 3 },
  stream: STREAM,
  consumers: { pending: 3, unacknowledged: 0, missing: [], differs: [] },
  buckets: [{ name: 'TENTACLE_conf', isThere: true, objects: 1, bytes: 1, differs: [] }],
};

function findings(stream: Partial<StreamState>, more: Partial<JetStreamState> = {}): readonly string[] {
  return findingsOf({ ...GOOD, stream: { ...STREAM, ...stream }, ...more }, 'TENTACLE', NOW);
}

test('nothing where all is well', () => {
  expect(obstacleOf(GOOD, 'TENTACLE')).toBeUndefined();
  expect(findings({})).toEqual([]);
});

test('an obstacle is a stream that is not there, or has no quorum, with those that are lost', () => {
  expect(obstacleOf({ ...GOOD, stream: undefined }, 'TENTACLE')).toBe(
    'there is no stream TENTACLE: run --setup-jetstream, or correct nats_stream',
  );
  const [first, ...others] = STREAM.replicas;
  const replicas = [first, ...others.map(({ name }) => ({ ...SILENT, name }))].flatMap((each) => each ?? []);
  expect(obstacleOf({ ...GOOD, stream: { ...STREAM, replicas } }, 'TENTACLE')).toBe(
    'stream TENTACLE has no quorum: n2 has said nothing for 12 seconds, n3 has said nothing for 12 seconds',
  );
  const leaderless = STREAM.replicas.slice(1);
  expect(obstacleOf({ ...GOOD, stream: { ...STREAM, replicas: leaderless } }, 'TENTACLE')).toBe(
    'stream TENTACLE has no quorum: it has no leader: should that last, see the logs of the NATS servers, and whether they have room; then restart them',
  );
});

test('what is behind, late, missing or otherwise than wanted is named', () => {
  const behind = STREAM.replicas.map((replica) =>
    replica.name === 'n3' ? { ...replica, state: 'behind' as const, lag: 9 } : replica,
  );
  expect(findings({ replicas: behind })).toEqual([
    'the replica of stream TENTACLE on n3 is behind by 9 operations',
  ]);
  expect(findings({ oldestAt: NOW - 700_000 })[0]).toMatch(
    /^a file has been waiting for 11 minutes to be delivered/,
  );
  const done = { pending: 0, unacknowledged: 0, missing: [], differs: [] };
  expect(findings({ oldestAt: NOW - 700_000 }, { consumers: done })[0]).toMatch(
    /^a file of 11 minutes ago is left on the stream, though all were delivered/,
  );
  expect(findings({ differs: ['num_replicas 1 -> 3'] })).toEqual([
    'stream TENTACLE is not as the settings say (num_replicas 1 -> 3): run --setup-jetstream',
  ]);
  const names = Array.from({ length: 5 }, (_, index) => `deliver-0${String(index)}`);
  const consumers = { pending: 0, unacknowledged: 0, missing: names, differs: ['ack_wait 1 -> 2'] };
  expect(findings({}, { consumers })).toEqual([
    '5 consumers missing, deliver-00 among them: run --setup-jetstream',
    'a consumer is not as the settings say (ack_wait 1 -> 2): run --setup-jetstream',
  ]);
});

test('what does not answer for now is not called missing', () => {
  const buckets = [{ name: 'TENTACLE_conf', isThere: undefined, objects: 0, bytes: 0, differs: [] }];
  expect(findings({}, { consumers: undefined, buckets })).toEqual([]);
});
