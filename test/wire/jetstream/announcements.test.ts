/** Receivers hear of each other's names, and the stream is asked about those alone. */
import { randomUUID } from 'node:crypto';
import { jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { Cluster } from '../../../src/jetstream/cluster.ts';
import { DataStream, type Publication } from '../../../src/jetstream/data-stream.ts';
import { fileId } from '../../../src/jetstream/names.ts';
import { Announcements } from '../../../src/jetstream/receive/announcements.ts';
import { recordLog } from '../../support/log.ts';
import { Nats } from '../../support/nats.ts';

const PATIENCE_MS = 5000;
let nats: Nats;
let connection: NatsConnection;
let number = 0;

beforeAll(async () => {
  nats = await Nats.start();
  connection = await nats.connect();
});
afterAll(async () => {
  await connection.close();
  await nats.stop();
});

interface Receiver {
  readonly announcements: Announcements;
  readonly publish: (name: string, content: string, overwrite?: boolean) => Promise<string>;
  /** How often it asked the leader for a message. */
  readonly asked: () => number;
  readonly stream: DataStream;
}

async function aStream(): Promise<string> {
  const stream = `A${String(number++)}`;
  await nats.setUp([], { stream });
  return stream;
}

/** One that listens. */
async function receiver(stream: string): Promise<Receiver> {
  const cluster = await Cluster.open(nats.settings({ stream }), { log: recordLog().log, name: 'test' });
  await cluster.connected(10_000);
  const announcements = new Announcements(cluster);
  onTestFinished(async () => {
    announcements.close();
    await cluster.close();
  });
  let asked = 0;
  connection.subscribe(`$JS.API.STREAM.MSG.GET.${stream}`, {
    callback: () => {
      asked++;
    },
  });
  await connection.flush();
  const data = new DataStream(cluster);
  const publish = async (name: string, content: string, overwrite = false): Promise<string> => {
    try {
      return await data.publish(publication(name, content, overwrite), announcements, PATIENCE_MS);
    } catch (cause) {
      return (cause as Error).message;
    }
  };
  return { announcements, publish, asked: () => asked, stream: data };
}

function publication(name: string, content: string, overwrite: boolean): Publication {
  const data = Buffer.from(content);
  const id = fileId(name, Buffer.alloc(32, content));
  const more = { from: undefined, receivedAt: Date.now(), object: undefined, queued: false };
  return { file: { name, id, size: data.length, ...more }, data, overwrite };
}

/** Until it has seen that nothing old waits, and has so much to do that it does not ask about every name. */
async function busy({ announcements }: Receiver): Promise<void> {
  let name = 0;
  await expect
    .poll(() => {
      for (let many = 0; many < 400; many++) announcements.announce(`${randomUUID()}${String(name++)}`);
      return announcements.announce(randomUUID()).mayBeTaken;
    })
    .toBe(false);
}

test('under load names that nobody had are stored without a question; those that somebody had are asked for', async () => {
  const stream = await aStream();
  const [one, other] = [await receiver(stream), await receiver(stream)];
  await Promise.all([busy(one), busy(other)]);
  for (let file = 0; file < 20; file++)
    expect(await one.publish(`a.${String(file)}.data`, 'x')).toBe('stored');
  expect(one.asked() + other.asked()).toBe(0);
  expect(await other.publish('a.0.data', 'x')).toBe('repeated');
  expect(await other.publish('a.1.data', 'y')).toBe('file already exists');
  expect(await one.publish('a.2.data', 'x')).toBe('repeated');
  expect(one.asked() + other.asked()).toBeGreaterThan(0);
  expect(await one.stream.list()).toHaveLength(20);
});

test('what waited before a receiver listened is asked for, until it is gone', async () => {
  const stream = await aStream();
  const before = await receiver(stream);
  expect(await before.publish('a.1.data', 'x')).toBe('stored');
  const after = await receiver(stream);
  expect(await after.publish('a.1.data', 'y')).toBe('file already exists');
  expect(await after.publish('a.1.data', 'x')).toBe('repeated');
  expect(await after.publish('a.2.data', 'x')).toBe('stored');
  for (const name of ['a.1.data', 'a.2.data'])
    expect(await after.stream.remove((await after.stream.look(name))?.sequence ?? 0)).toBe(true);
  await busy(after);
});

test('of very many that store different bytes under one name at once, one does, and its bytes stay', async () => {
  const stream = await aStream();
  const receivers = await Promise.all(Array.from({ length: 3 }, () => receiver(stream)));
  for (let round = 0; round < 8; round++) {
    const name = `r.${String(round)}.data`;
    const all = [...receivers, ...receivers];
    const done = await Promise.all(all.map((each, index) => each.publish(name, `w${String(index)}`)));
    expect(done.filter((each) => each === 'stored')).toHaveLength(1);
    expect(done.filter((each) => each === 'file already exists')).toHaveLength(5);
    const winner = await receivers[0]?.stream.look(name);
    expect(winner?.data.toString()).toBe(`w${String(done.indexOf('stored'))}`);
  }
});

test('of many that store the same under one name at once, each is confirmed, and one is left', async () => {
  const stream = await aStream();
  const receivers = await Promise.all(Array.from({ length: 3 }, () => receiver(stream)));
  for (let round = 0; round < 8; round++) {
    const name = `r.${String(round)}.data`;
    const done = await Promise.all([...receivers, ...receivers].map((each) => each.publish(name, 'same')));
    expect(done.filter((each) => each === 'stored')).toHaveLength(1);
    expect(done.filter((each) => each === 'repeated')).toHaveLength(5);
  }
  const { state } = await (await jetstreamManager(connection)).streams.info(stream);
  expect(state.messages).toBe(8);
});

test('many names are told together, and heard all the same', async () => {
  const stream = await aStream();
  const [one, other] = [await receiver(stream), await receiver(stream)];
  const told: number[] = [];
  connection.subscribe(`${stream}.receivers.names`, {
    callback: (_error, { data }) => {
      told.push(data.length / 8 - 1);
    },
  });
  await connection.flush();
  await busy(other);
  const before = told.reduce((all, names) => all + names, 0);
  const names = Array.from({ length: 1000 }, (_, name) => `n.${String(name)}.data`);
  for (const name of names) one.announcements.announce(name);
  await expect.poll(() => told.reduce((all, each) => all + each, 0)).toBeGreaterThanOrEqual(before + 1000);
  // What this connection has heard, the other has, but for a moment.
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect(names.filter((name) => !other.announcements.announce(name).mayBeTaken)).toEqual([]);
  expect(told.length).toBeLessThan(1000);
});

test('with overwrite the last one waits behind the others, and what was there before comes again', async () => {
  const stream = await aStream();
  const one = await receiver(stream);
  for (const [content, done] of [
    ['x', 'stored'],
    ['x', 'repeated'],
    ['y', 'stored'],
    ['x', 'stored'],
    ['x', 'repeated'],
  ] as const)
    expect(await one.publish('a.1.data', content, true)).toBe(done);
  expect((await one.stream.look('a.1.data'))?.data.toString()).toBe('x');
});

test('nobody waits for a name to be heard by a server that has stopped', async () => {
  const own = await Nats.start();
  onTestFinished(() => own.stop());
  const cluster = await Cluster.open(own.settings(), { log: recordLog().log, name: 'test' });
  const announcements = new Announcements(cluster);
  onTestFinished(async () => {
    announcements.close();
    await cluster.close();
  });
  await cluster.connected(10_000);
  own.signal(0, 'SIGSTOP');
  const late = new Promise((resolve) => setTimeout(resolve, 20_000, 'late'));
  expect(await Promise.race([announcements.announce('a.1.data').told, late])).toBeUndefined();
});
