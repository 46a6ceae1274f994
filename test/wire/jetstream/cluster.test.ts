/** The connection to NATS: made with whoever is there, and made again. */
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { JetStreamAway } from '../../../src/jetstream/away.ts';
import { Cluster } from '../../../src/jetstream/cluster.ts';
import { recordLog, type RecordedLog } from '../../support/log.ts';
import { Nats } from '../../support/nats.ts';
import { Secret } from '../../../src/settings/secret.ts';
import type { JetStreamSettings } from '../../../src/settings/settings.ts';

const SLOW = { timeout: 20_000 };
let nats: Nats;

beforeAll(async () => {
  nats = await Nats.start({ nodes: 3 });
});
afterAll(() => nats.stop());

async function open(settings: JetStreamSettings): Promise<RecordedLog & { readonly cluster: Cluster }> {
  const recorded = recordLog();
  const cluster = await Cluster.open(settings, { log: recorded.log, name: 'test' });
  onTestFinished(() => cluster.close());
  return { ...recorded, cluster };
}

const ping = ({ cluster }: { readonly cluster: Cluster }): Promise<string> =>
  cluster
    .use(({ jsm }) => jsm.getAccountInfo())
    .then(
      () => 'answered',
      (cause: unknown) => (cause instanceof JetStreamAway ? 'away' : String(cause)),
    );

test('goes to another server when its own is killed, or is frozen, and ends all the same', async () => {
  const site = await open(nats.settings());
  await site.cluster.connected(10_000);
  expect(await ping(site)).toBe('answered');
  const connectedTo = (): number =>
    Number(
      /\(n([123])\)/.exec(site.lines.findLast((line) => line.includes('Connected to NATS')) ?? '')?.[1],
    ) - 1;
  const killed = connectedTo();
  await nats.kill(killed);
  await expect.poll(() => ping(site), SLOW).toBe('answered');
  expect(connectedTo()).not.toBe(killed);
  nats.begin(killed);
  await nats.ready();
  const frozen = connectedTo();
  nats.signal(frozen, 'SIGSTOP');
  onTestFinished(() => {
    nats.signal(frozen, 'SIGCONT');
  });
  await expect.poll(connectedTo, SLOW).not.toBe(frozen);
  await expect.poll(() => ping(site), SLOW).toBe('answered');
  nats.signal(frozen, 'SIGCONT');
  // A warning each time, and no more.
  expect(site.lines.filter((line) => line.startsWith('warning: NATS cannot be used'))).toHaveLength(2);
}, 60_000);

test('a connection to a frozen server is closed at once when it is wanted no more', async () => {
  const alone = await Nats.start();
  onTestFinished(() => alone.stop());
  const site = await open(alone.settings());
  await site.cluster.connected(10_000);
  alone.signal(0, 'SIGSTOP');
  const start = performance.now();
  await site.cluster.close();
  expect(performance.now() - start).toBeLessThan(5000);
});

test('what takes connections and says nothing is left for another server, and leaves no socket', async () => {
  let open_ = 0;
  const silent = createServer((socket) => {
    open_++;
    socket.on('error', () => undefined).once('close', () => open_--);
  });
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    silent.close();
  });
  const { port } = silent.address() as AddressInfo;
  const [first] = nats.settings().servers;
  if (first === undefined) throw new Error('no server');
  const site = await open({ ...nats.settings(), servers: [{ host: '127.0.0.1', port }, first] });
  expect(await site.cluster.connected(10_000)).toBe(true);
  await expect.poll(() => open_, SLOW).toBe(0);
});

test('nobody there: told once for all servers, and nothing is waited for', async () => {
  const servers = [
    { host: '127.0.0.1', port: 9 },
    { host: 'no-such-host.invalid', port: 4222 },
  ];
  const site = await open({ ...nats.settings(), servers });
  expect(await ping(site)).toBe('away');
  await expect.poll(() => site.lines.join('\n'), SLOW).toContain('NATS cannot be used');
  expect(site.lines).toHaveLength(1);
  expect(site.lines[0]).toMatch(/127\.0\.0\.1:9: .*; no-such-host\.invalid:4222: /);
});

test('credentials: user and password, a token, and what is refused', async () => {
  const guarded = await Nats.start({
    more: 'authorization { user: agent, password: "s3cret" }',
    connection: { user: 'agent', pass: 's3cret' },
  });
  onTestFinished(() => guarded.stop());
  const good = await open({ ...guarded.settings(), credentials: new Secret('agent:s3cret\n') });
  expect(await good.cluster.connected(10_000)).toBe(true);
  expect(await ping(good)).toBe('answered');
  const bad = await open({ ...guarded.settings(), credentials: new Secret('agent:wrong') });
  await expect
    .poll(() => bad.lines.join('\n'), SLOW)
    .toMatch(/NATS cannot be used: .*authorization violation/i);
  expect(bad.lines.join('\n')).not.toContain('wrong');
  await expect(
    open({ ...guarded.settings(), credentials: new Secret('# only a comment\n') }),
  ).rejects.toThrow('holds nothing');
});
