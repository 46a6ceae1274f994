/** What a service manager hears of the server, and the sockets that it hands over. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { Dialogue } from '../support/dialogue.ts';
import { environmentOf } from '../support/processes.ts';
import { freePort, ServerProcess } from '../support/program.ts';
import { testWith } from '../support/requires.ts';
import { ServiceManager } from '../support/service-manager.ts';
import { temporaryDirectory, temporarySpool } from '../support/temporary.ts';

/** W4 far away, so that only what is tested ends anything. */
const PATIENT = 'timeout 60';
const REFUSED = 'RECV ERR (file does not exist)\n';

interface Service {
  readonly server: ServerProcess;
  readonly manager: ServiceManager;
  readonly conf: string;
  readonly basis: string;
}

/** The server as a service that must give signs of life within so many milliseconds. */
async function service(watchdogMs = 60_000): Promise<Service> {
  const port = await freePort();
  const manager = await ServiceManager.start(port);
  const conf = join(temporaryDirectory(), 'tentacle_server.conf');
  const basis = [PATIENT, 'addresses 127.0.0.1', `port ${String(port)}`, `directory ${temporarySpool()}`];
  writeFileSync(conf, basis.join('\n'));
  const env = { NOTIFY_SOCKET: manager.address, WATCHDOG_USEC: String(watchdogMs * 1000) };
  const server = await ServerProcess.start(['-F', conf, '-v'], { port, env });
  return { server, manager, conf, basis: `${basis.join('\n')}\n` };
}

const ready = (generation: number): unknown =>
  expect.stringMatching(
    new RegExp(`^READY=1\nSTATUS=Listening on 127\\.0\\.0\\.1 port \\d+; generation ${String(generation)} `),
  ) as unknown;
const RELOADING: unknown = expect.stringMatching(/^RELOADING=1\nMONOTONIC_USEC=\d+$/);

testWith(['python3'], 'READY comes when one can connect, STOPPING when it ends', async () => {
  const { server, manager } = await service();
  expect(await manager.heard(1)).toEqual([ready(1)]);
  expect(manager.said.find(({ text }) => text.startsWith('READY'))).toMatchObject({
    listens: true,
    pid: server.pid,
  });
  expect(await server.stop()).toBe(0);
  expect(await manager.heard(2)).toEqual([
    ready(1),
    expect.stringMatching(/^STOPPING=1\nEXTEND_TIMEOUT_USEC=70000000$/),
  ]);
});

testWith(['python3'], 'SIGHUP is RELOADING, then READY, whether it is refused or not', async () => {
  const { server, manager, conf, basis } = await service();
  await manager.heard(1);
  const before = process.hrtime.bigint() / 1000n;
  server.child.kill('SIGHUP');
  const [, reloading = ''] = await manager.heard(3);
  expect(manager.words).toEqual([ready(1), RELOADING, ready(2)]);
  // The same clock as the service manager's, which knows what it asked for when.
  const usec = BigInt(/\d{2,}/.exec(reloading)?.[0] ?? '0');
  expect(usec).toBeGreaterThanOrEqual(before);
  expect(usec).toBeLessThan(process.hrtime.bigint() / 1000n);
  writeFileSync(conf, `${basis}max_size x\n`);
  await server.logged('the settings of before stay in force');
  server.child.kill('SIGHUP');
  expect((await manager.heard(5)).slice(3)).toEqual([RELOADING, ready(2)]);
});

testWith(['python3'], 'a changed file is RELOADING, then READY, when it is taken over', async () => {
  const { manager, conf, basis } = await service();
  await manager.heard(1);
  writeFileSync(conf, `${basis}max_size 77\n`);
  expect(await manager.heard(3)).toEqual([ready(1), RELOADING, ready(2)]);
});

testWith(['python3'], 'signs of life come at least twice as often as the watchdog wants them', async () => {
  const { server, manager } = await service(2000);
  await expect.poll(() => manager.beats().length, { timeout: 20_000 }).toBeGreaterThanOrEqual(5);
  const times = manager.beats().map(({ atMs }) => atMs);
  const gaps = times.slice(1).map((time, index) => time - (times[index] ?? 0));
  // One of them may have been late on a busy machine.
  expect(gaps.filter((gap) => gap > 1000).length).toBeLessThan(2);
  expect(new Set(manager.beats().map(({ pid }) => pid))).toEqual(new Set([server.pid]));
});

testWith(['python3'], 'nothing that the server starts can speak for it', async () => {
  const { server } = await service();
  for (const pid of server.workers()) {
    expect(environmentOf(pid).filter((entry) => /^(NOTIFY|WATCHDOG|LISTEN)_/.test(entry))).toEqual([]);
  }
});

testWith(['systemd-socket-activate'], 'a socket of systemd survives a reload and every worker', async () => {
  const port = await freePort();
  const activator = ['systemd-socket-activate', '-E', 'TENTACLE_DEFAULTS_FILE=/dev/null'];
  const starting = ServerProcess.start(['-s', temporarySpool(), '-t', '60', '--workers', '1'], {
    port,
    through: [...activator, '-l', `127.0.0.1:${String(port)}`],
  });
  const asks = async (): Promise<string> => {
    const dialogue = await Dialogue.open(port);
    const answer = await dialogue.ask('RECV <nothing>\n');
    // Otherwise the worker that a reload replaces would wait for us.
    dialogue.send('QUIT\n');
    await dialogue.rest();
    return answer;
  };
  // The first connection starts it, once systemd-socket-activate itself has started.
  await expect.poll(asks, { timeout: 20_000 }).toBe(REFUSED);
  const server = await starting;
  server.child.kill('SIGHUP');
  await server.logged('Reloaded (SIGHUP)');
  expect(await asks()).toBe(REFUSED);
  await expect.poll(() => server.workers().length).toBe(1);
  process.kill(server.workers()[0] ?? 0, 'SIGKILL');
  // Nobody is there to accept for a moment: they wait in the socket.
  expect(await Promise.all(Array.from({ length: 10 }, asks))).toEqual(
    Array.from({ length: 10 }, () => REFUSED),
  );
  expect(await server.stop()).toBe(0);
});

testWith(
  ['python3'],
  'a worker that hangs is killed and replaced, and the watchdog hears of no trouble',
  async () => {
    const { server, manager } = await service(4000);
    const [hung = 0] = server.workers();
    process.kill(hung, 'SIGSTOP');
    await server.logged(`[err]Worker ${String(hung)} does not answer: it is killed.`);
    await server.logged('A new worker took the place of the lost one');
    expect(server.workers()).not.toContain(hung);
    const times = manager.said.filter(({ text }) => text === 'WATCHDOG=1').map(({ atMs }) => atMs);
    const pauses = times.slice(1).map((at, index) => at - (times[index] ?? at));
    expect(Math.max(...pauses)).toBeLessThan(4000);
  },
);

testWith(
  ['python3'],
  'a supervisor that is stopped, and waits for no disk, is left to the watchdog',
  async () => {
    const { server, manager } = await service(1000);
    await expect.poll(() => manager.said.some(({ text }) => text === 'WATCHDOG=1')).toBe(true);
    server.child.kill('SIGSTOP');
    // Longer than the watchdog waits.
    const before = manager.said.length;
    await new Promise((resolve) => setTimeout(resolve, 2500));
    const after = manager.said
      .slice(before)
      .filter(({ atMs }) => atMs > (manager.said[before]?.atMs ?? 0) + 500);
    server.child.kill('SIGCONT');
    expect(after).toEqual([]);
  },
);
