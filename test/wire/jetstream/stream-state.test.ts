/** How stream, consumers and buckets are, as real servers say it, also when some of them are gone. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { clockDifferences } from '../../../src/jetstream/state/clocks.ts';
import { Cluster } from '../../../src/jetstream/cluster.ts';
import { findingsOf, obstacleOf } from '../../../src/jetstream/state/findings.ts';
import { consumerName, dataSubject } from '../../../src/jetstream/names.ts';
import { quorumOf } from '../../../src/jetstream/state/replicas.ts';
import { openReader, type Reading, type StateReader } from '../../../src/jetstream/state/state-reader.ts';
import { recordLog } from '../../support/log.ts';
import { Nats } from '../../support/nats.ts';

const WAITING = { timeout: 60_000, interval: 200 };
let nats: Nats;
let reader: StateReader;

beforeAll(async () => {
  nats = await Nats.start({ nodes: 3 });
  await nats.setUp(['conf', 'md5']);
  reader = await openReader({ settings: nats.settings(), directories: ['conf', 'md5'], queue: undefined });
});

afterAll(async () => {
  await reader.close();
  await nats.stop();
});

/** The obstacle, or what stands in the way of knowing. */
async function trouble(): Promise<string | undefined> {
  const reading: Reading = await reader.read();
  return reading.state === undefined ? reading.trouble : obstacleOf(reading.state, 'TENTACLE');
}

test('says what is stored, by whom, and that nothing is wrong', async () => {
  const connection = await nats.connect();
  try {
    const js = jetstream(connection);
    await js.publish(dataSubject('TENTACLE', 'a.1.data'), new Uint8Array(100));
    await js.publish(dataSubject('TENTACLE', 'b.1.data'), new Uint8Array(100));
  } finally {
    await connection.close();
  }
  await expect.poll(trouble, WAITING).toBeUndefined();
  await expect.poll(async () => (await reader.read()).state?.consumers?.pending, WAITING).toBe(2);
  const { state } = await reader.read();
  if (state?.stream === undefined) throw new Error('there is none');
  expect(state.server).toMatchObject({ maxPayload: 1_048_576, servers: 3 });
  expect(state.server.version).toMatch(/^2\./);
  expect(state.stream.messages).toBe(2);
  expect(state.stream.bytes).toBeGreaterThan(200);
  expect(Math.abs(Date.now() - (state.stream.oldestAt ?? 0))).toBeLessThan(60_000);
  expect(state.stream.replicas.map(({ state }) => state)).toEqual(['leader', 'current', 'current']);
  expect(quorumOf(state.stream.replicas)).toEqual({ isThere: true, spare: 1 });
  expect(state.consumers).toMatchObject({ unacknowledged: 0, missing: [], differs: [] });
  expect(state.buckets.map(({ name, isThere }) => `${name} ${String(isThere)}`)).toEqual([
    'TENTACLE--bodies true',
    'TENTACLE_conf true',
    'TENTACLE_md5 true',
  ]);
  expect(findingsOf(state, 'TENTACLE', Date.now())).toEqual([]);
});

test('measures the clocks of all servers, which here are the one of this host', async () => {
  const cluster = await Cluster.open(nats.settings(), { log: recordLog().log, name: 'test' });
  try {
    await cluster.connected(10_000);
    const clocks = await cluster.use((link) => clockDifferences(link, 'TENTACLE'));
    expect(clocks.map(({ server }) => server)).toEqual(['n1', 'n2', 'n3']);
    for (const { aheadMs, errorMs } of clocks) expect(Math.abs(aheadMs)).toBeLessThanOrEqual(errorMs + 2);
  } finally {
    await cluster.close();
  }
});

test('consumers and buckets that are gone are named', async () => {
  const connection = await nats.connect();
  try {
    const jsm = await jetstreamManager(connection, { checkAPI: false });
    await jsm.consumers.delete('TENTACLE', consumerName(7));
    await jsm.streams.delete('OBJ_TENTACLE_md5');
  } finally {
    await connection.close();
  }
  const findings = async (): Promise<readonly string[]> => {
    const { state } = await reader.read();
    return state === undefined ? [] : findingsOf(state, 'TENTACLE', Date.now());
  };
  await expect
    .poll(findings, WAITING)
    .toEqual([
      '1 consumer missing (deliver-07): run --setup-jetstream',
      '1 bucket missing (TENTACLE_md5): run --setup-jetstream',
    ]);
  await nats.setUp(['conf', 'md5']);
  await expect.poll(findings, WAITING).toEqual([]);
});

test('one server killed is a replica that is silent; two are no quorum, within seconds; back, all is well', async () => {
  await nats.kill(2);
  const states = async (): Promise<readonly string[]> => {
    const { state } = await reader.read();
    return (state?.stream?.replicas ?? []).map((replica) => replica.state).toSorted();
  };
  await expect.poll(states, WAITING).toEqual(['current', 'leader', 'silent']);
  await expect.poll(trouble, WAITING).toBeUndefined();
  const { state } = await reader.read();
  expect(state && findingsOf(state, 'TENTACLE', Date.now())).toEqual([
    expect.stringMatching(/^the replica of stream TENTACLE on n3 has said nothing for \d+ seconds?$/),
  ]);

  await nats.kill(1);
  const began = performance.now();
  await expect.poll(trouble, WAITING).toMatch(/no quorum|does not answer in time|nobody answers/);
  expect(performance.now() - began).toBeLessThan(15_000);

  nats.begin(1);
  nats.begin(2);
  await expect.poll(trouble, WAITING).toBeUndefined();
  await expect.poll(states, WAITING).toEqual(['current', 'current', 'leader']);
}, 240_000);

test('all of them away is told with the reason', async () => {
  await Promise.all([0, 1, 2].map((node) => nats.kill(node)));
  await expect.poll(trouble, WAITING).toMatch(/was lost|refused|closed/);
}, 120_000);
