/** Messages of the stream become files of a directory, each once, in order, whatever stands in the way. */
import { createHash } from 'node:crypto';
import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { Objm } from '@nats-io/obj';
import type { NatsConnection } from '@nats-io/transport-node';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import {
  bodiesBucket,
  consumerName,
  dataSubject,
  partitionOf,
  PARTITIONS,
} from '../../../src/jetstream/names.ts';
import { JOURNAL } from '../../../src/settings/journal-name.ts';
import { DeliveredJournal } from '../../../src/store/delivered-journal.ts';
import { stagedName } from '../../../src/store/owner.ts';
import { publish, publishLarge, startDeliverer, STREAM } from '../../support/delivering.ts';
import { namesIn } from '../../support/forwarding.ts';
import { fill, smallDisk } from '../../support/full-disk.ts';
import { Nats } from '../../support/nats.ts';
import { testWith } from '../../support/requires.ts';
import { temporarySpool } from '../../support/temporary.ts';

let nats: Nats;
let connection: NatsConnection;

beforeAll(async () => {
  nats = await Nats.start();
  connection = await nats.connect();
});

afterAll(async () => {
  await connection.close();
  await nats.stop();
});

beforeEach(async () => {
  const jsm = await jetstreamManager(connection);
  for await (const { config } of jsm.streams.list()) await jsm.streams.delete(config.name);
  await nats.setUp();
});

/** Messages that are not acknowledged. */
async function waiting(): Promise<number> {
  const jsm = await jetstreamManager(connection);
  return (await jsm.streams.info(STREAM)).state.messages;
}

test('a file has its bytes, its name and the time when it was received, and its message is gone', async () => {
  const directory = temporarySpool();
  const receivedAt = Date.parse('2026-01-02T03:04:05.678Z');
  const from = { address: '10.0.0.1', subject: 'CN=\xe4' };
  await publish(connection, { name: 'gr\xfcn.1.data', content: 'hello', from, receivedAt });
  const deliverer = await startDeliverer(nats, { directory });
  await expect.poll(waiting).toBe(0);
  const path = Buffer.concat([Buffer.from(`${directory}/`), Buffer.from('gr\xfcn.1.data', 'latin1')]);
  expect(readFileSync(path, 'latin1')).toBe('hello');
  expect(statSync(path).mtimeMs).toBeCloseTo(receivedAt, -1);
  expect(statSync(path).nlink).toBe(1);
  const line = deliverer.lines.find((each) => each.includes('Delivered file'));
  expect(line).toMatch(
    /^event: Delivered file 'grün.1.data' size 5b from 10.0.0.1 received \d+ days ago in \d+ ms$/,
  );
  await deliverer.stop();
  // Nothing hidden but the journal.
  expect(readdirSync(directory, { encoding: 'latin1' }).sort()).toEqual([JOURNAL, 'gr\xfcn.1.data']);
});

test.each([true, false])('N3 order of each agent, with fsync %s', async (fsync) => {
  const directory = temporarySpool();
  const names = Array.from({ length: 300 }, (_, index) => `agent${String(index % 7)}.${String(index)}.data`);
  for (const name of names) await publish(connection, { name, content: `of ${name}` });
  const { records, stop } = await startDeliverer(nats, { directory, fsync });
  await expect.poll(waiting).toBe(0);
  const delivered = records.filter(({ event }) => event === 'delivered').map(({ file }) => String(file));
  for (let agent = 0; agent < 7; agent++) {
    const ofAgent = (name: string): boolean => name.startsWith(`agent${String(agent)}.`);
    expect(delivered.filter(ofAgent)).toEqual(names.filter(ofAgent));
  }
  for (const name of names) expect(readFileSync(join(directory, name), 'utf8')).toBe(`of ${name}`);
  await stop();
});

test('a large body comes from its bucket, and leaves it', async () => {
  const directory = temporarySpool();
  const content = Buffer.alloc(3_000_000, 'large');
  await publishLarge(connection, { name: 'a.1.data', content });
  await startDeliverer(nats, { directory });
  await expect.poll(waiting).toBe(0);
  expect(readFileSync(join(directory, 'a.1.data')).equals(content)).toBe(true);
  const bucket = await new Objm(connection).open(bodiesBucket(STREAM));
  await expect.poll(() => bucket.info('of a.1.data')).toBeNull();
  const { state } = await (await jetstreamManager(connection)).streams.info(`OBJ_${bodiesBucket(STREAM)}`);
  expect(state.messages).toBe(0);
});

test('a body that is missing is told, tried again, and given up; those behind it follow', async () => {
  const directory = temporarySpool();
  await publish(connection, { name: 'a.1.data', content: 'gone', object: 'nowhere' });
  await publish(connection, { name: 'a.2.data', content: 'here' });
  const retry = { firstMs: 10, longestMs: 20 };
  const { lines } = await startDeliverer(nats, { directory, retry });
  await expect.poll(waiting).toBe(0);
  expect(namesIn(directory)).toEqual(['a.2.data']);
  const errors = lines.filter((line) => line.startsWith('error:'));
  const what = "error: File 'a.1.data' size 4b (message 1 of the stream)";
  const why = "object \\'nowhere\\' of bucket TENTACLE--bodies is missing";
  expect(errors).toEqual([
    `${what} cannot be delivered: ${why}; it is tried again`,
    `${what} is lost: ${why}; its message is removed, for the others behind it`,
  ]);
});

test('a file of that name with the same bytes counts as delivered', async () => {
  const directory = temporarySpool();
  writeFileSync(join(directory, 'a.1.data'), 'same');
  await publish(connection, { name: 'a.1.data', content: 'same' });
  const { lines } = await startDeliverer(nats, { directory });
  await expect.poll(waiting).toBe(0);
  expect(namesIn(directory)).toEqual(['a.1.data']);
  expect(lines.join('\n')).toMatch(
    /Delivered file 'a.1.data' size 4b received \d+ seconds? ago was there already/,
  );
});

test('another file of that name is waited for until it is taken', async () => {
  const directory = temporarySpool();
  const path = join(directory, 'a.1.data');
  writeFileSync(path, 'other');
  await publish(connection, { name: 'a.1.data', content: 'new' });
  await publish(connection, { name: 'b.1.data', content: 'of somebody else' });
  await startDeliverer(nats, { directory });
  await expect.poll(() => namesIn(directory)).toContain('b.1.data');
  expect(await waiting()).toBe(1);
  rmSync(path);
  await expect.poll(waiting).toBe(0);
  expect(readFileSync(path, 'utf8')).toBe('new');
});

test('another file of that name that stays: the new one is put into rejected, under a number of its own', async () => {
  const directory = temporarySpool('rejected');
  writeFileSync(join(directory, 'a.1.data'), 'other');
  writeFileSync(join(directory, 'rejected', 'a.1.data'), 'an older one');
  await publish(connection, { name: 'a.1.data', content: 'new', receivedAt: 1_700_000_000_000 });
  const { lines } = await startDeliverer(nats, { directory, patienceMs: 500 });
  await expect.poll(waiting).toBe(0);
  expect(readFileSync(join(directory, 'a.1.data'), 'utf8')).toBe('other');
  expect(readFileSync(join(directory, 'rejected', 'a.1.data.1'), 'utf8')).toBe('new');
  expect(statSync(join(directory, 'rejected', 'a.1.data.1')).mtimeMs).toBe(1_700_000_000_000);
  await expect
    .poll(() => lines.join('\n'))
    .toMatch(/warning: File 'a.1.data' size 3b not delivered: another .*; put into 'rejected\/a.1.data.1'/);
});

test('rejected is made as a queue makes it', async () => {
  const directory = temporarySpool();
  writeFileSync(join(directory, 'a.1.data'), 'other');
  await publish(connection, { name: 'a.1.data', content: 'new' });
  await startDeliverer(nats, { directory, patienceMs: 1 });
  await expect.poll(waiting).toBe(0);
  expect(statSync(join(directory, 'rejected')).mode & 0o2000).toBe(0o2000);
});

test('overwrite 1 replaces', async () => {
  const directory = temporarySpool();
  writeFileSync(join(directory, 'a.1.data'), 'other');
  await publish(connection, { name: 'a.1.data', content: 'new' });
  await startDeliverer(nats, { directory, overwrite: true });
  await expect.poll(waiting).toBe(0);
  expect(readFileSync(join(directory, 'a.1.data'), 'utf8')).toBe('new');
});

test.each([JOURNAL, '../escaped', 'a/b', '.', 'x\ny', 'n'.repeat(256)])(
  'a name that no file can have (%j) is put aside under another one',
  async (name) => {
    const directory = temporarySpool();
    await publish(connection, { name, content: 'odd', id: 'odd' });
    await startDeliverer(nats, { directory });
    await expect.poll(waiting).toBe(0);
    const [put = ''] = namesIn(join(directory, 'rejected'));
    expect(put).toMatch(/^[A-Za-z0-9_%-][A-Za-z0-9._%-]*$/);
    expect(readFileSync(join(directory, 'rejected', put), 'utf8')).toBe('odd');
    expect(namesIn(directory)).toEqual(['rejected']);
  },
);

test('what the journal has is only acknowledged: by message, and for one that waited in a queue by its id', async () => {
  const directory = temporarySpool();
  const first = await startDeliverer(nats, { directory });
  await publish(connection, { name: 'a.1.data', content: 'first', id: 'the id' });
  await expect.poll(waiting).toBe(0);
  await first.stop();
  // The data server took it.
  rmSync(join(directory, 'a.1.data'));
  await publish(connection, { name: 'a.1.data', content: 'first', id: 'the id', queued: true });
  const { lines } = await startDeliverer(nats, { directory });
  await expect.poll(waiting).toBe(0);
  expect(namesIn(directory)).toEqual([]);
  expect(lines).toContain("detail: File 'a.1.data' was delivered before: only acknowledged");
});

test('a repeat of what was delivered is known for the duplicate window', async () => {
  const repeat = { name: 'a.1.data', content: 'first', id: 'an id' };
  for (const [duplicateWindowMs, names] of [
    [120_000, []],
    [1, ['a.1.data']],
  ] as const) {
    const directory = temporarySpool();
    const deliverer = await startDeliverer(nats, { directory, duplicateWindowMs });
    await publish(connection, repeat);
    await expect.poll(() => namesIn(directory)).toEqual(['a.1.data']);
    // The data server took it.
    rmSync(join(directory, 'a.1.data'));
    const delivered = (): number => deliverer.lines.filter((line) => line.includes("'a.1.data'")).length;
    const before = delivered();
    await publish(connection, repeat);
    await expect.poll(delivered).toBeGreaterThan(before);
    await expect.poll(waiting).toBe(0);
    expect(namesIn(directory)).toEqual(names);
    await deliverer.stop();
  }
});

test('a repeat of what another deliverer has delivered is not delivered when its share has moved', async () => {
  const [one, other] = [temporarySpool(), temporarySpool()];
  const first = await startDeliverer(nats, { directory: one });
  const names = Array.from({ length: 40 }, (_, agent) => `agent${String(agent)}.1.data`);
  for (const name of names) await publish(connection, { name, content: 'once' });
  await expect.poll(() => namesIn(one)).toEqual([...names].sort());
  for (const name of names) rmSync(join(one, name));
  const second = await startDeliverer(nats, { directory: other });
  await expect.poll(() => second.lines.join('\n')).toContain('Delivers 16 of 32 partitions, beside 1 other');
  await expect.poll(() => first.lines.join('\n')).toContain('Delivers 16 of 32 partitions, beside 1 other');
  const known = (): number =>
    [...first.lines, ...second.lines].filter((line) => line.includes('was delivered before')).length;
  for (const name of names) await publish(connection, { name, content: 'once' });
  await expect.poll(waiting).toBe(0);
  expect([...namesIn(one), ...namesIn(other)]).toEqual([]);
  expect(known()).toBe(names.length);
  expect(second.lines.join('\n')).toContain('was delivered before');
});

test('a stream that is made anew has other messages, whatever their numbers', async () => {
  const directory = temporarySpool();
  const deliverer = await startDeliverer(nats, { directory });
  expect(await publish(connection, { name: 'a.1.data', content: 'first' })).toBe(1);
  await expect.poll(waiting).toBe(0);
  const jsm = await jetstreamManager(connection);
  await jsm.streams.delete(STREAM);
  await expect
    .poll(() => deliverer.lines.join('\n'))
    .toMatch(/error: Nothing can be delivered: stream TENTACLE is not there; make it with --setup-jetstream/);
  await nats.setUp();
  expect(await publish(connection, { name: 'a.2.data', content: 'second' })).toBe(1);
  // Pauses grow while it is not there.
  await expect.poll(() => namesIn(directory), { timeout: 50_000 }).toEqual(['a.1.data', 'a.2.data']);
  expect(deliverer.lines).toContain('notice: Stream TENTACLE and its consumers are there again');
});

test('files that their consumer gives to nobody any more are delivered all the same: it is made anew', async () => {
  const directory = temporarySpool();
  const jsm = await jetstreamManager(connection);
  const name = consumerName(partitionOf('a.1.data'));
  const { config } = await jsm.consumers.info(STREAM, name);
  // As one that has lost, with the servers, that it is owed an acknowledgement.
  await jsm.consumers.delete(STREAM, name);
  await jsm.consumers.add(STREAM, { ...config, max_deliver: 1, ack_wait: 1_000_000_000 });
  await publish(connection, { name: 'a.1.data', content: 'one' });
  const thief = await jetstream(connection).consumers.get(STREAM, name);
  expect((await thief.next())?.seq).toBeGreaterThan(0);
  await publish(connection, { name: 'a.2.data', content: 'two' });
  const { lines } = await startDeliverer(nats, { directory, quietMs: 2500 });
  await expect.poll(() => namesIn(directory), { timeout: 50_000 }).toEqual(['a.1.data', 'a.2.data']);
  await expect.poll(waiting).toBe(0);
  expect(lines.join('\n')).toContain(
    `consumer ${name} of stream TENTACLE gives none of them: it is made anew`,
  );
  expect((await jsm.consumers.info(STREAM, name)).config.max_deliver).toBe(-1);
});

test('a consumer that is deleted is told, and served when it is there again', async () => {
  const directory = temporarySpool();
  const { lines } = await startDeliverer(nats, { directory });
  await expect.poll(() => lines.join('\n')).toContain('Delivers 32 of 32 partitions, alone');
  const jsm = await jetstreamManager(connection);
  for (let partition = 0; partition < PARTITIONS; partition++)
    await jsm.consumers.delete(STREAM, consumerName(partition));
  await expect
    .poll(() => lines.join('\n'))
    .toMatch(/Nothing can be delivered: consumer deliver-\d\d of stream TENTACLE is not there; make it with/);
  await nats.setUp();
  await publish(connection, { name: 'a.1.data', content: 'first' });
  await expect.poll(() => namesIn(directory), { timeout: 40_000 }).toEqual(['a.1.data']);
});

test('a directory that is missing is waited for', async () => {
  const directory = temporarySpool();
  rmSync(directory, { recursive: true });
  await publish(connection, { name: 'a.1.data', content: 'first' });
  const retry = { firstMs: 50, longestMs: 100 };
  const { lines } = await startDeliverer(nats, { directory, retry });
  await expect
    .poll(() => lines.filter((line) => line.startsWith('error:')))
    .toEqual([`error: Nothing can be delivered to ${directory}: it does not exist; trying again`]);
  mkdirSync(directory);
  await expect.poll(() => namesIn(directory)).toEqual(['a.1.data']);
});

testWith(
  ['root', 'mount'],
  'a disk that is full gets nothing acknowledged, is told once, and served when it has room',
  async () => {
    const directory = smallDisk('1m');
    chmodSync(directory, 0o755);
    const retry = { firstMs: 50, longestMs: 100 };
    const { lines } = await startDeliverer(nats, { directory, retry });
    await publish(connection, { name: 'a.0.data', content: 'before' });
    await expect.poll(waiting).toBe(0);
    fill(join(directory, 'ballast'));
    for (let number = 1; number <= 20; number++)
      await publish(connection, { name: `a${String(number)}.1.data`, content: Buffer.alloc(2000, number) });
    await expect.poll(() => lines.filter((line) => line.startsWith('error:')).length).toBeGreaterThan(0);
    const detail = (): number => lines.filter((line) => line.startsWith('detail: File')).length;
    await expect.poll(detail).toBeGreaterThan(5);
    expect(await waiting()).toBe(20);
    const errors = lines.filter((line) => line.startsWith('error:'));
    // One line for each kind of refusal: announced sizes that do not fit, and writes that failed.
    expect(errors.length).toBeLessThanOrEqual(2);
    expect(errors[0]).toMatch(/cannot be delivered \(not enough space\)/);
    rmSync(join(directory, 'ballast'));
    await expect.poll(waiting).toBe(0);
    for (let number = 1; number <= 20; number++)
      expect(
        readFileSync(join(directory, `a${String(number)}.1.data`)).equals(Buffer.alloc(2000, number)),
      ).toBe(true);
  },
);

test('what was prepared before a power cut and acknowledged gets its name; what waits in the stream is delivered anew', async () => {
  const directory = temporarySpool();
  const sequence = await publish(connection, { name: 'b.1.data', content: 'still there' });
  const jsm = await jetstreamManager(connection);
  const message = await jsm.streams.getMessage(STREAM, { seq: sequence });
  const nanoseconds = `${String(message?.time.getTime())}000000`;
  const earlier = await DeliveredJournal.open(directory);
  // Of another boot of this machine.
  const staged = stagedName()
    .split('.')
    .map((part, index) => (index === 3 ? 'feedfeedfeed' : part));
  const prepare = async (key: string, name: string, content: string): Promise<string> => {
    const hidden = staged.with(6, key.split('.')[0] ?? '').join('.');
    writeFileSync(join(directory, hidden), content);
    utimesSync(join(directory, hidden), 0, 0);
    const digest = createHash('sha256').update(content).digest('base64url');
    await earlier.prepare({ key, id: undefined, staged: hidden, name, digest });
    return hidden;
  };
  await prepare('900.1', 'a.1.data', 'acknowledged');
  const damaged = await prepare('901.1', 'c.1.data', 'its bytes were lost');
  writeFileSync(join(directory, damaged), '\0'.repeat(19));
  utimesSync(join(directory, damaged), 0, 0);
  await prepare(`${String(sequence)}.${nanoseconds}`, 'b.1.data', 'still there');
  await earlier.close();
  await startDeliverer(nats, { directory });
  await expect.poll(waiting).toBe(0);
  expect(namesIn(directory)).toEqual(['a.1.data', 'b.1.data']);
  expect(readFileSync(join(directory, 'a.1.data'), 'utf8')).toBe('acknowledged');
  expect(readdirSync(directory).filter((name) => name.endsWith('.part'))).toEqual([]);
});

test('a subject whose name is no file, and a message without headers, block nothing', async () => {
  const directory = temporarySpool();
  connection.publish(dataSubject(STREAM, 'bare.1.data'), 'bare');
  await connection.flush();
  await startDeliverer(nats, { directory });
  await expect.poll(waiting).toBe(0);
  expect(readFileSync(join(directory, 'bare.1.data'), 'utf8')).toBe('bare');
});

test('it stops in a moment while a file waits for another one of its name', async () => {
  const directory = temporarySpool();
  writeFileSync(join(directory, 'a.1.data'), 'other');
  await publish(connection, { name: 'a.1.data', content: 'new' });
  const { stop, lines } = await startDeliverer(nats, { directory });
  await expect.poll(() => lines.join('\n')).toContain('Delivers 32 of 32');
  const start = performance.now();
  await stop();
  expect(performance.now() - start).toBeLessThan(5000);
  expect(await waiting()).toBe(1);
});
