/** Deliverers as processes beside three NATS servers: they come and go, are killed and stopped, and every file is there once. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { NatsConnection } from '@nats-io/transport-node';
import { jetstreamManager } from '@nats-io/jetstream';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { publish, STREAM } from '../support/delivering.ts';
import { namesIn } from '../support/forwarding.ts';
import { Nats } from '../support/nats.ts';
import { freePort, runServer, ServerProcess } from '../support/program.ts';
import { ServiceManager } from '../support/service-manager.ts';
import { temporarySpool } from '../support/temporary.ts';

const LONG = 180_000;
const SLOW = { timeout: 90_000 };
const FILES = 1000;
const AGENTS = 20;
const RECEIVED = Date.parse('2026-01-02T03:04:05.000Z');

let nats: Nats;
let connection: NatsConnection;

beforeAll(async () => {
  nats = await Nats.start({ nodes: 3 });
  connection = await nats.connect();
}, LONG);

afterAll(async () => {
  await connection.close();
  await nats.stop();
});

beforeEach(async () => {
  await nats.setUp();
  const jsm = await jetstreamManager(connection, { timeout: 20_000 });
  await jsm.streams.purge(STREAM);
}, LONG);

function start(directory: string): Promise<ServerProcess> {
  const args = ['--deliver', '-s', directory, '--nats-servers', nats.servers, '-v'];
  return ServerProcess.start(args, { says: `are delivered to ${directory}` });
}

/** Three, each with a directory of its own, that share the partitions. */
async function startThree(): Promise<{
  readonly directories: readonly string[];
  readonly servers: ServerProcess[];
}> {
  const directories = [temporarySpool(), temporarySpool(), temporarySpool()];
  const servers = await Promise.all(directories.map(start));
  for (const server of servers)
    await expect
      .poll(() => server.output, SLOW)
      .toMatch(/Delivers 1[01] of 32 partitions, beside 2 other deliverers/);
  return { directories, servers };
}

/** Publishes files of agents, those of each in order. */
class Publishing {
  static #count = 0;
  /** What was published lately is known to be a repeat. */
  readonly #site = `site${String(++Publishing.#count)}`;
  readonly names: readonly string[] = Array.from(
    { length: FILES },
    (_, index) => `${this.#site}-${String(index % AGENTS)}.${String(index)}.data`,
  );
  readonly done: Promise<unknown>;

  constructor() {
    this.done = Promise.all(Array.from({ length: AGENTS }, (_, agent) => this.#sendOf(agent)));
  }

  async #sendOf(agent: number): Promise<void> {
    for (const [index, name] of this.names.entries()) {
      if (index % AGENTS !== agent) continue;
      await publish(connection, { name, content: contentOf(name), receivedAt: RECEIVED + index * 1000 });
      // As agents do: over a while.
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

function contentOf(name: string): string {
  return `of ${name} `.repeat(100);
}

function delivered(directories: readonly string[]): readonly string[] {
  return directories.flatMap((directory) => namesIn(directory));
}

/** Every file is in one directory, with its bytes and its time; and those of each agent came in their order. */
async function expectOnce(names: readonly string[], directories: readonly string[]): Promise<void> {
  await expect.poll(() => delivered(directories).length, SLOW).toBeGreaterThanOrEqual(names.length);
  await expect
    .poll(async () => (await (await jetstreamManager(connection)).streams.info(STREAM)).state.messages, SLOW)
    .toBe(0);
  expect([...delivered(directories)].sort()).toEqual([...names].sort());
  const found = directories.flatMap((directory) =>
    namesIn(directory).map((name) => {
      const path = join(directory, name);
      return { name, path, at: statSync(path, { bigint: true }).ctimeNs };
    }),
  );
  for (const { name, path } of found) {
    expect(readFileSync(path, 'utf8')).toBe(contentOf(name));
    expect(statSync(path).mtimeMs).toBe(RECEIVED + names.indexOf(name) * 1000);
  }
  const inTime = found.sort((a, b) => (a.at < b.at ? -1 : 1)).map(({ name }) => name);
  for (let agent = 0; agent < AGENTS; agent++) {
    const isOf = (name: string): boolean => name.includes(`-${String(agent)}.`);
    expect(inTime.filter(isOf)).toEqual(names.filter(isOf));
  }
}

test(
  'killed -9 and started again, worker or all of it: every file is delivered once, in order',
  async () => {
    const { directories, servers } = await startThree();
    const publishing = new Publishing();
    await expect.poll(() => delivered(directories).length, SLOW).toBeGreaterThan(200);
    const [first, second] = servers;
    for (const pid of first?.workers() ?? []) process.kill(pid, 'SIGKILL');
    await expect.poll(() => delivered(directories).length, SLOW).toBeGreaterThan(400);
    for (const pid of [...(second?.workers() ?? []), second?.pid ?? 0]) process.kill(pid, 'SIGKILL');
    await second?.exited;
    await start(directories[1] ?? '');
    await publishing.done;
    await expectOnce(publishing.names, directories);
  },
  LONG,
);

test(
  'stopped for longer than JetStream waits, and continued: what it had is not delivered twice',
  async () => {
    const { directories, servers } = await startThree();
    const publishing = new Publishing();
    await expect.poll(() => delivered(directories).length, SLOW).toBeGreaterThan(200);
    const [, second] = servers;
    const pids = [second?.pid ?? 0, ...(second?.workers() ?? [])];
    for (const pid of pids) process.kill(pid, 'SIGSTOP');
    await publishing.done;
    await new Promise((resolve) => setTimeout(resolve, 15_000));
    for (const pid of pids) process.kill(pid, 'SIGCONT');
    await expectOnce(publishing.names, directories);
  },
  LONG,
);

test(
  'a NATS server is killed and comes back: every file is delivered once, in order',
  async () => {
    const { directories } = await startThree();
    const publishing = new Publishing();
    await expect.poll(() => delivered(directories).length, SLOW).toBeGreaterThan(200);
    await nats.kill(0);
    await expect.poll(() => delivered(directories).length, SLOW).toBeGreaterThan(500);
    nats.begin(0);
    await publishing.done;
    await expectOnce(publishing.names, directories);
    await nats.ready();
  },
  LONG,
);

test(
  'who goes leaves its partitions to the others, who comes gets some, and a reload keeps them',
  async () => {
    const { directories, servers } = await startThree();
    const [first, second, third] = servers;
    expect(await third?.stop()).toBe(0);
    for (const server of [first, second])
      await expect
        .poll(() => server?.output, { timeout: 30_000 })
        .toMatch(/Delivers 16 of 32 partitions, beside 1 other/);
    const again = await start(directories[2] ?? '');
    await expect.poll(() => again.output, { timeout: 30_000 }).toMatch(/Delivers 1[01] of 32/);
    const publishing = new Publishing();
    await expect.poll(() => delivered(directories).length, SLOW).toBeGreaterThan(100);
    again.child.kill('SIGHUP');
    await again.logged('Reloaded (SIGHUP)');
    await publishing.done;
    await expectOnce(publishing.names, directories);
    await expect
      .poll(() => again.output.match(/Delivers 1[01] of 32/g)?.length, SLOW)
      .toBeGreaterThanOrEqual(2);
    expect(again.output).not.toContain('Another deliverer');
  },
  LONG,
);

test('it stops in a moment, says nothing of listening, and leaves nothing hidden but its journal', async () => {
  const directory = temporarySpool();
  const server = await start(directory);
  await publish(connection, { name: 'a.1.data', content: 'x' });
  await expect.poll(() => namesIn(directory), SLOW).toEqual(['a.1.data']);
  await server.logged("Delivered file 'a.1.data' size 1b received");
  const begin = performance.now();
  expect(await server.stop()).toBe(0);
  expect(performance.now() - begin).toBeLessThan(5000);
  expect(server.output).not.toContain('istening');
  expect(server.output).toContain('Server stopped');
  expect(readdirSync(directory).sort()).toEqual(['.tentacle-delivered', 'a.1.data']);
});

test('a service manager is told what it does, and not where it listens', async () => {
  const manager = await ServiceManager.start(await freePort());
  const directory = temporarySpool();
  const args = ['--deliver', '-s', directory, '--nats-servers', nats.servers];
  const says = `are delivered to ${directory}`;
  await ServerProcess.start(args, { says, env: { NOTIFY_SOCKET: manager.address } });
  await expect.poll(() => manager.said.map(({ text }) => text).join('\n')).toContain('READY=1');
  const ready = manager.said.find(({ text }) => text.startsWith('READY=1'))?.text;
  expect(ready).toMatch(
    /STATUS=Files of stream TENTACLE of .* are delivered to \/.*; generation 1 of the settings/,
  );
});

test('it starts and stops while there is no NATS server', async () => {
  const directory = temporarySpool();
  const port = String(await freePort());
  const args = ['--deliver', '-s', directory, '--nats-servers', `127.0.0.1:${port}`];
  const server = await ServerProcess.start(args, { says: `are delivered to ${directory}` });
  await server.logged(/NATS cannot be used: .*; trying again/);
  const begin = performance.now();
  expect(await server.stop()).toBe(0);
  expect(performance.now() - begin).toBeLessThan(5000);
});

test('without servers or a directory it says what is missing', () => {
  const nowhere = runServer(['--deliver', '--allow-root', '-s', temporarySpool()]);
  expect(nowhere.status).toBe(1);
  expect(nowhere.stderr).toContain('mode deliver needs nats_servers: where JetStream is');
  const homeless = runServer(['--deliver', '--allow-root', '--nats-servers', '127.0.0.1']);
  expect(homeless.status).toBe(1);
  expect(homeless.stderr).toContain(
    'mode deliver needs directory (-s DIR): the spool of the data server beside',
  );
});
