/** Proves that every file of the queue reaches the upstream, or is kept, whatever happens on the way. */
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { serviceOf } from '../../../src/cli/services.ts';
import { connect } from '../../../src/client/client.ts';
import { Worker } from '../../../src/server/worker.ts';
import { type Forwarding, forwarding, namesIn } from '../../support/forwarding.ts';
import { recordLog } from '../../support/log.ts';
import { temporarySpool } from '../../support/temporary.ts';
import { startWorker, type TestWorker } from '../../support/worker.ts';
import { oblige, type Peer, type Script, startScripted } from '../../wire/scripted-server.ts';

const YEAR_2020 = Date.UTC(2020, 0, 1);
const QUICK = { firstMs: 100, longestMs: 200 };

/** Writes a file so many seconds after the beginning of 2020. */
function put(spool: string, name: string, content: string | Buffer = name, seconds = 0): void {
  // Under its name at once, as a store does it.
  writeFileSync(join(spool, '.new'), content);
  utimesSync(join(spool, '.new'), new Date(), new Date(YEAR_2020 + seconds * 1000));
  renameSync(join(spool, '.new'), join(spool, name));
}

function line(text: string): unknown {
  return expect.stringContaining(text);
}

/** Lines of an upstream's log, as far as they match. */
function matches(log: readonly string[], pattern: RegExp): string[] {
  return log.flatMap((each) => pattern.exec(each)?.[1] ?? []);
}

/** The same server again, on the same port. */
async function restart({ settings, port }: TestWorker): Promise<Worker> {
  const again = { ...settings, listen: { ...settings.listen, port } };
  const { log } = recordLog();
  const worker = await Worker.start({ settings: again, log, service: await serviceOf(again, { log }) });
  onTestFinished(async () => {
    await worker.drain();
  });
  return worker;
}

/** Waits until nothing is left to be sent, and all is said about it. */
async function emptied({ waiting, forwarder }: Forwarding): Promise<void> {
  await expect.poll(waiting, { timeout: 40_000 }).toEqual([]);
  await forwarder.stop();
}

test('all files arrive byte-identical, the oldest first, over one connection when one is allowed', async () => {
  const [spool, centre] = [temporarySpool(), temporarySpool()];
  const upstream = await startWorker({ directory: centre, max_size: '5000000' });
  const contents = new Map<string, Buffer>();
  for (let index = 0; index < 20; index++) {
    const name = `f${String(index)}.data`;
    contents.set(name, randomBytes(index === 7 ? 3_000_000 : 1 + index * 997));
    put(spool, name, contents.get(name), (index * 7) % 20);
  }
  const proxy = forwarding({ spool, port: upstream.port, connections: 1 });
  proxy.forwarder.start();
  await emptied(proxy);
  for (const [name, content] of contents) {
    expect(readFileSync(join(centre, name)).equals(content), name).toBe(true);
  }
  const order = [...contents.keys()].sort((a, b) => age(a) - age(b));
  expect(matches(upstream.log, /Received file '(.*)'/)).toEqual(order);
  expect(matches(upstream.log, /(Client connected)/)).toHaveLength(1);
  expect(proxy.records.filter(({ event }) => event === 'forwarded')).toHaveLength(20);
  expect(proxy.lines).toContainEqual(
    expect.stringMatching(
      /^event: Forwarded file 'f1.data' size 998b to 127.0.0.1 port [0-9]+ in [0-9]+ ms$/,
    ),
  );
});

function age(name: string): number {
  return (Number(/[0-9]+/.exec(name)?.[0]) * 7) % 20;
}

test('2,000 files survive that the upstream is cut off and started again in the middle', async () => {
  const [spool, centre] = [temporarySpool(), temporarySpool()];
  const upstream = await startWorker({ directory: centre, fsync: '0' });
  for (let index = 0; index < 2000; index++) put(spool, `agent.${String(index)}.data`);
  const proxy = forwarding({ spool, port: upstream.port, retry: QUICK });
  proxy.forwarder.start();
  await expect.poll(() => namesIn(centre).length).toBeGreaterThan(300);
  await upstream.worker.drain();
  expect(namesIn(centre).length).toBeLessThan(2000);
  await restart(upstream);
  await emptied(proxy);
  expect(proxy.rejected()).toEqual([]);
  const arrived = namesIn(centre);
  expect(arrived).toHaveLength(2000);
  for (const name of arrived) expect(readFileSync(join(centre, name), 'utf8')).toBe(name);
});

test('what exists already is delivered when its name is of this data alone, else rejected', async () => {
  const [spool, centre] = [temporarySpool(), temporarySpool()];
  const upstream = await startWorker({ directory: centre });
  for (const name of ['agent.12.data', 'agent.conf', 'agent.12.data.md5']) {
    put(spool, name, 'mine');
    put(centre, name, 'theirs');
  }
  const proxy = forwarding({ spool, port: upstream.port });
  proxy.forwarder.start();
  await emptied(proxy);
  expect(proxy.rejected()).toEqual(['agent.12.data.md5', 'agent.conf']);
  expect(readFileSync(join(spool, 'rejected/agent.conf'), 'utf8')).toBe('mine');
  expect(proxy.lines).toContainEqual(line("Forwarded file 'agent.12.data' size 4b"));
  expect(proxy.lines).toContainEqual(
    `warning: File 'agent.conf' size 4b not forwarded to 127.0.0.1 port ${String(upstream.port)}: ` +
      "file already exists; moved to 'rejected/agent.conf'",
  );
});

test('files that fail again and again do not keep others from being sent', async () => {
  const [spool, centre] = [temporarySpool(), temporarySpool()];
  // Its directory is not there: an upstream that cannot store them now.
  const upstream = await startWorker({ directory: centre, filters: '.*\\.conf:conf' });
  for (let index = 0; index < 20; index++) put(spool, `${String(index)}.conf`);
  const proxy = forwarding({ spool, port: upstream.port, retry: QUICK });
  proxy.forwarder.start();
  await expect.poll(() => proxy.lines).toContainEqual(line('8 files in a row could not be forwarded'));
  await expect.poll(() => proxy.lines).toContainEqual(line("'9.conf' not forwarded, attempt 2"));
  const others = Array.from({ length: 5 }, (_, index) => `agent.${String(index)}.data`);
  for (const name of others) put(spool, name, name, 100);
  await expect.poll(() => namesIn(centre)).toEqual(others);
  // Deleted here a moment after it is there.
  await expect.poll(() => proxy.waiting()).toHaveLength(20);
});

test('what the upstream never takes is rejected, and says why', async () => {
  const [spool, centre] = [temporarySpool(), temporarySpool()];
  const upstream = await startWorker({ directory: centre, max_size: '100' });
  put(spool, 'big.data', Buffer.alloc(101));
  put(spool, 'a+b.data');
  put(spool, 'new\nline.data');
  put(spool, 'empty.data', '');
  put(spool, 'good.data');
  mkdirSync(join(spool, 'rejected'));
  put(join(spool, 'rejected'), 'big.data', 'an older one');
  const proxy = forwarding({ spool, port: upstream.port });
  proxy.forwarder.start();
  await emptied(proxy);
  expect(proxy.rejected()).toEqual(
    ['a+b.data', 'big.data', 'big.data.1', 'empty.data', 'new\nline.data'].sort(),
  );
  expect(namesIn(centre)).toEqual(['good.data']);
  for (const text of [
    /'big.data' .*: file is too big; moved to 'rejected\/big.data.1'/,
    /'a\+b.data' .*: invalid file name; moved/,
    /'new\\x0aline.data' .*: the protocol has no names with control characters; moved/,
    /'empty.data' .*: it is empty, and the protocol has no empty file; moved/,
  ]) {
    expect(proxy.lines).toContainEqual(expect.stringMatching(text));
  }
});

test('an empty file that somebody may still write to is not rejected', async () => {
  const [spool, centre] = [temporarySpool(), temporarySpool()];
  const upstream = await startWorker({ directory: centre });
  writeFileSync(join(spool, 'slow.data'), '');
  const proxy = forwarding({ spool, port: upstream.port, retry: QUICK });
  proxy.forwarder.start();
  await expect
    .poll(() => proxy.lines)
    .toContainEqual(line("'slow.data' not forwarded, attempt 2: it is empty"));
  writeFileSync(join(spool, 'slow.data'), 'copied');
  await emptied(proxy);
  expect(readFileSync(join(centre, 'slow.data'), 'utf8')).toBe('copied');
});

/** Takes one file, but does not confirm it until `meanwhile` is over. */
async function takeSlowly(peer: Peer, meanwhile: () => unknown): Promise<void> {
  const size = Number(/SIZE ([0-9]+)/.exec(await peer.answer('SEND OK\n'))?.[1]);
  await peer.take(size);
  await meanwhile();
  peer.send('SEND OK\n');
}

test('a file that is replaced while it is being sent is sent again', async () => {
  const spool = temporarySpool();
  put(spool, 'agent.conf', 'old');
  const files = new Map<string, string>();
  const upstream = await startScripted(async (peer, count) => {
    if (count === 0) {
      await takeSlowly(peer, () => {
        put(spool, 'agent.conf', 'newer');
      });
    }
    await oblige(peer, files);
  });
  const proxy = forwarding({ spool, port: upstream.port, retry: QUICK });
  proxy.forwarder.start();
  await emptied(proxy);
  expect(files).toEqual(new Map([['agent.conf', 'newer']]));
});

test('a file that is replaced is not lost when the upstream keeps the one it took', async () => {
  const spool = temporarySpool();
  put(spool, 'agent.1.data', 'old');
  const upstream = await startScripted(async (peer) => {
    await takeSlowly(peer, () => {
      put(spool, 'agent.1.data', 'newer');
    });
    await peer.answer('SEND ERR (file already exists)\n');
    await peer.gone;
  });
  const proxy = forwarding({ spool, port: upstream.port, retry: QUICK });
  proxy.forwarder.start();
  await emptied(proxy);
  expect(readFileSync(join(spool, 'rejected/agent.1.data'), 'utf8')).toBe('newer');
});

test('a file that is deleted while it waits, or while it is being sent, is no error', async () => {
  const spool = temporarySpool();
  put(spool, 'a.data', 'a', 1);
  put(spool, 'b.data', 'b', 2);
  const files = new Map<string, string>();
  const upstream = await startScripted(async (peer) => {
    await takeSlowly(peer, () => {
      for (const name of ['a.data', 'b.data']) renameSync(join(spool, name), join(spool, `.${name}`));
      put(spool, 'c.data');
    });
    await oblige(peer, files);
  });
  const proxy = forwarding({ spool, port: upstream.port, connections: 1, retry: QUICK });
  proxy.forwarder.start();
  await expect.poll(() => [...files.keys()]).toEqual(['c.data']);
  expect(proxy.records.filter(({ level }) => level !== 'event' && level !== 'detail')).toEqual([]);
});

test('a file for which there is no room now waits, and others go on', async () => {
  const spool = temporarySpool();
  put(spool, 'big.data', 'big', 1);
  put(spool, 'small.data', 'small', 2);
  const files = new Map<string, string>();
  const upstream = await startScripted(async (peer) => {
    await peer.answer('SEND ERR (not enough space)\n');
    await oblige(peer, files);
  });
  const proxy = forwarding({ spool, port: upstream.port, connections: 1, retry: QUICK });
  proxy.forwarder.start();
  await emptied(proxy);
  expect([...files.keys()]).toEqual(['small.data', 'big.data']);
  expect(proxy.rejected()).toEqual([]);
});

test('an upstream that refuses eight files in a row is left alone for a while', async () => {
  const spool = temporarySpool();
  for (let index = 0; index < 20; index++) put(spool, `f${String(index)}.data`);
  let room = false;
  const files = new Map<string, string>();
  const upstream = await startScripted(async (peer) => {
    while (!room) await peer.answer('SEND ERR (cannot store file)\n');
    await oblige(peer, files);
  });
  const proxy = forwarding({
    ...{ spool, port: upstream.port, connections: 1 },
    retry: { firstMs: 1500, longestMs: 1500 },
  });
  proxy.forwarder.start();
  await expect
    .poll(() => proxy.lines)
    .toContainEqual(line('8 files in a row could not be forwarded (127.0.0.1'));
  // The pause is under way: the connection ends, and no file was tried in it.
  await expect.poll(() => upstream.peers[0]?.heard).toMatch(/QUIT/);
  expect(upstream.peers).toHaveLength(1);
  expect(upstream.peers[0]?.heard.match(/SEND/g)).toHaveLength(8);
  room = true;
  await emptied(proxy);
  expect(files.size).toBe(20);
  expect(proxy.lines).toContainEqual(line('notice: Files get through to 127.0.0.1'));
});

test('a file that ends every connection does not hold up the others, and is named at last', async () => {
  const spool = temporarySpool();
  put(spool, 'poison.data', 'poison', 1);
  for (let index = 0; index < 10; index++) put(spool, `f${String(index)}.data`, 'x', 2);
  const files = new Map<string, string>();
  const poisoned: Script = async (peer) => {
    for (;;) {
      const text = await peer.line();
      if (text.includes('poison')) {
        peer.reset();
        return;
      }
      const name = /<(.*)>/.exec(text)?.[1];
      if (name === undefined) {
        peer.close();
        return;
      }
      peer.send('SEND OK\n');
      files.set(name, await peer.take(1));
      peer.send('SEND OK\n');
    }
  };
  const upstream = await startScripted(poisoned);
  const proxy = forwarding({ spool, port: upstream.port, connections: 1, retry: QUICK });
  proxy.forwarder.start();
  await expect
    .poll(() => proxy.lines)
    .toContainEqual(line("warning: File 'poison.data' not forwarded, attempt 5: Connection to 127.0.0.1"));
  expect(files.size).toBe(10);
  expect(proxy.waiting()).toEqual(['poison.data']);
  expect(proxy.rejected()).toEqual([]);
});

test('while the upstream is away files wait; somebody else who reaches it ends the pause', async () => {
  const [spool, centre] = [temporarySpool(), temporarySpool()];
  const upstream = await startWorker({ directory: centre });
  await upstream.worker.drain();
  put(spool, 'a.data');
  const proxy = forwarding({ spool, port: upstream.port });
  proxy.forwarder.start();
  await expect.poll(() => proxy.upstreams.states).toEqual([expect.objectContaining({ kind: 'away' })]);
  await restart(upstream);
  const reached = await proxy.upstreams.reach((server) => connect(server));
  reached.value.close();
  reached.release();
  await emptied(proxy);
  expect(namesIn(centre)).toEqual(['a.data']);
});

test('at its end the file in progress is confirmed and deleted, and no other is begun', async () => {
  const spool = temporarySpool();
  put(spool, 'a.data', 'a', 1);
  put(spool, 'b.data', 'b', 2);
  let stopped: Promise<void> = Promise.resolve();
  const upstream = await startScripted(async (peer) => {
    await takeSlowly(peer, () => {
      stopped = proxy.forwarder.stop();
    });
    await oblige(peer);
  });
  const proxy = forwarding({ spool, port: upstream.port, connections: 1 });
  proxy.forwarder.start();
  await expect.poll(() => existsSync(join(spool, 'a.data'))).toBe(false);
  await stopped;
  expect(proxy.waiting()).toEqual(['b.data']);
  expect(upstream.peers.map(({ heard }) => heard)).toEqual(['SEND <a.data> SIZE 1\naQUIT\n']);
});

test('a file that waits alone takes one connection, many take several', async () => {
  const spool = temporarySpool();
  let open = 0;
  let most = 0;
  const upstream = await startScripted(async (peer) => {
    most = Math.max(most, ++open);
    await oblige(peer).finally(() => open--);
  });
  const proxy = forwarding({ spool, port: upstream.port, connections: 3 });
  proxy.forwarder.start();
  await proxy.queue.look();
  for (let index = 0; index < 10; index++) {
    put(spool, `a${String(index)}.data`);
    proxy.queue.added(`a${String(index)}.data`, 8);
    await expect.poll(proxy.waiting).toEqual([]);
  }
  expect(upstream.peers).toHaveLength(1);
  for (let index = 0; index < 500; index++) {
    put(spool, `b${String(index)}.data`);
    proxy.queue.added(`b${String(index)}.data`, 8);
  }
  await emptied(proxy);
  expect(most).toBe(3);
});
