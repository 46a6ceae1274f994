/** Between JetStream and the waiting room: neither keeps the other from taking a file, and losses are noticed each time. */
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from 'vitest';
import { JetStreamAway } from '../../../src/jetstream/away.ts';
import { Cluster } from '../../../src/jetstream/cluster.ts';
import { DataStream } from '../../../src/jetstream/data-stream.ts';
import { Announcements } from '../../../src/jetstream/receive/announcements.ts';
import { BucketCache } from '../../../src/jetstream/receive/bucket-cache.ts';
import { JetStreamStore } from '../../../src/jetstream/receive/jetstream-store.ts';
import { QueueingStore } from '../../../src/jetstream/receive/queueing-store.ts';
import { Quorum } from '../../../src/jetstream/receive/quorum.ts';
import { DirectoryStore } from '../../../src/store/directory-store.ts';
import { recordLog } from '../../support/log.ts';
import { Nats } from '../../support/nats.ts';
import { temporaryDirectory } from '../../support/temporary.ts';

let nats: Nats;
let cluster: Cluster;
let quorum: Quorum;

beforeAll(async () => {
  nats = await Nats.start();
  await nats.setUp();
});
afterAll(() => nats.stop());

beforeEach(async () => {
  const { log } = recordLog();
  cluster = await Cluster.open(nats.settings(), { log, name: 'test' });
  await cluster.connected(10_000);
  quorum = new Quorum(cluster, log, 'files wait');
  onTestFinished(async () => {
    await quorum.close();
    await cluster.close();
  });
});

test('a large file is taken while the disk of the waiting room takes none', async () => {
  const cache = new BucketCache(cluster);
  onTestFinished(() => cache.close());
  const announcer = new Announcements(cluster);
  onTestFinished(() => {
    announcer.close();
  });
  const mode = { filters: [], overwrite: false };
  const remote = new JetStreamStore({ cluster, cache, announcer, mode, patienceMs: 5000 });
  const spool = { directory: temporaryDirectory(), filters: [], overwrite: false, fsync: false, maxFiles: 0 };
  const full = new DirectoryStore({ ...spool, minFreeSpace: Number.MAX_SAFE_INTEGER / 2 });
  await expect(full.receive('a.1.data', 1)).rejects.toMatchObject({ reason: 'not enough space' });
  const room = { store: full, queue: { added: () => undefined } };
  const store = new QueueingStore({ remote, quorum, room });
  const bytes = randomBytes(500_000);
  const incoming = await store.receive('a.1.data', bytes.length);
  for (let from = 0; from < bytes.length; from += 65_536)
    await incoming.write(bytes.subarray(from, from + 65_536));
  await incoming.commit();
  await incoming.discard();
  expect((await new DataStream(cluster).look('a.1.data'))?.data.equals(bytes)).toBe(true);
});

test('one that is lost again in the moment in which it is back is asked for again', async () => {
  const { signal } = new AbortController();
  quorum.lost(new JetStreamAway('first'));
  expect(quorum.trouble).toBe('first');
  await quorum.changed(30_000, signal);
  expect(quorum.trouble).toBeUndefined();
  quorum.lost(new JetStreamAway('again'));
  expect(quorum.trouble).toBe('again');
  await expect.poll(() => quorum.trouble, { timeout: 10_000 }).toBeUndefined();
});
