/** A relay with several upstreams: which one a connection goes to, when one goes away, and when it comes back. */
import { expect, test } from 'vitest';
import { Secret } from '../../src/settings/secret.ts';
import { Dialogue } from '../support/dialogue.ts';
import { freePort } from '../support/program.ts';
import { logged, startRelay, warnings } from '../support/relay.ts';
import { type ScriptedServer, startScripted } from './scripted-server.ts';

/** Says its name to whoever comes, and stays until the client ends. */
function named(name: string, port = 0): Promise<ScriptedServer> {
  return startScripted(
    async (peer) => {
      peer.send(`${name}\n`);
      await peer.rest();
    },
    { port },
  );
}

async function whoAnswers(port: number): Promise<string> {
  const client = await Dialogue.open(port);
  const name = await client.line();
  client.stream.end();
  await client.rest();
  return name;
}

test('failover: the second while the first is away, and the first when it is back, each told once', async () => {
  const port = await freePort();
  const second = await named('second');
  const worker = await startRelay([{ port }, second]);
  for (let count = 0; count < 5; count++) expect(await whoAnswers(worker.port)).toBe('second\n');
  expect(warnings(worker)).toEqual([
    expect.stringContaining(
      `Upstream 127.0.0.1 port ${String(port)}: connection refused: nothing listens there; it is set aside, trying 127.0.0.1 port ${String(second.port)}`,
    ),
  ]);

  await named('first', port);
  // A real connection finds out, once its pause is over.
  await expect.poll(() => whoAnswers(worker.port)).toBe('first\n');
  await logged(
    worker,
    new RegExp(`Upstream 127\\.0\\.0\\.1 port ${String(port)} is back after .*; 1 connection failed`),
  );
  expect(warnings(worker)).toHaveLength(1);
});

test('failover: one that says nothing within the idle limit is passed over', async () => {
  const silent = await startScripted(() => undefined);
  const second = await startScripted(async (peer) => {
    await peer.answer('PASS OK\n');
    await peer.answer('second\n');
  });
  const worker = await startRelay([silent, second], {}, { proxyPassword: new Secret('secret') });
  expect(await (await Dialogue.open(worker.port)).ask('who?\n')).toBe('second\n');
  expect(warnings(worker)).toEqual([
    expect.stringContaining(
      `Upstream 127.0.0.1 port ${String(silent.port)}: connection timed out; it is set aside`,
    ),
  ]);
});

test('balance: the fewest open relays', async () => {
  const upstreams = [await named('0'), await named('1'), await named('2')];
  const worker = await startRelay(upstreams, { proxy_policy: 'balance' });
  const clients = await Promise.all(Array.from({ length: 9 }, () => Dialogue.open(worker.port)));
  const answers = await Promise.all(clients.map((client) => client.line()));
  expect(answers.sort().join('')).toBe('0\n0\n0\n1\n1\n1\n2\n2\n2\n');

  const [first] = clients;
  first?.stream.end();
  await first?.rest();
  await expect.poll(() => worker.worker.open).toBe(8);
  const left = upstreams.map(({ peers }) => peers.filter(({ socket }) => !socket.destroyed).length);
  const missing = String(left.indexOf(2));
  expect(await whoAnswers(worker.port)).toBe(`${missing}\n`);
});

test('balance: one that is away gets none, and its share when it is back', async () => {
  const port = await freePort();
  const worker = await startRelay([{ port }, await named('up')], { proxy_policy: 'balance' });
  for (let count = 0; count < 4; count++) expect(await whoAnswers(worker.port)).toBe('up\n');
  await named('back', port);
  await expect.poll(() => whoAnswers(worker.port)).toBe('back\n');
});
