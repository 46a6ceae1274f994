/** Mode sync as an administrator runs it: reloaded, stopped, and killed in the middle of its work. */
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { Bucket } from '../../src/jetstream/bucket.ts';
import { Cluster } from '../../src/jetstream/cluster.ts';
import { recordLog } from '../support/log.ts';
import { Nats } from '../support/nats.ts';
import { isAlive } from '../support/processes.ts';
import { ServerProcess } from '../support/program.ts';
import { temporaryDirectory, temporarySpool } from '../support/temporary.ts';

const FILTERS = String.raw`.*\.conf:conf;.*\.md5:md5;.*\.zip:collections`;
const SLOW = { timeout: 60_000, interval: 20 };
let nats: Nats;
let number = 0;

beforeAll(async () => {
  nats = await Nats.start();
});
afterAll(() => nats.stop());

interface Site {
  readonly conf: string;
  readonly bucket: Bucket;
  readonly start: (...more: string[]) => Promise<ServerProcess>;
}

async function site(): Promise<Site> {
  const stream = `P${String(number++)}`;
  await nats.setUp(['conf', 'md5', 'collections'], { stream });
  const cluster = await Cluster.open(nats.settings({ stream }), { log: recordLog().log, name: 'receiver' });
  onTestFinished(() => cluster.close());
  await cluster.connected(10_000);
  const spool = temporarySpool('conf', 'md5', 'collections');
  const where = ['-s', spool, '--sync', '--filters', FILTERS, '--nats-servers', nats.servers];
  const start = async (...more: string[]): Promise<ServerProcess> => {
    const args = [...where, '--nats-stream', stream, '-V', ...more];
    const server = await ServerProcess.start(args, { listening: () => Promise.resolve() });
    await server.logged('Connected to NATS');
    return server;
  };
  return { conf: join(spool, 'conf'), bucket: new Bucket(cluster, `${stream}_conf`), start };
}

/** What a file of this name holds, of up to 300 KB: so each is more than one message. */
function contentOf(name: string): Buffer {
  const seed = createHash('sha512').update(name).digest();
  return Buffer.concat(Array.from({ length: 1 + (seed.readUInt16BE() % 4700) }, () => seed));
}

async function put({ bucket }: Site, name: string, content: Buffer): Promise<void> {
  await bucket.put(name, ReadableStream.from([content]));
}

async function read({ bucket }: Site, name: string): Promise<string | undefined> {
  const stored = await bucket.look(name);
  if (stored === undefined || stored.deleted) return undefined;
  const parts: Buffer[] = [];
  for await (const part of bucket.content(stored)) parts.push(part);
  return Buffer.concat(parts).toString();
}

function visible({ conf }: Site): string[] {
  return readdirSync(conf).filter((name) => !name.startsWith('.'));
}

function whole(at: Site): void {
  for (const name of visible(at))
    if (!readFileSync(join(at.conf, name)).equals(contentOf(name))) throw new Error(`${name} is not whole`);
}

async function kill(server: ServerProcess): Promise<void> {
  const pids = server.workers();
  server.child.kill('SIGKILL');
  for (const pid of pids) process.kill(pid, 'SIGKILL');
  await server.exited;
  await expect.poll(() => pids.some(isAlive), SLOW).toBe(false);
}

test('goes on through a reload, and stops when it is told to', async () => {
  const at = await site();
  const conf = join(temporaryDirectory(), 'tentacle_server.conf');
  writeFileSync(conf, 'umask 0027\n');
  const server = await at.start('-F', conf);
  writeFileSync(join(at.conf, 'a.conf'), 'one');
  await expect.poll(() => read(at, 'a.conf'), SLOW).toBe('one');
  writeFileSync(`${conf}.new`, 'umask 0077\n');
  renameSync(`${conf}.new`, conf);
  server.child.kill('SIGHUP');
  await server.logged('umask: ');
  writeFileSync(join(at.conf, 'a.conf'), 'two');
  await expect.poll(() => read(at, 'a.conf'), SLOW).toBe('two');
  await put(at, 'b.conf', Buffer.from('three'));
  await expect.poll(() => visible(at).includes('b.conf'), SLOW).toBe(true);
  expect(readFileSync(join(at.conf, 'b.conf'), 'utf8')).toBe('three');
  const times = (text: string): number => server.output.split(text).length - 1;
  expect(times("Gave 'conf/a.conf'")).toBe(2);
  expect(await server.stop()).toBe(0);
  rmSync(join(at.conf, 'a.conf'));
  expect(await read(at, 'a.conf')).toBe('two');
  await at.start();
  await expect.poll(() => read(at, 'a.conf'), SLOW).toBeUndefined();
});

test('killed 4 times while 300 files are copied each way: equal at the end, and none is ever seen half', async () => {
  const at = await site();
  const names = (stem: string): string[] =>
    Array.from({ length: 300 }, (_, file) => `${stem}${String(file)}.conf`);
  for (const name of names('h')) writeFileSync(join(at.conf, name), contentOf(name));
  for (const name of names('t')) await put(at, name, contentOf(name));
  const taken = (): number => visible(at).filter((name) => name.startsWith('t')).length;
  for (let round = 1; round <= 4; round++) {
    const server = await at.start();
    await expect
      .poll(() => {
        whole(at);
        return taken();
      }, SLOW)
      .toBeGreaterThanOrEqual(round * 60);
    await kill(server);
    whole(at);
  }
  const server = await at.start();
  const both = [...names('h'), ...names('t')].sort();
  await expect.poll(() => visible(at).sort(), SLOW).toEqual(both);
  await expect.poll(async () => (await at.bucket.list()).map(({ name }) => name).sort(), SLOW).toEqual(both);
  whole(at);
  for (const { name, sha256 } of await at.bucket.list())
    expect(sha256).toBe(createHash('sha256').update(contentOf(name)).digest('base64url'));
  // Nothing of those that were killed is left, and nothing was taken for a conflict.
  await expect
    .poll(() => readdirSync(at.conf).filter((name) => name.startsWith('.')), SLOW)
    .toEqual(['.tentacle-sync']);
  expect(await server.stop()).toBe(0);
}, 240_000);

test('a bucket that is missing is told, with what to do', async () => {
  const at = await site();
  const server = await at.start('--nats-stream', 'NOTHING');
  await server.logged(/'conf' and the store equal: there is no bucket NOTHING_conf: run --setup-jetstream/);
  expect(await server.stop()).toBe(0);
});

test('directories that are missing are told, and kept equal as soon as they are there', async () => {
  const at = await site();
  rmSync(at.conf, { recursive: true });
  const server = await at.start();
  await server.logged(/conf does not exist: create it; until then it is not kept equal with the store/);
  await server.logged(/Cannot keep 'conf' and the store equal: it does not exist/);
  await put(at, 'a.conf', Buffer.from('one'));
  mkdirSync(at.conf);
  await expect.poll(() => visible(at), SLOW).toEqual(['a.conf']);
});
