/** What RECV answers while files change. */
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { Bucket, type Stored } from '../../../src/jetstream/bucket.ts';
import { Cluster } from '../../../src/jetstream/cluster.ts';
import { BucketCache } from '../../../src/jetstream/receive/bucket-cache.ts';
import { recordLog } from '../../support/log.ts';
import { Nats } from '../../support/nats.ts';

let nats: Nats;

beforeAll(async () => {
  nats = await Nats.start();
  await nats.setUp(['conf']);
});
afterAll(() => nats.stop());

/** The first answer is a long time on its way. */
class Slow extends Bucket {
  isAsked = false;
  arrive: () => void = () => undefined;
  readonly #arrived = new Promise<void>((resolve) => (this.arrive = resolve));

  override async look(name: string): Promise<Stored | undefined> {
    const isFirst = !this.isAsked;
    const found = await super.look(name);
    this.isAsked = true;
    if (isFirst) await this.#arrived;
    return found;
  }
}

test('who asks behind a change does not get the answer to a question before it', async () => {
  const cluster = await Cluster.open(nats.settings(), { log: recordLog().log, name: 'test' });
  onTestFinished(() => cluster.close());
  await cluster.connected(10_000);
  const bucket = new Slow(cluster, 'TENTACLE_conf');
  const cache = new BucketCache(cluster);
  onTestFinished(() => cache.close());
  const put = (text: string): Promise<Stored> =>
    bucket.put('a.conf', ReadableStream.from<Uint8Array>([Buffer.from(text)]));
  await put('old');
  const before = cache.open(bucket, 'a.conf');
  await expect.poll(() => bucket.isAsked).toBe(true);
  cache.changed(bucket, await put('newer'));
  expect((await Promise.race([cache.open(bucket, 'a.conf'), before])).size).toBe(5);
  bucket.arrive();
  await before.catch(() => undefined);
  expect((await cache.open(bucket, 'a.conf')).size).toBe(5);
});
