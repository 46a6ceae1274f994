/** The server as a relay, as agents and administrators start it. */
import { execFileSync } from 'node:child_process';
import { openSync, closeSync, statSync, truncateSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runClient } from '../support/client-program.ts';
import { Dialogue } from '../support/dialogue.ts';
import { isAlive, peakOf } from '../support/processes.ts';
import { freePort, runServer, ServerProcess } from '../support/program.ts';
import { isRoot, testWith } from '../support/requires.ts';
import { store } from '../support/store.ts';
import { temporaryDirectory, temporarySpool } from '../support/temporary.ts';

function relayTo(port: number, args: readonly string[] = []): Promise<ServerProcess> {
  return ServerProcess.start(['-b', '127.0.0.1', '-g', String(port), ...args]);
}

test('P1 directory and filters are neither needed nor checked', async () => {
  const server = await ServerProcess.start(['-s', temporarySpool()]);
  const relay = await relayTo(server.port, ['-s', '/nonexistent', '-i', '(:nowhere']);
  expect(await store(await Dialogue.open(relay.port), 'a')).toBe('SEND OK\n');
});

test('P1 a relay to itself is refused at the start', async () => {
  const port = String(await freePort());
  const root = isRoot ? ['--allow-root'] : [];
  const { status, stderr } = runServer([
    '-a',
    '127.0.0.1',
    '-p',
    port,
    '-b',
    'localhost',
    '-g',
    port,
    ...root,
  ]);
  expect(stderr).toContain('is this server itself');
  expect(status).toBe(1);
});

test('P3 started as agents do, and killed as they do, it leaves nothing', async () => {
  const server = await ServerProcess.start(['-s', temporarySpool()]);
  const relay = await relayTo(server.port, ['-c', '10', '-t', '2']);
  const workers = relay.workers();
  expect(workers.length).toBeGreaterThan(0);
  const client = await Dialogue.open(relay.port);
  expect(await client.ask('SEND <a> SIZE 9\n')).toBe('SEND OK\n');

  await relay.stop('SIGKILL');
  expect(await client.rest()).toBe('');
  await expect.poll(() => workers.filter(isAlive)).toEqual([]);
  // Its port is free again.
  await ServerProcess.start(['-a', '127.0.0.1', '-p', String(relay.port), '-s', temporarySpool()], {
    port: relay.port,
  });
});

test('SIGTERM ends it while a relay is silent, and within the idle limit', async () => {
  const server = await ServerProcess.start(['-s', temporarySpool(), '-t', '60']);
  const relay = await relayTo(server.port, ['-t', '1', '-r', '0', '--drain-timeout', '50']);
  const client = await Dialogue.open(relay.port);
  expect(await client.ask('SEND <a> SIZE 9\n')).toBe('SEND OK\n');
  expect(await relay.stop()).toBe(0);
  expect(await client.rest()).toBe('');
});

const BIG = 500_000_000;
/** What the worker may add while 1 GB passes; buffers that wait for the collector are about 40 MB. */
const MOST_GROWTH = 100_000_000;

testWith(['cmp'], 'any size in constant memory: 500 MB there and back', async () => {
  const directory = temporaryDirectory();
  const spool = temporarySpool();
  const server = await ServerProcess.start(['-s', spool, '-m', String(BIG)]);
  const relay = await relayTo(server.port);
  expect(await store(await Dialogue.open(relay.port), 'small')).toBe('SEND OK\n');
  const [worker = 0] = relay.workers();
  const before = peakOf(worker);

  const big = join(directory, 'big.data');
  const file = openSync(big, 'w');
  for (let at = 0; at < BIG; at += 10_000_000) writeSync(file, `at ${String(at)}`, at);
  closeSync(file);
  truncateSync(big, BIG);
  const port = ['-p', String(relay.port)];
  expect(await runClient([...port, big])).toMatchObject({ code: 0, stderr: '' });
  execFileSync('cmp', [big, join(spool, 'big.data')]);
  const fetched = temporaryDirectory();
  expect(await runClient([...port, '-g', 'big.data'], { cwd: fetched })).toMatchObject({
    code: 0,
    stderr: '',
  });
  execFileSync('cmp', [big, join(fetched, 'big.data')]);
  expect(peakOf(worker) - before).toBeLessThan(MOST_GROWTH);

  // One byte more is the server's to refuse.
  truncateSync(big, BIG + 1);
  expect((await runClient([...port, big])).stderr).toContain('file is too big');
  expect(statSync(join(spool, 'big.data')).size).toBe(BIG);
});

testWith(
  ['root', 'unshare', 'mount'],
  'the name of an upstream is resolved anew for every connection',
  async () => {
    const spools = [temporarySpool(), temporarySpool()];
    const port = await freePort();
    const servers = ['127.0.0.2', '127.0.0.3'].map((address, index) =>
      ServerProcess.start(['-a', address, '-p', String(port), '-s', spools[index] ?? ''], { port }),
    );
    await Promise.all(servers);
    // A hosts file of its own, for the relay alone.
    const hosts = join(temporaryDirectory(), 'hosts');
    const pointTo = (address: string): void => {
      writeFileSync(hosts, `127.0.0.1 localhost\n${address} central.example\n`);
    };
    pointTo('127.0.0.2');
    const relay = await ServerProcess.start(['-b', 'central.example', '-g', String(port)], {
      through: ['unshare', '-m', 'sh', '-c', `mount --bind '${hosts}' /etc/hosts && exec "$@"`, 'sh'],
    });
    expect(await store(await Dialogue.open(relay.port), 'first')).toBe('SEND OK\n');
    pointTo('127.0.0.3');
    expect(await store(await Dialogue.open(relay.port), 'second')).toBe('SEND OK\n');
    expect(spools.map((spool) => execFileSync('ls', [spool], { encoding: 'utf8' }))).toEqual([
      'first\n',
      'second\n',
    ]);
  },
);
