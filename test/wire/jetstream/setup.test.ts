/** Stream, consumers and buckets are made once, and kept as the settings say. */
import { jetstreamManager, type StreamConfig } from '@nats-io/jetstream';
import { expect, test } from 'vitest';
import { JetStreamAway } from '../../../src/jetstream/away.ts';
import { Cluster } from '../../../src/jetstream/cluster.ts';
import { setUp, type Step } from '../../../src/jetstream/setup/setup.ts';
import type { JetStreamSettings } from '../../../src/settings/settings.ts';
import { recordLog } from '../../support/log.ts';
import { Nats } from '../../support/nats.ts';

async function steps(settings: JetStreamSettings, directories: readonly string[]): Promise<Step[]> {
  const cluster = await Cluster.open(settings, { log: recordLog().log, name: 'test' });
  const deadline = Date.now() + 50_000;
  try {
    await cluster.connected(10_000);
    for (;;) {
      const told: Step[] = [];
      try {
        await setUp(cluster, directories, (step) => told.push(step));
        return told;
      } catch (cause) {
        // On a busy machine the servers may not answer in time: as the program does, it is begun again.
        if (!(cause instanceof JetStreamAway) || Date.now() > deadline) throw cause;
      }
    }
  } finally {
    await cluster.close();
  }
}

test('everything is made once, found as it should be the second time, and changed where settings changed', async () => {
  const nats = await Nats.start();
  try {
    const first = await steps(nats.settings(), ['conf', '', 'md5']);
    expect(first.map(({ what, done }) => `${what}: ${done}`)).toEqual([
      'stream TENTACLE: made',
      'consumers deliver-00 to deliver-31: made',
      'bucket TENTACLE--bodies: made',
      'bucket TENTACLE_conf: made',
      'bucket TENTACLE_md5: made',
    ]);
    const second = await steps(nats.settings(), ['conf', '', 'md5']);
    expect(second.map(({ done }) => done)).toEqual(second.map(() => 'as it should be'));
    await nats.change({ max_age: 3_600_000_000_000 });
    const third = await steps(nats.settings(), []);
    expect(third[0]).toEqual({
      what: 'stream TENTACLE',
      done: 'changed',
      changes: ['max_age 3600000000000 -> 0'],
    });
  } finally {
    await nats.stop();
  }
});

/** One server, with a stream that was there before. */
async function withStream(
  config: Partial<StreamConfig> & Pick<StreamConfig, 'name'>,
  work: (nats: Nats, configNow: () => Promise<StreamConfig>) => Promise<void>,
): Promise<void> {
  const nats = await Nats.start();
  const connection = await nats.connect();
  try {
    const { streams } = await jetstreamManager(connection);
    await streams.add(config);
    await work(nats, async () => (await streams.info(config.name)).config);
  } finally {
    await connection.close();
    await nats.stop();
  }
}

test('three at once, who find nothing, all find in the end that it is as it should be', async () => {
  const nats = await Nats.start({ nodes: 3 });
  try {
    const all = await Promise.all([1, 2, 3].map(() => steps(nats.settings(), ['conf', 'md5'])));
    expect(all.map((told) => told.length)).toEqual([5, 5, 5]);
    const then = await steps(nats.settings(), ['conf', 'md5']);
    expect(then.map(({ done }) => done)).toEqual(then.map(() => 'as it should be'));
  } finally {
    await nats.stop();
  }
});

test("somebody else's stream or bucket of that name is left as it is", async () => {
  await withStream({ name: 'TENTACLE', subjects: ['orders.>'] }, async (nats, configNow) => {
    const before = await configNow();
    await expect(steps(nats.settings(), [])).rejects.toThrow(
      "stream TENTACLE is there already, but is somebody else's, and was left as it is (subjects: orders.>): set another nats_stream, or delete it",
    );
    expect(await configNow()).toEqual(before);
  });
  await withStream({ name: 'OBJ_TENTACLE_conf', subjects: ['conf.*'] }, async (nats, configNow) => {
    const before = await configNow();
    await expect(steps(nats.settings(), ['conf'])).rejects.toThrow(
      "bucket TENTACLE_conf is there already, but is somebody else's",
    );
    expect(await configNow()).toEqual(before);
  });
});

test('what cannot be changed is said with what to do about it', async () => {
  const subjects = ['TENTACLE.data.*.*.*'];
  await withStream({ name: 'TENTACLE', subjects, storage: 'memory' }, async (nats) => {
    await expect(steps(nats.settings(), [])).rejects.toThrow(
      'stream TENTACLE: storage is memory, not file, retention is limits, not workqueue, which cannot be changed',
    );
  });
  await withStream({ name: 'OTHER', subjects: ['TENTACLE.>'] }, async (nats) => {
    await expect(steps(nats.settings(), [])).rejects.toThrow(
      'stream TENTACLE: subjects overlap with an existing stream',
    );
  });
});

test('files that would be forgotten after a while are kept', async () => {
  const nats = await Nats.start();
  const connection = await nats.connect();
  try {
    await nats.setUp();
    const { streams } = await jetstreamManager(connection);
    await streams.update('TENTACLE', { ...(await streams.info('TENTACLE')).config, max_age: 3600e9 });
    const [first] = await steps(nats.settings(), []);
    expect(first).toMatchObject({ done: 'changed', changes: ['max_age 3600000000000 -> 0'] });
  } finally {
    await connection.close();
    await nats.stop();
  }
});

test('more replicas than there are servers are refused with both numbers', async () => {
  const nats = await Nats.start();
  try {
    await expect(steps(nats.settings({ replicas: 3 }), [])).rejects.toThrow(
      'nats_replicas 3, but the cluster has 1 server ',
    );
  } finally {
    await nats.stop();
  }
});
