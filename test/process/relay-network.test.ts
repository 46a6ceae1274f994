/** A relay between hosts of their own: cables are pulled, packets lost, and the upstream falls silent or dies. */
import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect } from 'vitest';
import { ClientProcess, runClient } from '../support/client-program.ts';
import { namesIn } from '../support/forwarding.ts';
import { type Host, Network, testWithNetwork, unacknowledged } from '../support/network.ts';
import { ServerProcess } from '../support/program.ts';
import { temporaryDirectory, temporarySpool } from '../support/temporary.ts';

const PORT = 41_121;
/** W4 far away, so that only what is tested ends anything. */
const PATIENT = ['-t', '60'];
const SLOW = { timeout: 40_000 };

type Family = 'ipv4' | 'ipv6';

function startOn(host: Host, family: Family, args: readonly string[]): Promise<ServerProcess> {
  const listen = ['-a', host[family], '-p', String(PORT)];
  return ServerProcess.start([...listen, ...args, '--workers', '1'], { port: PORT, through: host.through });
}

function towards(upstream: Host, family: Family): readonly string[] {
  return ['-b', upstream[family], '-g', String(PORT)];
}

/** As log lines say it. */
function endpoint(host: Host, family: Family): string {
  return `${host[family]} port ${String(PORT)}`;
}

/** Sends files from a host to the proxy. */
function sending(from: Host, to: string, files: readonly string[]): ClientProcess {
  return new ClientProcess([...PATIENT, '-a', to, '-p', String(PORT), ...files], { through: from.through });
}

function makeFiles(count: number, bytes: number): readonly string[] {
  const directory = temporaryDirectory();
  return Array.from({ length: count }, (_, index) => {
    const file = join(directory, `agent.${String(index)}.data`);
    writeFileSync(file, randomBytes(bytes));
    return file;
  });
}

function expectSame(files: readonly string[], spool: string): void {
  expect(namesIn(spool)).toEqual(files.map((file) => basename(file)).sort());
  for (const file of files) {
    expect(readFileSync(join(spool, basename(file))).equals(readFileSync(file)), file).toBe(true);
  }
}

/** Kills the supervisor and all its workers, as the system does that runs out of memory. */
async function killAll(server: ServerProcess): Promise<void> {
  for (const pid of server.workers()) process.kill(pid, 'SIGKILL');
  await server.stop('SIGKILL');
}

interface Hosts {
  readonly branch: Host;
  readonly middle: Host;
  readonly centre: Host;
  readonly spool: string;
}

function makeHosts(): Hosts {
  const network = new Network();
  const [branch, middle, centre] = [network.host('branch'), network.host('middle'), network.host('centre')];
  return { branch, middle, centre, spool: temporarySpool() };
}

describe.each(['ipv4', 'ipv6'] as const)('%s', (family) => {
  testWithNetwork('the cable is pulled in the middle of transfers, and put back: all go on', async () => {
    const { branch, middle, centre, spool } = makeHosts();
    await startOn(centre, family, ['-s', spool, ...PATIENT]);
    const proxy = await startOn(middle, family, [...towards(centre, family), ...PATIENT]);
    const half = randomBytes(100_000);
    const dialogues = await Promise.all(
      Array.from({ length: 5 }, () => branch.dialogue(middle[family], PORT)),
    );
    for (const [index, dialogue] of dialogues.entries()) {
      expect(await dialogue.ask(`SEND <${String(index)}.1.data> SIZE 200000\n`)).toBe('SEND OK\n');
      dialogue.send(half);
    }
    centre.unplug();
    for (const dialogue of dialogues) dialogue.send(half);
    await expect.poll(() => unacknowledged(proxy.pid, PORT), SLOW).toBeGreaterThanOrEqual(5);
    centre.plugIn();
    for (const dialogue of dialogues) expect(await dialogue.line()).toBe('SEND OK\n');
    for (const [index, dialogue] of dialogues.entries()) {
      expect(readFileSync(join(spool, `${String(index)}.1.data`)).equals(Buffer.concat([half, half]))).toBe(
        true,
      );
      dialogue.send('QUIT\n');
      expect(await dialogue.rest()).toBe('');
    }
  });

  testWithNetwork(
    'the cable stays out: the client is let go after relay_timeout; put back, it works again',
    async () => {
      const { branch, middle, centre, spool } = makeHosts();
      await startOn(centre, family, ['-s', spool, ...PATIENT]);
      const silence = ['--relay-timeout', '2', '-V'];
      const proxy = await startOn(middle, family, [...towards(centre, family), ...silence]);
      const dialogue = await branch.dialogue(middle[family], PORT);
      expect(await dialogue.ask('SEND <a.1.data> SIZE 6\n')).toBe('SEND OK\n');
      centre.unplug();
      dialogue.send('abc');
      expect(await dialogue.rest()).toBe('');
      await proxy.logged('was silent in both directions for 2 s');
      // The next ones find no upstream, and are let go after the idle limit.
      const [file = ''] = makeFiles(1, 100);
      const lost = await sending(branch, middle[family], [file]).result;
      expect(lost).toMatchObject({
        code: 1,
        stderr: expect.stringContaining('closed by the server') as string,
      });
      await proxy.logged(`[log]Warning: Upstream ${endpoint(centre, family)}: `);
      centre.plugIn();
      await expect
        .poll(async () => (await sending(branch, middle[family], [file]).result).code, SLOW)
        .toBe(0);
      await proxy.logged(`Upstream ${endpoint(centre, family)} is back after `);
      expectSame([file], spool);
    },
  );

  testWithNetwork('5% of all packets are lost: everything arrives whole', async () => {
    const { branch, middle, centre, spool } = makeHosts();
    await startOn(centre, family, ['-s', spool, ...PATIENT]);
    await startOn(middle, family, [...towards(centre, family), ...PATIENT]);
    for (const host of [branch, middle, centre]) host.lose('meta l4proto tcp numgen random mod 100 < 5');
    const files = makeFiles(40, 100_000);
    const results = await Promise.all(
      [0, 10, 20, 30].map((from) => sending(branch, middle[family], files.slice(from, from + 10)).result),
    );
    expect(results).toEqual(results.map(() => ({ code: 0, stdout: '', stderr: '' })));
    expectSame(files, spool);
  });

  testWithNetwork(
    'an upstream that does not answer: the next one is taken within the idle limit',
    async () => {
      const network = new Network();
      const [branch, middle] = [network.host('branch'), network.host('middle')];
      const [first, second] = [network.host('first'), network.host('second')];
      const [firstSpool, secondSpool] = [temporarySpool(), temporarySpool()];
      await startOn(first, family, ['-s', firstSpool]);
      await startOn(second, family, ['-s', secondSpool]);
      const proxy = await startOn(middle, family, [
        ...['-b', [first, second].map((host) => host[family]).join(','), '-g', String(PORT)],
      ]);
      first.lose(`tcp dport ${String(PORT)}`);
      const held = await Promise.all(
        Array.from({ length: 6 }, async (_, index) => {
          const dialogue = await branch.dialogue(middle[family], PORT);
          const start = performance.now();
          expect(await dialogue.ask(`SEND <${String(index)}.1.data> SIZE 4\n`)).toBe('SEND OK\n');
          expect(await dialogue.ask('data')).toBe('SEND OK\n');
          return performance.now() - start;
        }),
      );
      // 4 s are the limit (W4); whoever waited for it twice would be here after 8 s.
      expect(Math.max(...held)).toBeLessThan(7500);
      expect(readdirSync(secondSpool)).toHaveLength(6);
      const warning = `[log]Warning: Upstream ${endpoint(first, family)}: connection timed out; it is set aside, trying ${endpoint(second, family)}`;
      await proxy.logged(warning);
      expect(proxy.output.split(`Upstream ${endpoint(first, family)}`)).toHaveLength(2);
      first.loseNothing();
      await expect
        .poll(async () => {
          const [file = ''] = makeFiles(1, 10);
          await sending(branch, middle[family], [file]).result;
          return readdirSync(firstSpool);
        }, SLOW)
        .toHaveLength(1);
      await proxy.logged(
        new RegExp(`Upstream ${endpoint(first, family)} is back after [0-9]+ seconds?; [0-9]+ connections`),
      );
    },
  );

  testWithNetwork(
    'the upstream is killed in mid-transfer: the client hears of it at once, exit 1',
    async () => {
      const { branch, middle, centre, spool } = makeHosts();
      const upstream = await startOn(centre, family, ['-s', spool, '-m', '1000000000', ...PATIENT]);
      const proxy = await startOn(middle, family, [...towards(centre, family), ...PATIENT]);
      // As slow as a link between continents, and large, so that there is a middle.
      centre.lose('limit rate over 4 mbytes/second');
      const [large = '', small = ''] = [...makeFiles(1, 200_000_000), ...makeFiles(1, 100)];
      const client = sending(branch, middle[family], [large]);
      await expect.poll(() => readdirSync(spool), SLOW).toHaveLength(1);
      // The kernel's word of its end must not be among what is lost: it would be repeated after ever longer pauses.
      centre.loseNothing();
      await killAll(upstream);
      const { code, stderr } = await client.result;
      expect(code).toBe(1);
      expect(stderr).toMatch(/^\[err\] .*(lost|closed)/);
      await proxy.logged(`[log]Warning: Upstream ${endpoint(centre, family)}: a connection broke: `);

      const refused = await sending(branch, middle[family], [small]).result;
      expect(refused.code).toBe(1);
      await proxy.logged(
        `[log]Warning: Upstream ${endpoint(centre, family)}: connection refused: nothing listens there; no other upstream`,
      );
      await startOn(centre, family, ['-s', spool, ...PATIENT]);
      expect(await sending(branch, middle[family], [small]).result).toMatchObject({ code: 0, stderr: '' });
      expectSame([small], spool);
      await proxy.logged(`Upstream ${endpoint(centre, family)} is back after `);
    },
  );
});

testWithNetwork('our client fetches through the relay while packets are lost', async () => {
  const { branch, middle, centre, spool } = makeHosts();
  const content = randomBytes(500_000);
  writeFileSync(join(spool, 'agent.conf'), content);
  await startOn(centre, 'ipv4', ['-s', spool, ...PATIENT]);
  await startOn(middle, 'ipv4', [...towards(centre, 'ipv4'), ...PATIENT]);
  for (const host of [branch, middle]) host.lose('meta l4proto tcp numgen random mod 100 < 5');
  const cwd = temporaryDirectory();
  const options = [...PATIENT, '-a', middle.ipv4, '-p', String(PORT), '-g', 'agent.conf'];
  expect(await runClient(options, { cwd, through: branch.through })).toMatchObject({ code: 0, stderr: '' });
  expect(readFileSync(join(cwd, 'agent.conf')).equals(content)).toBe(true);
});
