/** The servers stored something, and nobody heard of it: what is tried again must not take away what is there. */
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { Bucket } from '../../../src/jetstream/bucket.ts';
import { Cluster } from '../../../src/jetstream/cluster.ts';
import { DataStream } from '../../../src/jetstream/data-stream.ts';
import { Announcements } from '../../../src/jetstream/receive/announcements.ts';
import { BucketCache } from '../../../src/jetstream/receive/bucket-cache.ts';
import { JetStreamStore } from '../../../src/jetstream/receive/jetstream-store.ts';
import type { Filter } from '../../../src/settings/settings.ts';
import { recordLog } from '../../support/log.ts';
import { LostAnswer } from '../../support/lost-answer.ts';
import { Nats } from '../../support/nats.ts';

const FILTERS: readonly Filter[] = [
  { matches: (name) => name.endsWith('.conf'), directory: 'conf', permissions: 'rw' },
];
let nats: Nats;
let number = 0;

beforeAll(async () => {
  nats = await Nats.start();
});
afterAll(() => nats.stop());

interface Site {
  readonly lost: LostAnswer;
  /** Over the connection that loses answers. */
  readonly store: JetStreamStore;
  /** Over another one. */
  readonly cluster: Cluster;
  readonly stream: string;
}

async function site(queued = false): Promise<Site> {
  const stream = `L${String(number++)}`;
  await nats.setUp(['conf'], { stream });
  const [server] = nats.settings().servers;
  if (server === undefined) throw new Error('there is no server');
  const lost = await LostAnswer.before(server);
  const [over, beside] = await Promise.all(
    [[lost.address], [server]].map((servers) =>
      Cluster.open(nats.settings({ stream, servers }), { log: recordLog().log, name: 'test' }),
    ),
  );
  if (over === undefined || beside === undefined) throw new Error('no clusters');
  onTestFinished(async () => {
    await Promise.all([over.close(), beside.close()]);
  });
  await Promise.all([over.connected(10_000), beside.connected(10_000)]);
  const cache = new BucketCache(over);
  onTestFinished(() => cache.close());
  const announcer = new Announcements(over);
  onTestFinished(() => {
    announcer.close();
  });
  const mode = { filters: FILTERS, overwrite: false };
  const store = new JetStreamStore({ cluster: over, cache, announcer, mode, patienceMs: 20_000, queued });
  return { lost, store, cluster: beside, stream };
}

async function send(store: JetStreamStore, name: string, bytes: Buffer): Promise<void> {
  const incoming = await store.receive(name, bytes.length);
  try {
    await incoming.write(bytes);
    await incoming.commit();
  } finally {
    await incoming.discard();
  }
}

async function contentOf(store: JetStreamStore, name: string): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of (await store.open(name)).content()) parts.push(part);
  return Buffer.concat(parts);
}

test('a large data file that was stored at the first attempt keeps its body', async () => {
  const { lost, store, cluster } = await site();
  const bytes = randomBytes(1_500_000);
  lost.loseAnswerTo(/Tentacle-Object/);
  await send(store, 'a.1.data', bytes);
  expect(lost.count).toBe(1);
  expect(await new DataStream(cluster).list()).toEqual(['a.1.data']);
  expect((await contentOf(store, 'a.1.data')).equals(bytes)).toBe(true);
});

test('a small file of a bucket that was stored at the first attempt keeps its bytes', async () => {
  const { lost, store, cluster, stream } = await site();
  lost.loseAnswerTo(/Nats-Rollup/);
  await send(store, 'a.conf', Buffer.from('abc'));
  expect(lost.count).toBe(1);
  const bucket = new Bucket(cluster, `${stream}_conf`);
  expect(await bucket.look('a.conf')).toMatchObject({ size: 3 });
  expect((await contentOf(store, 'a.conf')).toString()).toBe('abc');
});

test('a large file of a bucket that was stored all the same is known when it comes again from the queue', async () => {
  const { lost, store } = await site(true);
  const bytes = randomBytes(500_000);
  lost.loseAnswerTo(/Nats-Rollup/);
  await expect(send(store, 'a.conf', bytes)).rejects.toMatchObject({ name: 'JetStreamAway' });
  expect(lost.count).toBe(1);
  await send(store, 'a.conf', bytes);
  expect((await contentOf(store, 'a.conf')).equals(bytes)).toBe(true);
  await expect(send(store, 'a.conf', randomBytes(500_000))).rejects.toMatchObject({
    reason: 'file already exists',
  });
});
