/** Mode sync: a directory and its bucket are equal again a moment after either was changed. */
import { createHash, randomBytes } from 'node:crypto';
import {
  closeSync,
  existsSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { Bucket, type Stored } from '../../../src/jetstream/bucket.ts';
import { Cluster } from '../../../src/jetstream/cluster.ts';
import { Synchronising } from '../../../src/jetstream/sync/synchronising.ts';
import { compileInvalidChars, DEFAULT_INVALID_CHARS } from '../../../src/protocol/file-name.ts';
import { parseFilters } from '../../../src/settings/filters.ts';
import type { SyncMode } from '../../../src/settings/settings.ts';
import { recordLog, type RecordedLog } from '../../support/log.ts';
import { Nats } from '../../support/nats.ts';
import { temporarySpool } from '../../support/temporary.ts';

let nats: Nats;
let number = 0;

beforeAll(async () => {
  nats = await Nats.start();
});
afterAll(() => nats.stop());

/** A console with its directory, and a service beside it. */
class Console {
  readonly spool = temporarySpool('conf', 'md5');
  readonly conf = join(this.spool, 'conf');
  readonly #stream: string;
  log: RecordedLog = recordLog();
  #service: Synchronising | undefined;

  constructor(stream: string) {
    this.#stream = stream;
    onTestFinished(() => this.stop());
  }

  /** Resolves when both sides were compared. */
  async start(): Promise<void> {
    const log = recordLog();
    this.log = log;
    const { filters } = parseFilters(String.raw`.*\.conf:conf;.*\.md5:md5`, 'test');
    const cluster = await Cluster.open(nats.settings({ stream: this.#stream }), {
      log: log.log,
      name: 'test',
    });
    const mode: SyncMode = {
      kind: 'sync',
      jetstream: cluster.settings,
      spool: { directory: this.spool, filters, overwrite: false, fsync: true, minFreeSpace: 0, maxFiles: 0 },
      directories: ['conf', 'md5'],
      invalidChars: compileInvalidChars(DEFAULT_INVALID_CHARS),
    };
    const service = new Synchronising(mode, { log: log.log, cluster });
    this.#service = service;
    await service.clean(new AbortController().signal);
    service.lead();
  }

  async stop(): Promise<void> {
    const service = this.#service;
    this.#service = undefined;
    await service?.finish();
    service?.cut();
  }

  write(name: string, content: string | Buffer, mtime?: number): void {
    writeFileSync(join(this.conf, name), content);
    if (mtime !== undefined) utimesSync(join(this.conf, name), mtime, mtime);
  }

  read(name: string): string | undefined {
    const path = join(this.conf, name);
    return existsSync(path) ? readFileSync(path, 'latin1') : undefined;
  }

  /** What is there beside what we made for ourselves. */
  get names(): string[] {
    return readdirSync(this.conf).filter((name) => !name.startsWith('.'));
  }

  /** What lost: its content. */
  get losers(): string[] {
    const names = readdirSync(this.conf).filter((name) => name.startsWith('.conflict-'));
    return names.map((name) => readFileSync(join(this.conf, name), 'latin1'));
  }
}

/** What a receiver sees. */
class Receiver {
  readonly cluster: Cluster;
  readonly bucket: Bucket;

  static async open(stream: string): Promise<Receiver> {
    const cluster = await Cluster.open(nats.settings({ stream }), { log: recordLog().log, name: 'receiver' });
    onTestFinished(() => cluster.close());
    await cluster.connected(10_000);
    return new Receiver(cluster, new Bucket(cluster, `${stream}_conf`));
  }

  private constructor(cluster: Cluster, bucket: Bucket) {
    this.cluster = cluster;
    this.bucket = bucket;
  }

  put(name: string, content: string | Buffer, modifiedAt?: number): Promise<Stored> {
    const bytes = ReadableStream.from([Buffer.from(content as string)]) as ReadableStream<Uint8Array>;
    return this.bucket.put(name, bytes, { modifiedAt });
  }

  async read(name: string): Promise<string | undefined> {
    const stored = await this.bucket.look(name);
    if (stored === undefined || stored.deleted) return undefined;
    const parts: Buffer[] = [];
    for await (const part of this.bucket.content(stored)) parts.push(part);
    return Buffer.concat(parts).toString('latin1');
  }

  async remove(name: string): Promise<void> {
    const stored = await this.bucket.look(name);
    if (stored !== undefined) await this.bucket.remove(stored);
  }

  async names(): Promise<string[]> {
    return (await this.bucket.list()).map(({ name }) => name).sort();
  }
}

interface Site {
  readonly stream: string;
  readonly console: Console;
  readonly receiver: Receiver;
}

/** Both empty, and not started. */
async function site(): Promise<Site> {
  const stream = `Y${String(number++)}`;
  await nats.setUp(['conf', 'md5'], { stream });
  return { stream, console: new Console(stream), receiver: await Receiver.open(stream) };
}

/** Waits for a line of its log. */
async function said(console: Console, text: string | RegExp): Promise<void> {
  await expect.poll(() => console.log.lines.join('\n'), FAST).toMatch(text);
}

const FAST = { timeout: 20_000, interval: 10 };
const hours = (count: number): number => Date.now() / 1000 - 3600 * count;

/** What it takes until it is so, in milliseconds. */
async function timed(isSo: () => Promise<boolean> | boolean): Promise<number> {
  const begun = performance.now();
  await expect.poll(isSo, FAST).toBe(true);
  return performance.now() - begun;
}

describe('changes', () => {
  test('of the console are in the store within a second: a new file, another content, a deletion', async () => {
    const { console, receiver } = await site();
    await console.start();
    console.write('first.conf', 'one');
    await expect.poll(() => receiver.read('first.conf'), FAST).toBe('one');
    const times: number[] = [];
    console.write('a.conf', 'one');
    times.push(await timed(async () => (await receiver.read('a.conf')) === 'one'));
    console.write('a.conf', 'two');
    times.push(await timed(async () => (await receiver.read('a.conf')) === 'two'));
    rmSync(join(console.conf, 'a.conf'));
    times.push(await timed(async () => (await receiver.read('a.conf')) === undefined));
    expect(Math.max(...times)).toBeLessThan(1000);
    const stored = await receiver.bucket.look('first.conf');
    expect(stored?.modifiedAt).toBe(Math.round(statSync(join(console.conf, 'first.conf')).mtimeMs));
    await said(console, "event: Gave 'conf/a.conf' size 3b to the store");
    await said(console, "event: Deleted 'conf/a.conf' in the store, as it was here");
  });

  test('of the store are in the directory within a second, with their time', async () => {
    const { console, receiver } = await site();
    await console.start();
    await receiver.put('first.conf', 'one');
    await expect.poll(() => console.read('first.conf'), FAST).toBe('one');
    const times: number[] = [];
    await receiver.put('a.conf', 'one', 1_700_000_000_123);
    times.push(await timed(() => console.read('a.conf') === 'one'));
    expect(Math.round(statSync(join(console.conf, 'a.conf')).mtimeMs)).toBe(1_700_000_000_123);
    await receiver.put('a.conf', 'two');
    times.push(await timed(() => console.read('a.conf') === 'two'));
    await receiver.remove('a.conf');
    times.push(await timed(() => console.read('a.conf') === undefined));
    expect(Math.max(...times)).toBeLessThan(1000);
    await said(console, "event: Took 'conf/a.conf' size 3b from the store");
    await said(console, "event: Deleted 'conf/a.conf', as it was in the store");
    expect(console.losers).toEqual([]);
  });

  test('of files of any size, of none, and with any bytes in their names', async () => {
    const { console, receiver } = await site();
    await console.start();
    const large = randomBytes(3_000_000);
    console.write('large.conf', large);
    console.write('empty.conf', '');
    const odd = Buffer.from('\xff\xe4 .conf', 'latin1');
    writeFileSync(Buffer.concat([Buffer.from(`${console.conf}/`), odd]), 'x');
    await expect.poll(async () => (await receiver.names()).length, FAST).toBe(3);
    expect(await receiver.read('\xff\xe4 .conf')).toBe('x');
    expect(await receiver.read('empty.conf')).toBe('');
    expect((await receiver.bucket.look('large.conf'))?.sha256).toBe(
      createHash('sha256').update(large).digest('base64url'),
    );
    const long = `${'x'.repeat(250)}.conf`;
    await receiver.put(long, large);
    await expect.poll(() => console.read(long)?.length, FAST).toBe(large.length);
  });

  test('a file that is written bit by bit is given once, whole', async () => {
    const { console, receiver } = await site();
    await console.start();
    await expect.poll(() => existsSync(join(console.conf, '.tentacle-sync')), FAST).toBe(true);
    const file = openSync(join(console.conf, 'slow.conf'), 'w');
    for (let piece = 0; piece < 15; piece++) {
      writeSync(file, `piece ${String(piece)}\n`);
      await new Promise((resolve) => setTimeout(resolve, 60));
    }
    closeSync(file);
    const whole = console.read('slow.conf');
    await expect.poll(() => receiver.read('slow.conf'), FAST).toBe(whole);
    await said(console, 'Gave');
    expect(console.log.lines.filter((line) => line.includes('Gave'))).toHaveLength(1);
  });

  test('of what is no file of theirs stay where they are', async () => {
    const { console, receiver } = await site();
    const elsewhere = join(console.spool, 'secret');
    writeFileSync(elsewhere, 'secret');
    await console.start();
    for (const name of ['.hidden.conf', 'a.conf~', 'a.txt', '.conflict-x.conf']) console.write(name, 'x');
    symlinkSync(elsewhere, join(console.conf, 'link.conf'));
    await receiver.put('other.txt', 'x');
    await receiver.put('../up.conf', 'x');
    await receiver.put('link.conf', 'x');
    console.write('last.conf', 'x');
    await receiver.put('there.conf', 'x');
    await expect.poll(() => receiver.read('last.conf'), FAST).toBe('x');
    await expect.poll(() => console.read('there.conf'), FAST).toBe('x');
    await said(console, 'it is a link or a directory');
    expect((await receiver.names()).filter((name) => /hidden|~|a.txt|conflict/.test(name))).toEqual([]);
    expect(readdirSync(console.spool).sort()).toEqual(['conf', 'md5', 'secret']);
    expect(console.names.sort()).toEqual(['a.conf~', 'a.txt', 'last.conf', 'link.conf', 'there.conf']);
    expect(readFileSync(elsewhere, 'utf8')).toBe('secret');
  });

  test('of nothing but the time are none', async () => {
    const { console, receiver } = await site();
    console.write('a.conf', 'one', hours(2));
    await console.start();
    await expect.poll(() => receiver.read('a.conf'), FAST).toBe('one');
    const before = await receiver.bucket.look('a.conf');
    console.write('a.conf', 'one', hours(1));
    console.write('b.conf', 'two');
    await expect.poll(() => receiver.read('b.conf'), FAST).toBe('two');
    expect(await receiver.bucket.look('a.conf')).toEqual(before);
  });
});

describe('changes that nobody reports', () => {
  test('are found by looking: through another name of the file, as on another host of a file server', async () => {
    const { console, receiver } = await site();
    console.write('a.conf', 'one', hours(1));
    linkSync(join(console.conf, 'a.conf'), join(console.spool, 'other'));
    await console.start();
    await expect.poll(() => receiver.read('a.conf'), FAST).toBe('one');
    console.write('b.conf', 'one');
    await expect.poll(() => receiver.read('b.conf'), FAST).toBe('one');
    writeFileSync(join(console.spool, 'other'), 'two');
    await expect.poll(() => receiver.read('a.conf'), { timeout: 50_000, interval: 100 }).toBe('two');
  });

  test('a damaged file in the store is told, and taken when it is whole again', async () => {
    const { stream, console, receiver } = await site();
    await console.start();
    const stored = await receiver.put('a.conf', 'one');
    await expect.poll(() => console.read('a.conf'), FAST).toBe('one');
    await console.stop();
    const other = await receiver.put('b.conf', 'two');
    await receiver.cluster.use(({ jsm }) =>
      jsm.streams.purge(`OBJ_${stream}_conf`, { filter: `$O.${stream}_conf.C.${other.id}` }),
    );
    await console.start();
    await said(console, /Cannot keep 'conf\/b.conf' and the store equal: it was replaced while/);
    expect(console.names).toEqual([stored.name]);
    await receiver.put('b.conf', 'three');
    await expect.poll(() => console.read('b.conf'), FAST).toBe('three');
  });
});

describe('conflicts: the newest wins, and the other is kept beside it', () => {
  test('the directory is newer', async () => {
    const { console, receiver } = await site();
    console.write('a.conf', 'here', hours(1));
    await receiver.put('a.conf', 'there', hours(2) * 1000);
    await console.start();
    await expect.poll(() => receiver.read('a.conf'), FAST).toBe('here');
    expect(console.read('a.conf')).toBe('here');
    expect(console.losers).toEqual(['there']);
    await said(
      console,
      /warning: 'conf\/a.conf' was changed on both sides: that of the directory is newer.*'conf\/\.conflict-[0-9T.]+Z-a\.conf'/,
    );
  });

  test('the store is newer', async () => {
    const { console, receiver } = await site();
    console.write('a.conf', 'here', hours(2));
    const name = `${'x'.repeat(250)}.conf`;
    console.write(name, 'long', hours(2));
    await receiver.put('a.conf', 'there', hours(1) * 1000);
    await receiver.put(name, 'longer', hours(1) * 1000);
    await console.start();
    await expect.poll(() => console.read('a.conf'), FAST).toBe('there');
    await expect.poll(() => console.read(name), FAST).toBe('longer');
    expect(await receiver.read('a.conf')).toBe('there');
    expect(console.losers.sort()).toEqual(['here', 'long']);
    await said(console, 'that of the store is newer and stays');
  });

  test('a deletion loses against a change', async () => {
    const { console, receiver } = await site();
    console.write('a.conf', 'one');
    console.write('b.conf', 'one');
    await console.start();
    await expect.poll(() => receiver.names(), FAST).toEqual(['a.conf', 'b.conf']);
    await expect.poll(() => receiver.read('b.conf'), FAST).toBe('one');
    await console.stop();
    rmSync(join(console.conf, 'a.conf'));
    await receiver.put('a.conf', 'two');
    console.write('b.conf', 'two');
    await receiver.remove('b.conf');
    await console.start();
    await expect.poll(() => console.read('a.conf'), FAST).toBe('two');
    await expect.poll(() => receiver.read('b.conf'), FAST).toBe('two');
    expect(console.losers).toEqual([]);
  });
});

describe('outages', () => {
  test('what was changed on both sides while nobody looked is made equal', async () => {
    const { console, receiver } = await site();
    for (const name of ['same', 'here', 'there', 'gone-here', 'gone-there', 'both'])
      console.write(`${name}.conf`, '1');
    await console.start();
    await expect.poll(async () => (await receiver.names()).length, FAST).toBe(6);
    await console.stop();
    console.write('here.conf', '2');
    console.write('new-here.conf', '2');
    rmSync(join(console.conf, 'gone-here.conf'));
    await receiver.put('there.conf', '3');
    await receiver.put('new-there.conf', '3');
    await receiver.remove('gone-there.conf');
    console.write('both.conf', '4');
    await receiver.put('both.conf', '4');
    await console.start();
    const expected = { same: '1', here: '2', 'new-here': '2', there: '3', 'new-there': '3', both: '4' };
    await expect.poll(() => console.read('new-there.conf'), FAST).toBe('3');
    await expect.poll(() => receiver.read('gone-here.conf'), FAST).toBeUndefined();
    for (const [name, content] of Object.entries(expected)) {
      await expect.poll(() => console.read(`${name}.conf`), FAST).toBe(content);
      await expect.poll(() => receiver.read(`${name}.conf`), FAST).toBe(content);
    }
    expect(console.names).toHaveLength(6);
    expect(await receiver.names()).toHaveLength(6);
    expect(console.losers).toEqual([]);
  });

  test('while JetStream is away nothing is lost, and afterwards all is equal', async () => {
    const { console, receiver } = await site();
    console.write('a.conf', 'one');
    console.write('b.conf', 'one');
    await console.start();
    await expect.poll(() => receiver.names(), FAST).toEqual(['a.conf', 'b.conf']);
    await nats.kill(0);
    console.write('a.conf', 'two');
    console.write('c.conf', 'three');
    rmSync(join(console.conf, 'b.conf'));
    await said(console, 'cannot be used');
    nats.begin(0);
    await nats.ready();
    await receiver.cluster.connected(20_000);
    await expect.poll(() => receiver.read('a.conf').catch(() => undefined), FAST).toBe('two');
    await expect.poll(() => receiver.names(), FAST).toEqual(['a.conf', 'c.conf']);
    await receiver.put('a.conf', 'four');
    await expect.poll(() => console.read('a.conf'), FAST).toBe('four');
  });

  test('a stop waits for no answer of a JetStream that hangs for longer than any request may take', async () => {
    const { console, receiver } = await site();
    await console.start();
    console.write('a.conf', 'one');
    await expect.poll(() => receiver.read('a.conf'), FAST).toBe('one');
    nats.signal(0, 'SIGSTOP');
    try {
      for (let file = 0; file < 20; file++) console.write(`${String(file)}.conf`, randomBytes(500_000));
      await said(console, /Cannot keep|cannot be used/);
      await console.stop();
    } finally {
      nats.signal(0, 'SIGCONT');
    }
    await console.start();
    await expect.poll(async () => (await receiver.names().catch(() => [])).length, FAST).toBe(21);
  });

  test('a bucket that was made anew is filled again, and what is in it already is taken', async () => {
    const { stream, console, receiver } = await site();
    console.write('a.conf', 'one');
    console.write('b.conf', 'one', hours(2));
    await console.start();
    await expect.poll(() => receiver.names(), FAST).toEqual(['a.conf', 'b.conf']);
    await receiver.cluster.use(({ jsm }) => jsm.streams.delete(`OBJ_${stream}_conf`));
    await nats.setUp(['conf', 'md5'], { stream });
    await receiver.put('b.conf', 'newer');
    await expect.poll(() => receiver.read('a.conf'), FAST).toBe('one');
    await expect.poll(() => console.read('b.conf'), FAST).toBe('newer');
    expect(console.read('a.conf')).toBe('one');
  });
});

describe('a directory that was emptied', () => {
  async function emptied(): Promise<Site> {
    const all = await site();
    const { console, receiver } = all;
    for (let file = 0; file < 40; file++) console.write(`${String(file)}.conf`, String(file), hours(1));
    await console.start();
    await expect.poll(async () => (await receiver.names()).length, FAST).toBe(40);
    for (const name of console.names) rmSync(join(console.conf, name));
    await said(console, 'error: 40 of 40 files vanished at once');
    return all;
  }

  test('deletes nothing in the store; the operator gets it back by removing the memory', async () => {
    const { console, receiver } = await emptied();
    await console.stop();
    await console.start();
    await said(console, 'vanished at once');
    console.write('new.conf', 'x');
    await expect.poll(() => receiver.read('new.conf'), FAST).toBe('x');
    expect(await receiver.names()).toHaveLength(41);
    rmSync(join(console.conf, '.tentacle-sync'));
    await expect.poll(() => console.names.length, FAST).toBe(41);
  });

  test('deletes all when the operator says so', async () => {
    const { console, receiver } = await emptied();
    console.write('.tentacle-sync.delete', '');
    await expect.poll(() => receiver.names(), FAST).toEqual([]);
    expect(existsSync(join(console.conf, '.tentacle-sync.delete'))).toBe(false);
  });

  test('goes on as before when the files are back', async () => {
    const { console, receiver } = await emptied();
    for (let file = 0; file < 40; file++) console.write(`${String(file)}.conf`, String(file), hours(1));
    console.write('new.conf', 'x');
    await expect.poll(() => receiver.read('new.conf'), FAST).toBe('x');
    rmSync(join(console.conf, '7.conf'));
    await expect.poll(() => receiver.read('7.conf'), FAST).toBeUndefined();
    expect(await receiver.names()).toHaveLength(40);
  });

  test('or replaced by an empty one, as when a disk is not mounted, is filled, and deletes nothing', async () => {
    const { console, receiver } = await site();
    for (let file = 0; file < 5; file++) console.write(`${String(file)}.conf`, 'x', hours(1));
    await console.start();
    await expect.poll(async () => (await receiver.names()).length, FAST).toBe(5);
    renameSync(console.conf, `${console.conf}.away`);
    await receiver.put('new.conf', 'x');
    await said(console, 'Cannot keep');
    mkdirSync(console.conf);
    await expect.poll(() => console.names.length, FAST).toBe(6);
    expect(await receiver.names()).toHaveLength(6);
    console.write('0.conf', 'y');
    await expect.poll(() => receiver.read('0.conf'), FAST).toBe('y');
  });

  test('or that is away for a while, deletes nothing', async () => {
    const { console, receiver } = await site();
    console.write('a.conf', 'one');
    await console.start();
    await expect.poll(() => receiver.read('a.conf'), FAST).toBe('one');
    renameSync(console.conf, `${console.conf}.away`);
    await receiver.put('b.conf', 'two');
    await said(console, 'Cannot keep');
    renameSync(`${console.conf}.away`, console.conf);
    await expect.poll(() => console.read('b.conf'), FAST).toBe('two');
    expect(await receiver.names()).toEqual(['a.conf', 'b.conf']);
  });
});

describe('many', () => {
  test('2,000 files at the first start', async () => {
    const { console, receiver } = await site();
    for (let file = 0; file < 1000; file++) {
      console.write(`h${String(file)}.conf`, `here ${String(file)}`, hours(1));
    }
    for (let file = 0; file < 1000; file++)
      await receiver.put(`t${String(file)}.conf`, `there ${String(file)}`);
    await console.start();
    await expect.poll(() => console.names.length, { timeout: 60_000, interval: 20 }).toBe(2000);
    await expect.poll(async () => (await receiver.names()).length, { timeout: 60_000 }).toBe(2000);
    for (let file = 0; file < 1000; file += 50) {
      expect(await receiver.read(`h${String(file)}.conf`)).toBe(`here ${String(file)}`);
      expect(console.read(`t${String(file)}.conf`)).toBe(`there ${String(file)}`);
    }
  }, 120_000);

  test('two consoles do not fight', async () => {
    const { stream, console: one, receiver } = await site();
    const other = new Console(stream);
    for (const console of [one, other])
      for (let file = 0; file < 20; file++) console.write(`${String(file)}.conf`, 'x');
    one.write('old.conf', 'of one', hours(3));
    other.write('old.conf', 'of other', hours(2));
    await Promise.all([one.start(), other.start()]);
    await expect.poll(() => one.read('old.conf'), FAST).toBe('of other');
    expect([...one.losers, ...other.losers]).toContain('of one');
    for (let round = 0; round < 20; round++) {
      const [from, to] = round % 2 === 0 ? [one, other] : [other, one];
      from.write('a.conf', `round ${String(round)}`);
      await expect.poll(() => to.read('a.conf'), FAST).toBe(`round ${String(round)}`);
    }
    one.write('end.conf', 'x');
    await expect.poll(() => other.read('end.conf'), FAST).toBe('x');
    // 20 that were equal, one conflict, 20 rounds, the end: nothing was stored more often than it was changed.
    const { revision } = await receiver.bucket.end();
    const stored = await receiver.bucket.look('end.conf');
    expect(stored?.revision).toBe(revision);
    const given = [one, other].flatMap(({ log }) => log.lines.filter((line) => line.includes('Gave')));
    expect(given.filter((line) => line.includes('a.conf'))).toHaveLength(20);
    expect(given.length).toBeLessThanOrEqual(20 + 20 + 2 + 1);
  });

  test('two consoles and receivers that change the same files at the same time, through an outage, end up equal', async () => {
    const { stream, console: one, receiver } = await site();
    const other = new Console(stream);
    await Promise.all([one.start(), other.start()]);
    const random = (below: number): number => Math.floor(Math.random() * below);
    const change = async (round: number): Promise<void> => {
      const name = `${String(random(8))}.conf`;
      const where = [one, other, receiver][random(3)] ?? one;
      const isDeletion = random(4) === 0;
      if (where instanceof Console) {
        if (isDeletion) rmSync(join(where.conf, name), { force: true });
        else where.write(name, `${String(round)} `.repeat(1 + random(50_000)));
      } else if (isDeletion) await where.remove(name).catch(() => undefined);
      else await where.put(name, String(round)).catch(() => undefined);
    };
    for (let round = 0; round < 150; round++) {
      await change(round);
      await new Promise((resolve) => setTimeout(resolve, random(40)));
      if (round === 60) await nats.kill(0);
      if (round === 90) nats.begin(0);
    }
    await nats.ready();
    const contents = (console: Console): string[] =>
      console.names.sort().map((name) => `${name} ${console.read(name) ?? ''}`);
    const stored = async (): Promise<string[]> => {
      const names = await receiver.names();
      return Promise.all(names.map(async (name) => `${name} ${(await receiver.read(name)) ?? ''}`));
    };
    const isEqual = async (): Promise<boolean> => {
      const there = await stored().catch(() => undefined);
      return there !== undefined && [one, other].every((each) => isDeepStrictEqual(contents(each), there));
    };
    await expect.poll(isEqual, { timeout: 60_000, interval: 300 }).toBe(true);
    // And stay so.
    const { revision } = await receiver.bucket.end();
    one.write('end.conf', 'x');
    await expect.poll(() => other.read('end.conf'), FAST).toBe('x');
    expect(await isEqual()).toBe(true);
    expect((await receiver.bucket.look('end.conf'))?.revision).toBeLessThanOrEqual(revision + 2);
  }, 120_000);
});
