/** What the status page and its figures say of real servers, while they come and go. */
import { expect, onTestFinished, test } from 'vitest';
import { NOTHING } from '../../../src/server/counts.ts';
import type { Candidate, WorkerStatus } from '../../../src/server/supervisor.ts';
import { mergeAssignments } from '../../../src/settings/merge.ts';
import { OPTIONS } from '../../../src/settings/options.ts';
import { JetStreamWatch } from '../../../src/status/jetstream-watch.ts';
import { StatusService } from '../../../src/status/status-service.ts';
import { freePort } from '../../support/free-port.ts';
import { recordLog } from '../../support/log.ts';
import { Nats } from '../../support/nats.ts';
import { NO_MATERIAL, settingsOf } from '../../support/settings.ts';
import { ask, becomes, checkOf, LOOKS, metricOf, reportOf } from '../../support/status.ts';
import { temporarySpool } from '../../support/temporary.ts';

async function started(nodes = 1): Promise<Nats> {
  const nats = await Nats.start({ nodes });
  onTestFinished(() => nats.stop());
  return nats;
}

const LISTENING = { address: '127.0.0.1', port: 41121, family: 'IPv4' };

/** The part of the supervisor that tells, on a port of its own. */
async function telling(values: Parameters<typeof settingsOf>[0]): Promise<number> {
  const at = await freePort();
  const merged = mergeAssignments(OPTIONS, []);
  const candidate: Candidate = {
    settings: settingsOf({ ...values, status_address: `127.0.0.1:${String(at)}` }),
    blueprint: { ...merged, material: NO_MATERIAL },
  };
  const worker: WorkerStatus = {
    ...{ pid: 1, generation: 1, startedAt: performance.now() },
    state: 'serving',
    report: { counts: NOTHING, memory: 1, lag: 0, happened: { files: [], troubles: [], peers: [] } },
  };
  const service = new StatusService(candidate, {
    ...{ version: 'test', log: recordLog().log },
    supervisor: {
      bound: { addresses: values.mode === 'deliver' ? [] : [LISTENING], failures: [] },
      status: () => Promise.resolve({ generation: 1, workers: [worker], counts: NOTHING, lost: 0 }),
    },
    reloader: { reloads: { succeeded: 0, refused: 0, lastGoodAt: Date.now(), lastRefusal: undefined } },
    recent: { take: () => ({ files: [], troubles: [], peers: [] }) },
  });
  onTestFinished(() => {
    service.close();
  });
  await service.open();
  return at;
}

test('a deliverer is ready while its stream can deliver, and not while it cannot', async () => {
  const nats = await started();
  const at = await telling({
    ...{ mode: 'deliver', directory: temporarySpool(), nats_servers: nats.servers, nats_replicas: '1' },
  });
  await becomes(at, 503);
  await expect
    .poll(async () => (await checkOf(at, 'jetstream'))?.text, LOOKS)
    .toMatch(
      /^there is no stream TENTACLE: run --setup-jetstream, or correct nats_stream, for \d+ seconds?$/,
    );
  expect(await metricOf(at, 'tentacle_jetstream_up')).toBe(0);

  await nats.setUp();
  await becomes(at, 200);
  expect(await checkOf(at, 'jetstream')).toEqual({
    ok: true,
    text: 'stream TENTACLE at n1: 1 replica, 0 messages',
  });
  expect((await checkOf(at, 'listening'))?.text).toBe('nobody is to connect: files come from JetStream');
  expect(await metricOf(at, 'tentacle_jetstream_up')).toBe(1);
  expect(await metricOf(at, 'tentacle_jetstream_replica_current{server="n1"}')).toBe(1);
  expect((await reportOf(at)).jetstream?.findings).toEqual([]);
  const { body } = await ask(at, '/');
  expect(body).toContain('<section id="jetstream">');

  await nats.kill(0);
  await becomes(at, 503);
  expect(await metricOf(at, 'tentacle_jetstream_up')).toBe(0);
  expect(await metricOf(at, 'tentacle_jetstream_stream_messages')).toBeUndefined();
});

test('a receiver with a directory stays ready without JetStream, and says that files wait there', async () => {
  const nats = await started();
  const directory = temporarySpool();
  const at = await telling({
    ...{ store: 'jetstream', directory, nats_servers: nats.servers, nats_replicas: '1' },
  });
  await nats.setUp();
  await expect.poll(() => metricOf(at, 'tentacle_jetstream_up'), LOOKS).toBe(1);
  await nats.kill(0);
  await expect.poll(() => metricOf(at, 'tentacle_jetstream_up'), LOOKS).toBe(0);
  expect(await checkOf(at, 'jetstream')).toMatchObject({
    ok: true,
    text: expect.stringContaining(`files wait in ${directory}`) as string,
  });
  await expect.poll(() => metricOf(at, 'tentacle_queue_files'), LOOKS).toBe(0);
  const { jetstream, queue } = await reportOf(at);
  expect(jetstream?.up).toBe(false);
  expect(queue).toMatchObject({ files: 0 });
});

test('three servers: a killed one is named, two are no quorum', async () => {
  const nats = await started(3);
  await nats.setUp(['conf']);
  const at = await telling({
    ...{ store: 'jetstream', filters: 'conf$:conf', nats_servers: nats.servers, nats_replicas: '3' },
  });
  await becomes(at, 200);
  await nats.kill(2);
  await expect
    .poll(
      async () => (await reportOf(at)).jetstream?.figures?.replicas.find(({ name }) => name === 'n3')?.state,
      {
        ...LOOKS,
        timeout: 60_000,
      },
    )
    .toBe('silent');
  await expect.poll(() => metricOf(at, 'tentacle_jetstream_quorum'), LOOKS).toBe(1);
  expect((await ask(at, '/')).body).toMatch(/silent for \d+ s/);
  await nats.kill(1);
  await becomes(at, 503);
  expect(await metricOf(at, 'tentacle_jetstream_quorum')).toBe(0);
}, 180_000);

test('packages that are missing, as any other trouble at the start, are told, and tried again', async () => {
  let times = 0;
  const target = { settings: settingsFor(), directories: [], queue: undefined };
  const watch = new JetStreamWatch(target, undefined, () => {
    times++;
    return Promise.reject(new Error('needs the optional packages'));
  });
  try {
    await expect.poll(() => watch.check.text).toMatch(/^needs the optional packages, for 0 seconds$/);
    await expect.poll(() => times, LOOKS).toBeGreaterThan(1);
    expect(watch.report).toMatchObject({ up: false, figures: undefined, findings: [] });
  } finally {
    watch.close();
  }
});

function settingsFor(): ConstructorParameters<typeof JetStreamWatch>[0]['settings'] {
  return {
    ...{ servers: [{ host: '127.0.0.1', port: 1 }], credentials: undefined, tls: undefined },
    ...{ stream: 'TENTACLE', replicas: 1, duplicateWindowMs: 1000 },
  };
}
