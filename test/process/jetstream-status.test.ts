/** A receiver, a deliverer and a sync of one site tell how they are, while their NATS server comes and goes. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runClient } from '../support/client-program.ts';
import { Nats } from '../support/nats.ts';
import { freePort, runServer, ServerProcess } from '../support/program.ts';
import { ask, becomes, checkOf, LOOKS, metricOf, reportOf } from '../support/status.ts';
import { temporaryDirectory, temporarySpool } from '../support/temporary.ts';

const FILTERS = String.raw`.*\.conf:conf;.*\.md5:md5`;
const SYNCED = ['--sync-directories', 'conf,md5'];
let nats: Nats;

beforeAll(async () => {
  nats = await Nats.start();
  await nats.setUp(['conf', 'md5']);
});
afterAll(() => nats.stop());

test('files received, delivered and carried over are told, and what is away', async () => {
  const store = ['--nats-servers', nats.servers, '-i', FILTERS];
  const [queue, spool, console] = [temporarySpool(), temporarySpool(), temporarySpool('conf', 'md5')];
  const at = { receiver: await freePort(), deliverer: await freePort(), sync: await freePort() };
  const told = (port: number): string[] => ['--status-address', `127.0.0.1:${String(port)}`];
  const receiver = await ServerProcess.start([
    ...['--store', 'jetstream', ...store, '-s', queue, '-v'],
    ...told(at.receiver),
  ]);
  await ServerProcess.start(['--deliver', ...store, '-s', spool, ...told(at.deliverer)], {
    says: 'are delivered to',
  });
  await ServerProcess.start(['--sync', ...store, ...SYNCED, '-s', console, ...told(at.sync)], {
    says: 'Keeps conf',
  });
  for (const port of Object.values(at)) await becomes(port, 200);

  const cwd = temporaryDirectory();
  writeFileSync(join(cwd, 'agent.1.data'), 'data');
  writeFileSync(join(console, 'conf', 'agent.conf'), 'conf');
  expect(await runClient(['-p', String(receiver.port), 'agent.1.data'], { cwd })).toMatchObject({ code: 0 });
  await expect
    .poll(async () => (await reportOf(at.deliverer)).totals, LOOKS)
    .toMatchObject({ filesDelivered: 1, bytesMoved: 4 });
  await expect
    .poll(async () => (await reportOf(at.sync)).totals, LOOKS)
    .toMatchObject({ filesGiven: 1, filesTaken: 0 });
  expect(await metricOf(at.deliverer, 'tentacle_delivered_files_total{result="delivered"}')).toBe(1);
  expect(await metricOf(at.sync, 'tentacle_synced_files_total{action="given"}')).toBe(1);
  expect(await reportOf(at.deliverer)).toMatchObject({
    mode: 'deliver',
    recentFiles: [{ file: 'agent.1.data', bytes: 4 }],
  });
  const page = (await ask(at.deliverer, '/')).body;
  expect(page).toContain('Files delivered');
  expect(page).toContain('JetStream');
  expect(runServer(['--status', ...told(at.deliverer)]).stdout).toContain('1 file delivered (4 bytes)');

  await nats.kill(0);
  await becomes(at.deliverer, 503);
  expect(await checkOf(at.deliverer, 'jetstream')).toMatchObject({ ok: false });
  writeFileSync(join(cwd, 'agent.2.data'), 'data');
  // It goes on: files wait.
  expect(await runClient(['-p', String(receiver.port), 'agent.2.data'], { cwd })).toMatchObject({ code: 0 });
  await expect.poll(async () => (await reportOf(at.receiver)).queue?.files, LOOKS).toBe(1);
  expect((await ask(at.receiver, '/readyz')).status).toBe(200);
  expect(await metricOf(at.receiver, 'tentacle_queue_files')).toBe(1);
  await expect.poll(() => metricOf(at.receiver, 'tentacle_jetstream_up'), LOOKS).toBe(0);

  nats.begin(0);
  await nats.ready();
  for (const port of Object.values(at)) await becomes(port, 200);
  await expect.poll(async () => (await reportOf(at.deliverer)).totals.filesDelivered, LOOKS).toBe(2);
  expect((await reportOf(at.receiver)).totals.filesForwarded).toBe(1);
}, 120_000);
