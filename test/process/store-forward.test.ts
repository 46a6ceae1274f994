/** Store mode: whatever is killed, cut off or reloaded, every file that was confirmed arrives once and whole. */
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Agents, contentOf, expectForwarded, namesOf, send } from '../support/agents.ts';
import { ClientProcess, type ClientResult } from '../support/client-program.ts';
import { Dialogue } from '../support/dialogue.ts';
import { namesIn } from '../support/forwarding.ts';
import { type Host, Network, testWithNetwork } from '../support/network.ts';
import { openIn } from '../support/processes.ts';
import { Restartable } from '../support/restartable.ts';
import { temporaryDirectory, temporarySpool } from '../support/temporary.ts';

/** `npm run test:soak` asks for 10,000. */
const FILES = Number(process.env.TENTACLE_FILES ?? 100);
const SLOW = { timeout: 120_000, interval: 20 };
const LONG = 600_000;

interface Chain {
  readonly centre: Restartable;
  readonly proxy: Restartable;
  /** Where files wait. */
  readonly queue: string;
  /** Where they are to arrive. */
  readonly spool: string;
}

interface Where {
  readonly args?: readonly string[];
  readonly middle?: Host;
  readonly centre?: Host;
}

async function startChain({ args = [], middle, centre: there }: Where = {}): Promise<Chain> {
  const [queue, spool] = [temporarySpool(), temporarySpool()];
  const centre = await Restartable.start({
    args: ['-s', spool, '-V'],
    ...(there === undefined ? {} : { host: there }),
  });
  const proxy = await Restartable.start({
    args: [...centre.asUpstream, '--proxy-mode', 'store', '-s', queue, '-V', ...args],
    ...(middle === undefined ? {} : { host: middle }),
  });
  return { centre, proxy, queue, spool };
}

/** Has four of our clients send these files, each its part of them in one run. */
function sending(names: readonly string[], options: readonly string[], from?: Host): Promise<ClientResult[]> {
  const directory = temporaryDirectory();
  const through = from === undefined ? {} : { through: from.through };
  for (const name of names) writeFileSync(join(directory, name), contentOf(name));
  const clients = [0, 1, 2, 3].map((client) => {
    const part = names.filter((_, index) => index % 4 === client);
    return new ClientProcess([...options, ...part], { cwd: directory, ...through }).result;
  });
  return Promise.all(clients);
}

function allSent(results: readonly ClientResult[]): void {
  expect(results).toEqual(results.map(() => ({ code: 0, stdout: '', stderr: '' })));
}

/** Waits until so many of all files have arrived. */
async function arrived(spool: string, files: number): Promise<void> {
  await expect.poll(() => namesIn(spool).length, SLOW).toBeGreaterThanOrEqual(files);
}

function times(output: string, text: string | RegExp): number {
  return output.split(text).length - 1;
}

test(
  `the upstream is killed 5 times during ${String(FILES)} files`,
  async () => {
    const { centre, proxy, queue, spool } = await startChain();
    const names = namesOf(FILES);
    const sent = sending(names, ['-p', String(proxy.port)]);
    for (let kill = 1; kill <= 5; kill++) {
      await arrived(spool, (kill * FILES) / 6);
      await centre.kill();
      await centre.start();
    }
    allSent(await sent);
    await expectForwarded(names, queue, spool);
    expect(times(proxy.output, 'is back after')).toBeGreaterThanOrEqual(1);
  },
  LONG,
);

test(
  `the proxy is killed 5 times during ${String(FILES)} files`,
  async () => {
    const { proxy, queue, spool } = await startChain();
    const names = namesOf(FILES);
    const agents = new Agents(proxy.port, names, 8);
    for (let kill = 1; kill <= 5; kill++) {
      await expect.poll(() => agents.confirmed.length, SLOW).toBeGreaterThanOrEqual((kill * FILES) / 6);
      await proxy.kill();
      await proxy.start();
    }
    await agents.done;
    expect(agents.confirmed.sort()).toEqual([...names].sort());
    await expectForwarded(names, queue, spool);
  },
  LONG,
);

test(
  'both are killed, with all files confirmed and few sent on: after the start the others follow',
  async () => {
    const { centre, proxy, queue, spool } = await startChain();
    await centre.kill();
    const names = namesOf(500);
    const agents = new Agents(proxy.port, names, 8);
    await agents.done;
    expect(namesIn(queue)).toHaveLength(500);
    await proxy.kill();
    await proxy.start();
    await centre.start();
    await arrived(spool, 50);
    await proxy.kill();
    await centre.kill();
    await centre.start();
    await proxy.start();
    await expectForwarded(names, queue, spool);
  },
  LONG,
);

testWithNetwork(
  'the cable to the upstream is pulled again and again',
  async () => {
    const network = new Network();
    const [branch, middle, there] = [network.host('branch'), network.host('middle'), network.host('centre')];
    const { proxy, queue, spool } = await startChain({ middle, centre: there });
    const names = namesOf(1000);
    const sent = sending(names, ['-a', middle.ipv4, '-p', String(proxy.port)], branch);
    for (let cut = 1; cut <= 3; cut++) {
      await arrived(spool, cut * 200);
      there.unplug();
      // The first time, connections outlive it; then they end on either side, and new ones fail.
      if (cut > 1)
        await expect
          .poll(() => times(proxy.output, 'Warning: Upstream'), SLOW)
          .toBeGreaterThanOrEqual(cut - 1);
      there.plugIn();
    }
    allSent(await sent);
    await expectForwarded(names, queue, spool);
  },
  LONG,
);

test(
  `10 reloads while ${String(FILES)} files are sent on: one forwards at a time, nothing is sent twice`,
  async () => {
    const conf = join(temporaryDirectory(), 'tentacle_server.conf');
    const rewrite = (maxSize: number): void => {
      writeFileSync(`${conf}.new`, `max_size ${String(maxSize)}\nworkers 2\n`);
      renameSync(`${conf}.new`, conf);
    };
    rewrite(10_000);
    const { centre, proxy, queue, spool } = await startChain({ args: ['-F', conf] });
    const names = namesOf(FILES);
    const agents = new Agents(proxy.port, names, 8);
    for (let reload = 1; reload <= 10; reload++) {
      await arrived(spool, (reload * FILES) / 12);
      rewrite(10_000 + reload);
      proxy.server.child.kill('SIGHUP');
      await proxy.server.logged(`max_size: ${String(9999 + reload)} -> ${String(10_000 + reload)}`);
    }
    await agents.done;
    await expectForwarded(names, queue, spool);
    expect(times(proxy.output, 'was there already')).toBe(0);
    expect(times(proxy.output, 'Forwarded file')).toBe(FILES);
    expect(times(centre.output, 'Request to send file')).toBe(FILES);
  },
  LONG,
);

test('workers 2: what either of them receives is sent on', async () => {
  const { proxy, queue, spool } = await startChain({ args: ['--workers', '2'] });
  const { server } = proxy;
  const sockets = (): readonly number[] =>
    server.workers().map((pid) => openIn(pid).filter((file) => file.startsWith('socket:')).length);
  const before = sockets();
  const dialogues: Dialogue[] = [];
  await expect
    .poll(async () => {
      dialogues.push(await Dialogue.open(server.port));
      return sockets().filter((count, index) => count > (before[index] ?? 0)).length;
    }, SLOW)
    .toBe(2);
  const names = namesOf(dialogues.length * 3);
  for (const [index, name] of names.entries()) {
    const dialogue = dialogues[index % dialogues.length];
    if (dialogue !== undefined) expect(await send(dialogue, name)).toBe('SEND OK\n');
  }
  await expectForwarded(names, queue, spool);
  expect(times(proxy.output, 'was there already')).toBe(0);
});
