/** Files in buckets: whole, once, and known to whoever watches. */
import { createHash, randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { Bucket, Conflict, type Stored } from '../../../src/jetstream/bucket.ts';
import { BucketWatch } from '../../../src/jetstream/bucket-watch.ts';
import { Cluster } from '../../../src/jetstream/cluster.ts';
import { recordLog } from '../../support/log.ts';
import { Nats } from '../../support/nats.ts';

let nats: Nats;
let number = 0;

beforeAll(async () => {
  nats = await Nats.start();
});
afterAll(() => nats.stop());

/** A bucket of its own. */
async function bucketOf(): Promise<{ bucket: Bucket; cluster: Cluster; again: () => Promise<void> }> {
  const settings = { stream: `S${String(number++)}` };
  await nats.setUp(['conf'], settings);
  const cluster = await Cluster.open(nats.settings(settings), { log: recordLog().log, name: 'test' });
  onTestFinished(() => cluster.close());
  await cluster.connected(10_000);
  const again = async (): Promise<void> => {
    await cluster.use(({ jsm }) => jsm.streams.delete(`OBJ_${settings.stream}_conf`));
    await nats.setUp(['conf'], settings);
  };
  return { bucket: new Bucket(cluster, `${settings.stream}_conf`), cluster, again };
}

const streamOf = (...parts: readonly Buffer[]): ReadableStream<Uint8Array> => ReadableStream.from(parts);

async function bytesOf(content: AsyncIterable<Buffer>): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of content) parts.push(part);
  return Buffer.concat(parts);
}

describe('a bucket', () => {
  test('gives back what it was given, of any size and under any name, with its time', async () => {
    const { bucket } = await bucketOf();
    for (const [name, size] of [
      ['a.conf', 1],
      ['\xe4\xff \x80?%.conf', 131_072],
      ['large', 131_073],
      ['x'.repeat(255), 1_000_000],
    ] as const) {
      const bytes = randomBytes(size);
      const put = await bucket.put(name, streamOf(bytes.subarray(0, 5), bytes.subarray(5)), {
        modifiedAt: 1_700_000_000_123,
      });
      expect(put).toMatchObject({ name, size, modifiedAt: 1_700_000_000_123, deleted: false });
      expect(put.sha256).toBe(createHash('sha256').update(bytes).digest('base64url'));
      const found = await bucket.look(name);
      expect(found).toEqual(put);
      expect((await bytesOf(bucket.content(put))).equals(bytes)).toBe(true);
    }
    const latest = await Promise.all((await bucket.list()).map(({ name }) => bucket.look(name)));
    expect(latest).toHaveLength(4);
    expect(await bucket.list()).toEqual(latest);
  });

  test('what is no file of it, whoever put it there, keeps nobody from finding those that are', async () => {
    const { bucket, cluster } = await bucketOf();
    await bucket.put('a.conf', streamOf(Buffer.from('abc')));
    const token = (name: string): string => Buffer.from(name).toString('base64url');
    const like = { bucket: bucket.name, mtime: new Date().toISOString(), digest: 'SHA-256=x' };
    const foreign = [
      ['x', 'no JSON'],
      [token('nul'), 'null'],
      [
        token('lnk'),
        JSON.stringify({ ...like, name: 'lnk', nuid: 'x', size: 0, chunks: 0, digest: undefined }),
      ],
      // Whose removal would take the chunks of all others with it.
      [token('all'), JSON.stringify({ ...like, name: 'all', nuid: '>', size: 1, chunks: 1 })],
      [token('one'), JSON.stringify({ ...like, name: 'a.conf', nuid: 'x', size: 1, chunks: 1 })],
    ] as const;
    const seen: string[] = [];
    const watch = new BucketWatch(cluster, bucket, { onChange: ({ name }) => void seen.push(name) });
    onTestFinished(() => watch.close());
    await expect.poll(() => watch.isLive).toBe(true);
    for (const [subject, text] of foreign)
      await cluster.use(({ js }) => js.publish(`$O.${bucket.name}.M.${subject}`, text));
    await bucket.put('b.conf', streamOf(Buffer.from('b')));
    await expect.poll(() => seen).toEqual(['b.conf']);
    expect((await bucket.list()).map(({ name }) => name)).toEqual(['a.conf', 'b.conf']);
    expect(await bucket.look('lnk')).toBeUndefined();
    expect(await bucket.latest('all')).toBeUndefined();
    expect(await bucket.look('a.conf')).toMatchObject({ size: 3 });
  });

  test('of a file that is larger than it says, no more is given than that', async () => {
    const { bucket, cluster } = await bucketOf();
    const stored = await bucket.put('a.conf', streamOf(randomBytes(1_000_000)));
    const found = await cluster.use(({ jsm }) =>
      jsm.streams.getMessage(bucket.stream, { last_by_subj: bucket.announcements }),
    );
    const lie = { ...found?.json<object>(), size: 1 };
    await cluster.use(({ js }) => js.publish(found?.subject ?? '', JSON.stringify(lie)));
    const liar = await bucket.look('a.conf');
    expect(liar).toMatchObject({ size: 1, chunks: stored.chunks });
    let given = 0;
    const reading = async (): Promise<void> => {
      for await (const part of bucket.content(liar ?? stored)) given += part.length;
    };
    await expect(reading()).rejects.toThrow('it is larger than it says');
    expect(given).toBe(0);
  });

  test('lists more files than fit into one answer, and leaves no consumer behind', async () => {
    const { bucket, cluster } = await bucketOf();
    const names = Array.from({ length: 1200 }, (_, file) => `f${String(file)}`);
    for (let from = 0; from < names.length; from += 100)
      await Promise.all(
        names.slice(from, from + 100).map((name) => bucket.put(name, streamOf(Buffer.from('x')))),
      );
    const [first] = await bucket.list();
    if (first !== undefined) await bucket.remove(first);
    const listed = await bucket.list();
    expect(listed.map(({ name }) => name).sort()).toEqual(
      names.filter((name) => name !== first?.name).sort(),
    );
    const { state } = await cluster.use(({ jsm }) => jsm.streams.info(bucket.stream));
    expect(state.consumer_count).toBe(0);
  });

  test('has nothing of a name that nobody stored', async () => {
    const { bucket } = await bucketOf();
    expect(await bucket.look('nothing')).toBeUndefined();
    expect(await bucket.changeFrom(1)).toBeUndefined();
    expect(await bucket.list()).toEqual([]);
  });

  test('lets one of three that create the same name win', async () => {
    const { bucket, cluster } = await bucketOf();
    for (let round = 0; round < 20; round++) {
      const name = `r${String(round)}`;
      const attempts = await Promise.allSettled(
        ['one', 'two', 'three'].map((text) => bucket.put(name, streamOf(Buffer.from(text)), { replaces: 0 })),
      );
      const lost = attempts.filter(({ status }) => status === 'rejected');
      expect(lost).toHaveLength(2);
      for (const each of lost) expect((each as PromiseRejectedResult).reason).toBeInstanceOf(Conflict);
      const won = attempts.find((each) => each.status === 'fulfilled');
      expect(await bucket.look(name)).toEqual(won?.value);
    }
    // Nothing is left of those that lost.
    const { state } = await cluster.use(({ jsm }) => jsm.streams.info(bucket.stream));
    expect(state.messages).toBe(40);
  });

  test('deletes the version that was seen, and no other', async () => {
    const { bucket } = await bucketOf();
    const first = await bucket.put('a', streamOf(Buffer.from('first')));
    const second = await bucket.put('a', streamOf(Buffer.from('second')));
    await expect(bucket.remove(first)).rejects.toBeInstanceOf(Conflict);
    await bucket.remove(second);
    const gone = await bucket.look('a');
    expect(gone).toMatchObject({ deleted: true, size: 0 });
    expect(await bucket.list()).toEqual([]);
    const third = await bucket.put('a', streamOf(Buffer.from('third')), { replaces: gone?.revision ?? -1 });
    expect((await bytesOf(bucket.content(third))).toString()).toBe('third');
  });

  test('a file that is replaced while it is read fails rather than being mixed', async () => {
    const { bucket } = await bucketOf();
    const first = await bucket.put('a', streamOf(randomBytes(400_000)));
    const content = bucket.content(first);
    await content.next();
    await bucket.put('a', streamOf(randomBytes(400_000)));
    await expect(bytesOf(content)).rejects.toThrow('replaced');
  });

  test('keeps nothing of a file whose content fails half-way', async () => {
    const { bucket } = await bucketOf();
    // eslint-disable-next-line @typescript-eslint/require-await -- an async source
    async function* failing(): AsyncGenerator<Buffer> {
      yield randomBytes(500_000);
      throw new Error('the peer is gone');
    }
    await expect(
      bucket.put('a', ReadableStream.from(failing()) as ReadableStream<Uint8Array>),
    ).rejects.toThrow('the peer is gone');
    expect(await bucket.look('a')).toBeUndefined();
    expect(await bucket.end()).toMatchObject({ revision: expect.any(Number) as number });
  });
});

describe('a watch', () => {
  test('tells of creations, changes and deletions, soon and in order, and begins anew with a new bucket', async () => {
    const { bucket, cluster, again } = await bucketOf();
    await bucket.put('old', streamOf(Buffer.from('x')));
    const told: Stored[] = [];
    let begun = 0;
    const watch = new BucketWatch(cluster, bucket, {
      onChange: (stored) => {
        told.push(stored);
      },
      onBegin: () => {
        begun++;
      },
    });
    onTestFinished(() => watch.close());
    await expect.poll(() => watch.isLive).toBe(true);
    expect([begun, told]).toEqual([1, []]);
    const made = await bucket.put('a', streamOf(Buffer.from('x')));
    await expect.poll(() => told).toEqual([made]);
    await bucket.remove(made);
    await expect.poll(() => told.at(-1)?.deleted).toBe(true);
    await again();
    await expect.poll(() => begun, { timeout: 20_000 }).toBe(2);
    const other = await bucket.put('b', streamOf(Buffer.from('y')));
    await expect.poll(() => told.at(-1), { timeout: 5000 }).toEqual(other);
  }, 60_000);
});
