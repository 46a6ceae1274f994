/** What was confirmed while the stream changed its leader is published once more, and delivered once. */
import { jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { Cluster } from '../../../src/jetstream/cluster.ts';
import { DataStream } from '../../../src/jetstream/data-stream.ts';
import { fileId } from '../../../src/jetstream/names.ts';
import { Announcements } from '../../../src/jetstream/receive/announcements.ts';
import { Elections } from '../../../src/jetstream/receive/elections.ts';
import { startDeliverer, STREAM } from '../../support/delivering.ts';
import { namesIn } from '../../support/forwarding.ts';
import { recordLog, type RecordedLog } from '../../support/log.ts';
import { Nats } from '../../support/nats.ts';
import { temporarySpool } from '../../support/temporary.ts';

const SLOW = { timeout: 30_000 };
let nats: Nats;
let connection: NatsConnection;

beforeAll(async () => {
  nats = await Nats.start({ nodes: 3 });
  connection = await nats.connect();
});
afterAll(async () => {
  await connection.close();
  await nats.stop();
});

interface Receiver extends RecordedLog {
  readonly stream: DataStream;
  readonly send: (name: string) => Promise<unknown>;
}

async function receiver(): Promise<Receiver> {
  await nats.setUp();
  const recorded = recordLog();
  const cluster = await Cluster.open(nats.settings(), { log: recorded.log, name: 'test' });
  await cluster.connected(10_000);
  const [announcements, elections] = [new Announcements(cluster), new Elections(cluster, recorded.log)];
  onTestFinished(async () => {
    announcements.close();
    elections.close();
    await cluster.close();
  });
  const stream = new DataStream(cluster, elections);
  const send = (name: string): Promise<unknown> => {
    const data = Buffer.from(`of ${name}`);
    const file = { name, id: fileId(name, Buffer.alloc(32)), size: data.length, from: undefined };
    const more = { receivedAt: Date.now(), object: undefined, queued: false };
    return stream.publish({ file: { ...file, ...more }, data, overwrite: false }, announcements, 5000);
  };
  return { ...recorded, stream, send };
}

/** Files of its last moments that were published once more, as the log says. */
function repeated({ lines }: RecordedLog): number {
  return lines
    .map((line) => Number(/has a new leader: (\d+) files? of its last moments/.exec(line)?.[1] ?? 0))
    .reduce((all, each) => all + each, 0);
}

test('one that the servers lost is there again; one of long before is not asked for', async () => {
  const one = await receiver();
  await one.send('long.before.1.data');
  await new Promise((resolve) => setTimeout(resolve, 3500));
  await one.send('a.1.data');
  for (const name of ['long.before.1.data', 'a.1.data'])
    expect(await one.stream.remove((await one.stream.look(name))?.sequence ?? 0)).toBe(true);
  connection.publish(`$JS.EVENT.ADVISORY.STREAM.LEADER_ELECTED.${STREAM}`);
  await expect.poll(() => one.stream.list(), SLOW).toEqual(['a.1.data']);
  expect(one.lines).toContain(
    'notice: Stream TENTACLE has a new leader: 1 file of its last moments is published once more',
  );
  expect(await one.stream.remove((await one.stream.look('a.1.data'))?.sequence ?? 0)).toBe(true);
});

test('a real election: all of its last moments come twice, and are delivered once', async () => {
  const one = await receiver();
  const directory = temporarySpool();
  const deliverer = await startDeliverer(nats, { directory });
  const names = Array.from({ length: 30 }, (_, index) => `agent${String(index % 5)}.${String(index)}.data`);
  for (const name of names) await one.send(name);
  await connection.request(`$JS.API.STREAM.LEADER.STEPDOWN.${STREAM}`, '', { timeout: 10_000 });
  await expect.poll(() => repeated(one), SLOW).toBeGreaterThanOrEqual(30);
  const known = (): number =>
    deliverer.lines.filter((line) => line.includes('was delivered before: only acknowledged')).length;
  await expect.poll(known, SLOW).toBeGreaterThanOrEqual(30);
  const { streams } = await jetstreamManager(connection);
  await expect.poll(async () => (await streams.info(STREAM)).state.messages, SLOW).toBe(0);
  const delivered = deliverer.lines.filter((line) => line.includes('Delivered file')).length;
  expect({ delivered, waiting: namesIn(directory).length }).toEqual({ delivered: 30, waiting: 30 });
}, 120_000);
