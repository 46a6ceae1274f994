/** Clients and a server that keeps files on JetStream: the wire is that of any other server. */
import { randomBytes } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { Bucket } from '../../../src/jetstream/bucket.ts';
import { Cluster } from '../../../src/jetstream/cluster.ts';
import { DataStream } from '../../../src/jetstream/data-stream.ts';
import { sweep } from '../../../src/jetstream/receive/sweep.ts';
import type { Token } from '../../../src/settings/options.ts';
import { Dialogue } from '../../support/dialogue.ts';
import { recordLog } from '../../support/log.ts';
import { Nats } from '../../support/nats.ts';
import { temporaryDirectory } from '../../support/temporary.ts';
import { startWorker, type TestWorker } from '../../support/worker.ts';

const FILTERS = String.raw`.*\.conf:conf;.*\.md5:md5=r;^x\.zip:collections=r;.*\.zip:collections;.*\.cmd:commands`;
const DIRECTORIES = ['conf', 'md5', 'collections', 'commands'];
let nats: Nats;
let number = 0;

beforeAll(async () => {
  nats = await Nats.start();
});
afterAll(() => nats.stop());

/** A stream of its own, and what tells of it. */
async function site(): Promise<{ readonly stream: string; readonly cluster: Cluster }> {
  const stream = `P${String(number++)}`;
  await nats.setUp(DIRECTORIES, { stream });
  const cluster = await Cluster.open(nats.settings({ stream }), { log: recordLog().log, name: 'test' });
  onTestFinished(() => cluster.close());
  await cluster.connected(10_000);
  return { stream, cluster };
}

async function receiver(
  stream: string,
  tokens: Partial<Record<Token, string>> = {},
  servers = nats.servers,
): Promise<TestWorker> {
  const worker = await startWorker({
    ...{ store: 'jetstream', nats_servers: servers, nats_stream: stream },
    ...{ filters: FILTERS, insecure: '1', ...tokens },
  });
  onTestFinished(() => {
    worker.worker.service.cut();
  });
  await expect.poll(() => worker.log.join('')).toContain('Connected to NATS');
  return worker;
}

async function put(dialogue: Dialogue, name: string, bytes: Buffer | string): Promise<string> {
  const content = Buffer.from(bytes as string, 'latin1');
  const first = await dialogue.ask(`SEND <${name}> SIZE ${String(content.length)}\n`);
  return first === 'SEND OK\n' ? dialogue.ask(content) : first;
}

async function get(dialogue: Dialogue, name: string, verb = 'RECV'): Promise<string> {
  const first = await dialogue.ask(`${verb} <${name}>\n`);
  const size = new RegExp(`^${verb} SIZE ([0-9]+)\n$`).exec(first)?.[1];
  if (size === undefined) return first;
  dialogue.send(`${verb} OK\n`);
  return dialogue.take(Number(size));
}

describe('data files', () => {
  test('W11 N3 are in the stream when the client hears OK, with name, size, sender and time', async () => {
    const { stream, cluster } = await site();
    const { port } = await receiver(stream);
    const dialogue = await Dialogue.open(port);
    const before = Date.now();
    const name = 'agent \xe4\xff.17.data';
    expect(await put(dialogue, name, 'abc')).toBe('SEND OK\n');
    const found = await new DataStream(cluster).look(name);
    expect(found).toMatchObject({
      file: { name, size: 3, from: { address: '127.0.0.1' }, object: undefined, queued: false },
    });
    expect(found?.data.toString()).toBe('abc');
    expect(found?.file.receivedAt).toBeGreaterThanOrEqual(before);
    expect(await get(dialogue, name)).toBe('abc');
    expect(await get(dialogue, name, 'LS')).toBe(`${name}\n`);
  });

  test('the same file again, after a lost OK, is stored once; another of its name is refused, at any receiver', async () => {
    const { stream, cluster } = await site();
    const [one, other] = [await receiver(stream), await receiver(stream)];
    const [first, second] = [await Dialogue.open(one.port), await Dialogue.open(other.port)];
    expect(await put(first, 'a.1.data', 'abc')).toBe('SEND OK\n');
    expect(await put(second, 'a.1.data', 'abc')).toBe('SEND OK\n');
    expect(await put(second, 'a.1.data', 'abd')).toBe('SEND ERR (file already exists)\n');
    // And the session goes on in step.
    expect(await put(second, 'a.2.data', 'x')).toBe('SEND OK\n');
    expect((await new DataStream(cluster).list()).sort()).toEqual(['a.1.data', 'a.2.data']);
  });

  test('with overwrite, what was sent before another file of its name is the last one again', async () => {
    const { stream, cluster } = await site();
    const { port } = await receiver(stream, { overwrite: '1' });
    const dialogue = await Dialogue.open(port);
    for (const content of ['abc', 'abd', 'abc', 'abc', 'abd'])
      expect(await put(dialogue, 'a.1.data', content)).toBe('SEND OK\n');
    expect((await new DataStream(cluster).look('a.1.data'))?.data.toString()).toBe('abd');
    const { state } = await cluster.use(({ jsm }) => jsm.streams.info(stream));
    expect(state.messages).toBe(4);
  });

  test('a repeat that comes after the duplicate window is known by the bytes that still wait', async () => {
    const { stream, cluster } = await site();
    await nats.setUp([], { stream, duplicateWindowMs: 100 });
    const { port } = await receiver(stream);
    const dialogue = await Dialogue.open(port);
    expect(await put(dialogue, 'a.1.data', 'abc')).toBe('SEND OK\n');
    await new Promise((resolve) => setTimeout(resolve, 1000));
    expect(await put(dialogue, 'a.1.data', 'abc')).toBe('SEND OK\n');
    expect(await put(dialogue, 'a.1.data', 'abd')).toBe('SEND ERR (file already exists)\n');
    expect(await new DataStream(cluster).list()).toEqual(['a.1.data']);
  });

  test('of many that send different bytes under one name at once, one wins', async () => {
    const { stream, cluster } = await site();
    const receivers = [await receiver(stream), await receiver(stream)];
    for (let round = 0; round < 10; round++) {
      const name = `r.${String(round)}.data`;
      const dialogues = await Promise.all(
        [...receivers, ...receivers].map(({ port }) => Dialogue.open(port)),
      );
      const answers = await Promise.all(
        dialogues.map((dialogue, index) => put(dialogue, name, `w${String(index)}`)),
      );
      expect(answers.filter((answer) => answer === 'SEND OK\n')).toHaveLength(1);
      const winner = answers.indexOf('SEND OK\n');
      expect((await new DataStream(cluster).look(name))?.data.toString()).toBe(`w${String(winner)}`);
    }
  });

  test('what is larger than a message is an object that a message refers to, and comes back whole', async () => {
    const { stream, cluster } = await site();
    const { port } = await receiver(stream, { max_size: '10000000' });
    const dialogue = await Dialogue.open(port);
    const bytes = randomBytes(3_000_000);
    expect(await put(dialogue, 'big.1.data', bytes.toString('latin1'))).toBe('SEND OK\n');
    const found = await new DataStream(cluster).look('big.1.data');
    expect(found?.file).toMatchObject({
      size: 3_000_000,
      object: expect.stringMatching(/^big\.1\.data\./) as string,
    });
    expect((await get(dialogue, 'big.1.data')) === bytes.toString('latin1')).toBe(true);
    // Again, and otherwise: neither leaves a body behind.
    expect(await put(dialogue, 'big.1.data', bytes.toString('latin1'))).toBe('SEND OK\n');
    bytes[0] = (bytes[0] ?? 0) ^ 1;
    expect(await put(dialogue, 'big.1.data', bytes.toString('latin1'))).toBe(
      'SEND ERR (file already exists)\n',
    );
    const bodies = new Bucket(cluster, `${stream}--bodies`);
    expect((await bodies.list()).map(({ name }) => name)).toEqual([found?.file.object]);
    // W16: taken away, its body goes, too.
    expect(await get(dialogue, 'big.1.data', 'MV')).toHaveLength(3_000_000);
    expect(await get(dialogue, 'nothing')).toBe('RECV ERR (file does not exist)\n');
    expect(await bodies.list()).toEqual([]);
    expect(await new DataStream(cluster).list()).toEqual([]);
  }, 30_000);

  test('a client that is killed in the middle leaves nothing', async () => {
    const { stream, cluster } = await site();
    const { port, log } = await receiver(stream, { max_size: '10000000' });
    for (const size of [5000, 3_000_000]) {
      const dialogue = await Dialogue.open(port);
      await dialogue.ask(`SEND <cut.${String(size)}.data> SIZE ${String(size)}\n`);
      dialogue.send(randomBytes(size - 1));
      dialogue.stream.destroy();
    }
    await expect
      .poll(
        () => log.join('').match(/closed in the middle|Connection closed|connection closed/g)?.length ?? 0,
      )
      .toBeGreaterThan(1);
    expect(await new DataStream(cluster).list()).toEqual([]);
    await expect.poll(() => new Bucket(cluster, `${stream}--bodies`).list()).toEqual([]);
    await expect
      .poll(() =>
        cluster
          .use(({ jsm }) => jsm.streams.info(`OBJ_${stream}--bodies`))
          .then(({ state }) => state.messages),
      )
      .toBe(0);
  });

  test('overwrite 1 lets a later file of the same name in; both are delivered in their order', async () => {
    const { stream, cluster } = await site();
    const { port } = await receiver(stream, { overwrite: '1' });
    const dialogue = await Dialogue.open(port);
    expect(await put(dialogue, 'a.1.data', 'one')).toBe('SEND OK\n');
    expect(await put(dialogue, 'a.1.data', 'two')).toBe('SEND OK\n');
    expect((await new DataStream(cluster).look('a.1.data'))?.data.toString()).toBe('two');
  });
});

describe('directories of filters', () => {
  test('SEND, RECV, ZRECV, LS and MV work from every receiver', async () => {
    const { stream } = await site();
    const [one, other] = [await receiver(stream), await receiver(stream)];
    const [first, second] = [await Dialogue.open(one.port), await Dialogue.open(other.port)];
    expect(await get(second, 'a.conf')).toBe('RECV ERR (file does not exist)\n');
    expect(await put(first, 'a.conf', 'one')).toBe('SEND OK\n');
    // What was not there a moment ago is known at the other one, too.
    await expect.poll(() => get(second, 'a.conf'), { timeout: 2000 }).toBe('one');
    expect(await put(second, 'a.conf', 'two')).toBe('SEND ERR (file already exists)\n');
    expect(await get(second, 'x.conf', 'LS')).toBe('a.conf\n');
    expect(await get(second, 'a.conf', 'ZRECV')).toMatch(/^PK/);
    expect(await get(second, 'a.conf', 'MV')).toBe('one');
    expect(await second.ask('LS <x.conf>\n')).toBe('LS SIZE 0\n');
    second.send('LS OK\n');
    await expect.poll(() => get(first, 'a.conf'), { timeout: 2000 }).toBe('RECV ERR (file does not exist)\n');
    // A name that was deleted can be had again, once.
    expect(await put(first, 'a.conf', 'three')).toBe('SEND OK\n');
    expect(await get(first, 'a.conf')).toBe('three');
  });

  test('N2 permissions hold: nobody sends where clients may only fetch', async () => {
    const { stream } = await site();
    const { port } = await receiver(stream);
    const dialogue = await Dialogue.open(port);
    expect(await put(dialogue, 'a.md5', 'x')).toMatch(/^SEND ERR/);
    expect(await put(dialogue, 'b.zip', randomBytes(700_000).toString('latin1'))).toBe('SEND OK\n');
    expect(await get(dialogue, 'b.zip')).toHaveLength(700_000);
  });

  test('a change from elsewhere reaches RECV soon, however often the file was fetched before', async () => {
    const { stream, cluster } = await site();
    const { port } = await receiver(stream);
    const dialogue = await Dialogue.open(port);
    const bucket = new Bucket(cluster, `${stream}_md5`);
    for (let version = 0; version < 20; version++) {
      await bucket.put('a.md5', ReadableStream.from<Uint8Array>([Buffer.from(`version ${String(version)}`)]));
      const changed = Date.now();
      await expect
        .poll(() => get(dialogue, 'a.md5'), { timeout: 2000, interval: 5 })
        .toBe(`version ${String(version)}`);
      expect(Date.now() - changed).toBeLessThan(2000);
    }
  });
});

describe('the sweep', () => {
  test('removes what nobody refers to, and nothing else', async () => {
    const { stream, cluster } = await site();
    const { port } = await receiver(stream, { max_size: '10000000', overwrite: '1' });
    const dialogue = await Dialogue.open(port);
    expect(await put(dialogue, 'big.1.data', randomBytes(2_000_000).toString('latin1'))).toBe('SEND OK\n');
    expect(await put(dialogue, 'big.1.data', randomBytes(2_000_000).toString('latin1'))).toBe('SEND OK\n');
    expect(await put(dialogue, 'a.conf', 'x')).toBe('SEND OK\n');
    const bodies = new Bucket(cluster, `${stream}--bodies`);
    const conf = new Bucket(cluster, `${stream}_conf`);
    await bodies.put('lost.1.data.x', ReadableStream.from<Uint8Array>([Buffer.alloc(300_000)]));
    await cluster.use(({ js }) => js.publish(`$O.${stream}_conf.C.unfinished`, Buffer.alloc(10)));
    const gone = await conf.put('gone.conf', ReadableStream.from<Uint8Array>([Buffer.from('x')]));
    await conf.remove(gone);
    const filters = [{ directory: 'conf' }, { directory: '' }];
    const young = { youngMs: 3_600_000, marksMs: 3_600_000 };
    expect(await sweep({ cluster, filters }, young)).toEqual({ bodies: 0, chunks: 0, marks: 0 });
    const all = { youngMs: 0, marksMs: 0 };
    expect(await sweep({ cluster, filters }, all)).toEqual({ bodies: 1, chunks: 1, marks: 1 });
    // The mark of the body was left by that sweep.
    expect(await sweep({ cluster, filters }, all)).toEqual({ bodies: 0, chunks: 0, marks: 1 });
    expect(await sweep({ cluster, filters }, all)).toEqual({ bodies: 0, chunks: 0, marks: 0 });
    expect(await bodies.list()).toHaveLength(2);
    expect((await conf.list()).map(({ name }) => name)).toEqual(['a.conf']);
    expect(await get(dialogue, 'a.conf')).toBe('x');
  }, 30_000);
});

describe('while JetStream is away', () => {
  async function alone(directory?: string): Promise<{ own: Nats; worker: TestWorker; cluster: Cluster }> {
    const own = await Nats.start();
    onTestFinished(() => own.stop());
    const stream = 'AWAY';
    await own.setUp(DIRECTORIES, { stream });
    const worker = await receiver(stream, directory === undefined ? {} : { directory }, own.servers);
    worker.worker.service.lead();
    const cluster = await Cluster.open(own.settings({ stream }), { log: recordLog().log, name: 'test' });
    onTestFinished(() => cluster.close());
    return { own, worker, cluster };
  }

  test('files wait in the directory and follow when it is back; what agents configure is refused', async () => {
    const directory = temporaryDirectory();
    const { own, worker, cluster } = await alone(directory);
    const dialogue = await Dialogue.open(worker.port);
    expect(await put(dialogue, 'a.1.data', 'one')).toBe('SEND OK\n');
    expect(await put(dialogue, 'old.conf', 'old')).toBe('SEND OK\n');
    expect(await get(dialogue, 'old.conf')).toBe('old');
    await own.kill(0);
    expect(await put(dialogue, 'a.2.data', 'two')).toBe('SEND OK\n');
    expect(await put(dialogue, 'big.1.data', 'x'.repeat(1_500_000))).toBe('SEND OK\n');
    expect(await put(dialogue, 'c.cmd', 'command')).toBe('SEND OK\n');
    expect(readdirSync(directory).sort()).toEqual(['a.2.data', 'big.1.data', 'c.cmd']);
    // Sent again for want of an answer, and another one of its name.
    expect(await put(dialogue, 'a.2.data', 'two')).toBe('SEND OK\n');
    expect(await put(dialogue, 'a.2.data', 'owt')).toBe('SEND ERR (file already exists)\n');
    expect(await put(dialogue, 'new.conf', 'x')).toBe('SEND ERR (cannot store file)\n');
    expect(await put(dialogue, 'x.zip', 'not permitted')).toBe('SEND ERR (invalid file name)\n');
    expect(await get(dialogue, 'new.conf')).toBe('RECV ERR (file does not exist)\n');
    await expect.poll(() => worker.log.join(''), { timeout: 10_000 }).toContain('Warning: JetStream is away');
    own.begin(0);
    await own.ready();
    await expect.poll(() => readdirSync(directory), { timeout: 30_000 }).toEqual([]);
    await cluster.connected(10_000);
    const stream = new DataStream(cluster);
    expect((await stream.list()).sort()).toEqual(['a.1.data', 'a.2.data', 'big.1.data']);
    expect(await stream.look('a.2.data')).toMatchObject({ file: { queued: true, size: 3 } });
    expect(await get(dialogue, 'c.cmd')).toBe('command');
    expect(await put(dialogue, 'new.conf', 'x')).toBe('SEND OK\n');
    expect(worker.log.join('')).toContain('JetStream is back');
  }, 60_000);

  test('W4 without a directory files are refused within the idle limit, and taken again when it is back', async () => {
    const { own, worker } = await alone();
    const dialogue = await Dialogue.open(worker.port);
    expect(await put(dialogue, 'a.1.data', 'one')).toBe('SEND OK\n');
    await own.kill(0);
    const start = performance.now();
    expect(await put(dialogue, 'a.2.data', 'two')).toBe('SEND ERR (cannot store file)\n');
    expect(performance.now() - start).toBeLessThan(worker.settings.idleMs);
    own.begin(0);
    await own.ready();
    await expect.poll(() => put(dialogue, 'a.2.data', 'two'), { timeout: 30_000 }).toBe('SEND OK\n');
  }, 60_000);

  test('in the middle of a file that is being received', async () => {
    const directory = temporaryDirectory();
    const { own, worker, cluster } = await alone(directory);
    const [small, large] = [await Dialogue.open(worker.port), await Dialogue.open(worker.port)];
    const bytes = Buffer.alloc(1_900_000, 'z');
    expect(await small.ask('SEND <s.1.data> SIZE 4\n')).toBe('SEND OK\n');
    small.send('ab');
    expect(await large.ask(`SEND <l.1.data> SIZE ${String(bytes.length)}\n`)).toBe('SEND OK\n');
    large.send(bytes.subarray(0, 1_400_000));
    await own.kill(0);
    small.send('cd');
    large.send(bytes.subarray(1_400_000));
    expect(await small.line()).toBe('SEND OK\n');
    expect(await large.line()).toBe('SEND OK\n');
    expect(readdirSync(directory).sort()).toEqual(['l.1.data', 's.1.data']);
    own.begin(0);
    await own.ready();
    await expect.poll(() => readdirSync(directory), { timeout: 30_000 }).toEqual([]);
    await cluster.connected(10_000);
    expect((await new DataStream(cluster).list()).sort()).toEqual(['l.1.data', 's.1.data']);
    expect((await get(large, 'l.1.data')) === bytes.toString('latin1')).toBe(true);
  }, 60_000);
});
