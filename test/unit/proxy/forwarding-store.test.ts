/** Proves that clients of a store-and-forward server get what the upstream has, whole or not at all. */
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { connect, type Sink, type TentacleClient } from '../../../src/client/client.ts';
import { FileChanged, Refusal } from '../../../src/protocol/errors.ts';
import { Dialogue } from '../../support/dialogue.ts';
import { forwarding, type Forwarding, serve } from '../../support/forwarding.ts';
import { temporarySpool } from '../../support/temporary.ts';
import { startWorker, type TestWorker } from '../../support/worker.ts';
import { connectTo, failure, type Script, startScripted } from '../../wire/scripted-server.ts';

const HOST = '127.0.0.1';

interface Chain {
  readonly centre: string;
  readonly upstream: TestWorker;
  readonly proxy: Forwarding;
  readonly port: number;
  readonly ends: readonly unknown[];
}

/** A client's server, which asks an upstream with these files. */
async function chain(files: Readonly<Record<string, string | Buffer>> = {}): Promise<Chain> {
  const centre = temporarySpool();
  for (const [name, content] of Object.entries(files)) writeFileSync(join(centre, name), content);
  const upstream = await startWorker({ directory: centre, insecure: '1' });
  const proxy = forwarding({ spool: temporarySpool(), port: upstream.port });
  return { centre, upstream, proxy, ...(await serve(proxy.store)) };
}

/** The same in front of a scripted upstream. */
async function scripted(script: Script): Promise<Pick<Chain, 'proxy' | 'port' | 'ends'>> {
  const upstream = await startScripted(script);
  const proxy = forwarding({ spool: temporarySpool(), port: upstream.port });
  return { proxy, ...(await serve(proxy.store)) };
}

async function client(port: number): Promise<TentacleClient> {
  return connectTo({ host: HOST, port, peers: [] });
}

/** Keeps what comes. */
function collector(): { readonly sink: Sink; readonly bytes: () => Buffer } {
  const chunks: Buffer[] = [];
  const sink: Sink = async (content) => {
    for await (const chunk of content) chunks.push(chunk);
  };
  return { sink, bytes: () => Buffer.concat(chunks) };
}

test.each([false, true])(
  'W13 W14 a file comes from the upstream byte-identical (compressed: %s)',
  async (compress) => {
    const content = Buffer.concat([randomBytes(300_000), Buffer.alloc(3_000_000, 'abc'), randomBytes(7)]);
    const { port, proxy } = await chain({ 'agent.zip': content });
    const asker = await client(port);
    for (let time = 0; time < 2; time++) {
      const { sink, bytes } = collector();
      await asker.receive('agent.zip', sink, { compress });
      expect(bytes().equals(content)).toBe(true);
    }
    await asker.quit();
    await expect
      .poll(() => proxy.upstreams.states)
      .toEqual([expect.objectContaining({ kind: 'up', open: 0 })]);
  },
);

test('W13 an empty file comes, too', async () => {
  const { port } = await chain({ empty: '' });
  const { sink, bytes } = collector();
  await (await client(port)).receive('empty', sink);
  expect(bytes()).toHaveLength(0);
});

test('W13 what the upstream refuses is refused for the same reason, and the session goes on', async () => {
  const { port, proxy } = await chain({ 'a.md5': 'sum' });
  const asker = await client(port);
  expect(await failure(asker.receive('nothing', collector().sink))).toMatchObject({
    reason: 'file does not exist',
  });
  expect(await failure(asker.move('nothing', collector().sink))).toMatchObject({ name: 'RefusedError' });
  const { sink, bytes } = collector();
  await asker.receive('a.md5', sink);
  expect(bytes().toString()).toBe('sum');
  await expect.poll(() => proxy.upstreams.states).toEqual([expect.objectContaining({ open: 0 })]);
});

test('an upstream that allows other names refuses for us', async () => {
  const { proxy } = await scripted((peer) => peer.answer('RECV ERR (file has an invalid file name)\n'));
  const refused = await failure(proxy.store.open('a&b'));
  expect(refused).toBeInstanceOf(Refusal);
  expect(refused).toMatchObject({
    reason: 'invalid file name',
    message: expect.stringContaining('upstream: ') as unknown,
  });
});

test('W15 a listing is that of the upstream', async () => {
  const { port, proxy } = await chain({ b: '1', a: '2' });
  const asker = await client(port);
  expect(await asker.list('any')).toEqual(['a', 'b']);
  await asker.quit();
  expect(proxy.upstreams.states).toEqual([expect.objectContaining({ open: 0 })]);
});

test('W15 an upstream that serves no listings is told in the log', async () => {
  const { proxy } = await scripted(async (peer) => {
    await peer.line();
    peer.close();
  });
  expect(await failure(proxy.store.list('any'))).toMatchObject({
    reason: 'cannot list',
    message: expect.stringContaining('it may not run in insecure mode') as unknown,
  });
});

test('with the upstream away nothing exists, and nothing can be listed', async () => {
  const { upstream, proxy, port } = await chain({ a: '1' });
  await upstream.worker.drain();
  const asker = await client(port);
  expect(await failure(asker.receive('a', collector().sink))).toMatchObject({
    reason: 'file does not exist',
  });
  expect(await failure(asker.list('a'))).toMatchObject({ name: 'RefusedError' });
  expect(await failure(proxy.store.open('a'))).toMatchObject({
    message: expect.stringContaining('connection refused') as unknown,
  });
});

test('W16 a moved file is gone from the upstream once the client has shown that it has it', async () => {
  const { port, centre } = await chain({ 'a.rcmd': 'do' });
  const dialogue = await Dialogue.open(port);
  expect(await dialogue.ask('MV <a.rcmd>\n')).toBe('MV SIZE 2\n');
  dialogue.send('MV OK\n');
  expect(await dialogue.take(2)).toBe('do');
  expect(existsSync(join(centre, 'a.rcmd'))).toBe(true);
  dialogue.send('QUIT\n');
  await dialogue.rest();
  await expect.poll(() => existsSync(join(centre, 'a.rcmd'))).toBe(false);
});

test.each(['MV OK\n', 'no\n'])(
  'W16 a client that goes away after "%s" leaves the file at the upstream',
  async (answer) => {
    const { port, centre, ends, upstream } = await chain({ 'a.rcmd': 'do' });
    const dialogue = await Dialogue.open(port);
    await dialogue.ask('MV <a.rcmd>\n');
    dialogue.send(answer);
    if (answer === 'MV OK\n') await dialogue.take(2);
    dialogue.stream.end();
    await expect.poll(() => ends).toEqual(['closed']);
    // Its conversation with the upstream is over, too.
    await expect.poll(() => upstream.log.filter((line) => line.includes('closed')).length).toBeGreaterThan(0);
    expect(existsSync(join(centre, 'a.rcmd'))).toBe(true);
  },
);

test('W13 an upstream that is lost in the middle of a file ends the connection, with less than announced', async () => {
  const { port, ends, proxy } = await scripted(async (peer) => {
    await peer.answer('RECV SIZE 100\n');
    await peer.line();
    peer.send('half');
    await new Promise(setImmediate);
    peer.close();
  });
  const dialogue = await Dialogue.open(port);
  expect(await dialogue.ask('RECV <a>\n')).toBe('RECV SIZE 100\n');
  dialogue.send('RECV OK\n');
  expect(await dialogue.rest()).toBe('half');
  expect(ends).toEqual([expect.any(FileChanged)]);
  expect(String(ends[0])).toMatch(
    /upstream 127.0.0.1 port [0-9]+ did not send a file whole: connection closed with 96/,
  );
  expect(proxy.lines).toContainEqual(expect.stringContaining('a connection broke'));
});

test.each([
  ['other bytes', 'RECV SIZE 4\n', 'efgh'],
  ['another size', 'RECV SIZE 5\n', 'abcde'],
  ['nothing', 'RECV ERR (file does not exist)\n', ''],
])(
  'W14 a file with %s at the second time of asking is not given out whole',
  async (_what, reply, content) => {
    const { proxy } = await scripted(async (peer, count) => {
      await peer.answer(count === 0 ? 'RECV SIZE 4\n' : reply);
      await peer.line();
      peer.send(count === 0 ? 'abcd' : content);
      await peer.gone;
    });
    const outgoing = await proxy.store.open('a');
    const read = async (): Promise<string> => {
      let text = '';
      for await (const chunk of outgoing.content()) text += chunk.toString();
      return text;
    };
    expect(await read()).toBe('abcd');
    expect(await failure(read())).toBeInstanceOf(FileChanged);
    await outgoing.close();
    expect(proxy.upstreams.states).toEqual([expect.objectContaining({ open: 0 })]);
  },
);

test('a client that does not take the file ends the conversation with the upstream', async () => {
  const { port, proxy } = await chain({ big: Buffer.alloc(10_000_000) });
  const dialogue = await Dialogue.open(port);
  expect(await dialogue.ask('RECV <big>\n')).toBe('RECV SIZE 10000000\n');
  expect(await dialogue.ask('RECV <nothing>\nRECV <nothing>\n')).toBe('RECV ERR (file does not exist)\n');
  await expect.poll(() => proxy.upstreams.states).toEqual([expect.objectContaining({ open: 0 })]);
  dialogue.send('RECV <big>\n');
  await dialogue.line();
  dialogue.send('RECV OK\n');
  await dialogue.take(1000);
  dialogue.stream.destroy();
  await expect.poll(() => proxy.upstreams.states).toEqual([expect.objectContaining({ open: 0 })]);
});

test('no more of a file is held than its reader has yet to take', async () => {
  const size = 200_000_000;
  const { proxy } = await chain({ big: Buffer.alloc(size) });
  const outgoing = await proxy.store.open('big');
  const before = process.memoryUsage().rss;
  const content = outgoing.content();
  let taken = 0;
  let most = 0;
  for await (const chunk of content) {
    taken += chunk.length;
    // Slower than it comes.
    await new Promise(setImmediate);
    most = Math.max(most, process.memoryUsage().rss - before);
  }
  expect(taken).toBe(size);
  expect(most).toBeLessThan(100_000_000);
  await outgoing.close();
});

test('what is received is stored here, and goes to the upstream at once', async () => {
  const { port, proxy, centre } = await chain();
  proxy.forwarder.start();
  await proxy.queue.look();
  const sender = await connect({ host: HOST, port });
  const text = Buffer.from('a file');
  const content = async function* (): AsyncGenerator<Buffer, void, undefined> {
    yield await Promise.resolve(text);
  };
  await sender.send({ name: 'a.1.data', size: text.length, content });
  await sender.quit();
  await expect.poll(() => existsSync(join(centre, 'a.1.data'))).toBe(true);
  expect(readFileSync(join(centre, 'a.1.data'), 'utf8')).toBe('a file');
  await expect.poll(proxy.waiting).toEqual([]);
});

test('with the upstream away, an agent that takes itself for new is not believed', async () => {
  const upstream = await startWorker({ directory: temporarySpool() });
  const proxy = forwarding({ spool: temporarySpool(), port: upstream.port });
  await (await proxy.store.receive('1.conf', 1)).discard();
  // An agent's first steps go to any of the workers.
  const another = forwarding({ spool: temporarySpool(), port: upstream.port });
  await upstream.worker.drain();
  await expect(proxy.store.open('1.md5')).rejects.toThrow('connection refused');
  for (const name of ['1.conf', '1.md5']) {
    for (const { store } of [proxy, another]) {
      await expect(store.receive(name, 1)).rejects.toMatchObject({ reason: 'cannot store file' });
    }
  }
  await (await proxy.store.receive('a.1.data', 1)).discard();
});

test('with the centre away behind a balancer that takes connections, neither', async () => {
  const { proxy } = await scripted((peer) => {
    peer.close();
    return peer.gone;
  });
  await expect(proxy.store.receive('1.conf', 1)).rejects.toMatchObject({ reason: 'cannot store file' });
  await (await proxy.store.receive('a.1.data', 1)).discard();
});
