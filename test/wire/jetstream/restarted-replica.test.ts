/** A NATS server that was started anew knows less than the others: nothing may come to depend on that. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { jetstreamManager } from '@nats-io/jetstream';
import { expect, onTestFinished, test } from 'vitest';
import { Cluster } from '../../../src/jetstream/cluster.ts';
import { DataStream } from '../../../src/jetstream/data-stream.ts';
import { fileId } from '../../../src/jetstream/names.ts';
import { persist } from '../../../src/jetstream/receive/patience.ts';
import { Announcements } from '../../../src/jetstream/receive/announcements.ts';
import { startDeliverer, STREAM } from '../../support/delivering.ts';
import { namesIn } from '../../support/forwarding.ts';
import { recordLog } from '../../support/log.ts';
import { Nats } from '../../support/nats.ts';
import { temporarySpool } from '../../support/temporary.ts';

const SLOW = { timeout: 60_000 };

test('repeats of what was delivered, after a replica was started anew, lose nothing of what comes behind them', async () => {
  const nats = await Nats.start({ nodes: 3 });
  onTestFinished(() => nats.stop());
  await nats.setUp();
  const connection = await nats.connect();
  onTestFinished(() => connection.close());
  const { streams } = await jetstreamManager(connection, { timeout: 20_000 });
  const cluster = await Cluster.open(nats.settings(), { log: recordLog().log, name: 'test' });
  const announcements = new Announcements(cluster);
  onTestFinished(async () => {
    announcements.close();
    await cluster.close();
  });
  const stream = new DataStream(cluster);
  const send = (name: string): Promise<unknown> => {
    const data = Buffer.from(`of ${name}`);
    const file = { name, id: fileId(name, Buffer.alloc(32)), size: data.length, from: undefined };
    const more = { receivedAt: Date.now(), object: undefined, queued: false };
    return persist(30_000, (ms) =>
      stream.publish({ file: { ...file, ...more }, data, overwrite: false }, announcements, ms),
    );
  };
  const directory = temporarySpool();
  const took = new Map<string, number>();
  const take = (): number => {
    for (const name of namesIn(directory)) {
      took.set(name, (took.get(name) ?? 0) + 1);
      rmSync(join(directory, name));
    }
    return took.size;
  };
  const names = (stem: string): readonly string[] =>
    Array.from({ length: 60 }, (_, index) => `${stem}${String(index % 20)}.${String(index)}.data`);
  const replicas = async (): Promise<readonly string[]> =>
    ((await streams.info(STREAM)).cluster?.replicas ?? []).map(
      ({ name, current }) => `${name} ${String(current)}`,
    );

  const deliverer = await startDeliverer(nats, { directory });
  for (const name of names('before')) await send(name);
  await expect.poll(take, SLOW).toBe(60);
  // Not the leader's: it goes on meanwhile, and knows all.
  const follower = Number((await replicas())[0]?.slice(1, 2)) - 1;
  await nats.kill(follower);
  nats.begin(follower);
  await nats.ready();
  await expect.poll(replicas, SLOW).toEqual([expect.stringMatching('true'), expect.stringMatching('true')]);
  for (const name of names('before')) await send(name);
  await expect.poll(async () => (await streams.info(STREAM)).state.messages, SLOW).toBe(0);
  await deliverer.stop();

  for (const name of names('behind')) await send(name);
  const leader = Number((await streams.info(STREAM)).cluster?.leader?.slice(1)) - 1;
  await nats.kill(leader);
  nats.begin(leader);
  await startDeliverer(nats, { directory });
  await expect.poll(take, SLOW).toBe(120);
  expect([...took].filter(([, times]) => times > 1)).toEqual([]);
}, 180_000);
