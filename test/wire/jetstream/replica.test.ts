/** What a replica does not know yet is neither refused, nor given up, nor swept. */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from 'vitest';
import { Bucket } from '../../../src/jetstream/bucket.ts';
import { Cluster } from '../../../src/jetstream/cluster.ts';
import { bodiesBucket } from '../../../src/jetstream/names.ts';
import { Announcements } from '../../../src/jetstream/receive/announcements.ts';
import { BucketCache } from '../../../src/jetstream/receive/bucket-cache.ts';
import { JetStreamStore } from '../../../src/jetstream/receive/jetstream-store.ts';
import { sweep } from '../../../src/jetstream/receive/sweep.ts';
import { startDeliverer, STREAM } from '../../support/delivering.ts';
import { ignorantReplica } from '../../support/ignorant-replica.ts';
import { recordLog } from '../../support/log.ts';
import { Nats } from '../../support/nats.ts';
import { temporarySpool } from '../../support/temporary.ts';

const FILTERS = [
  { matches: (name: string) => name.endsWith('.conf'), directory: 'conf', permissions: 'rw' },
] as const;
let nats: Nats;
let cluster: Cluster;
let store: JetStreamStore;

beforeAll(async () => {
  nats = await Nats.start();
});
afterAll(() => nats.stop());

beforeEach(async () => {
  cluster = await Cluster.open(nats.settings(), { log: recordLog().log, name: 'test' });
  onTestFinished(() => cluster.close());
  await cluster.connected(10_000);
  await cluster.use(async ({ jsm }) => {
    for await (const { config } of jsm.streams.list()) await jsm.streams.delete(config.name);
  });
  await nats.setUp(['conf']);
  const cache = new BucketCache(cluster);
  onTestFinished(() => cache.close());
  const announcer = new Announcements(cluster);
  onTestFinished(() => {
    announcer.close();
  });
  store = new JetStreamStore({
    cluster,
    cache,
    announcer,
    mode: { filters: FILTERS, overwrite: false },
    patienceMs: 5000,
  });
});

async function send(name: string, bytes: Buffer): Promise<void> {
  const incoming = await store.receive(name, bytes.length);
  await incoming.write(bytes);
  await incoming.commit();
  await incoming.discard();
}

async function contentOf(name: string, purpose: 'read' | 'move' = 'read'): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of (await store.open(name, purpose)).content()) parts.push(part);
  return Buffer.concat(parts);
}

test('a file that was just stored is fetched and moved, one that was just removed is stored again', async () => {
  await ignorantReplica(nats, `OBJ_${STREAM}_conf`);
  const bytes = randomBytes(300_000);
  await send('a.conf', bytes);
  expect((await contentOf('a.conf')).equals(bytes)).toBe(true);
  expect((await contentOf('a.conf', 'move')).equals(bytes)).toBe(true);
  expect(await (await store.open('a.conf', 'move')).remove()).toBe(true);
  await send('a.conf', Buffer.from('abc'));
  expect((await contentOf('a.conf')).toString()).toBe('abc');
  await expect(send('a.conf', bytes)).rejects.toMatchObject({ reason: 'file already exists' });
});

test('a data file that was just stored is fetched', async () => {
  await ignorantReplica(nats, STREAM);
  await send('a.1.data', Buffer.from('abc'));
  expect((await contentOf('a.1.data')).toString()).toBe('abc');
});

test('the body of a message that waits is not swept', async () => {
  const bytes = randomBytes(1_500_000);
  await send('a.1.data', bytes);
  await ignorantReplica(nats, STREAM);
  expect(await sweep({ cluster, filters: [] }, { youngMs: 0, marksMs: 0 })).toEqual({
    bodies: 0,
    chunks: 0,
    marks: 0,
  });
  expect(await new Bucket(cluster, bodiesBucket(STREAM)).list()).toHaveLength(1);
});

test('a large body is delivered', async () => {
  const bytes = randomBytes(1_500_000);
  await send('a.1.data', bytes);
  await ignorantReplica(nats, `OBJ_${bodiesBucket(STREAM)}`);
  const directory = temporarySpool();
  const { lines } = await startDeliverer(nats, { directory });
  await expect
    .poll(() => lines.filter((line) => line.includes('a.1.data')), { timeout: 10_000 })
    .not.toEqual([]);
  expect(lines.join('\n')).toContain("Delivered file 'a.1.data'");
  expect(readFileSync(join(directory, 'a.1.data')).equals(bytes)).toBe(true);
});
