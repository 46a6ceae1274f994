/** More than one machine: whatever is killed or cut off, every file that was confirmed is delivered once, and no other. */
import { execFile, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { Agents, contentOf, namesOf } from '../support/agents.ts';
import { ClientProcess, type ClientResult, runClient } from '../support/client-program.ts';
import { NatsHosts } from '../support/nats-hosts.ts';
import { type Host, Network, testWithNetwork } from '../support/network.ts';
import { SERVER } from '../support/program.ts';
import { has } from '../support/requires.ts';
import { Restartable } from '../support/restartable.ts';
import { Taking } from '../support/taking.ts';
import { temporaryDirectory, temporarySpool } from '../support/temporary.ts';

/** `npm run test:cluster` asks for 20,000. */
const FILES = Number(process.env.TENTACLE_FILES ?? 900);
const LONG = 1_200_000;
/** How long an edit may take to every receiver, in milliseconds; beside other tests nothing is timed. */
const EDIT_MS = process.env.TENTACLE_FILES === undefined ? LONG : 2000;
const PATIENCE = { timeout: 240_000, interval: 50 };
const FILTERS = String.raw`.*\.conf:conf;.*\.md5:md5;.*\.zip:collections`;
const DIRECTORIES = ['conf', 'md5', 'collections'];
const ROOT = '--allow-root';

interface Site {
  readonly nats: NatsHosts;
  readonly receivers: readonly Restartable[];
  readonly deliverers: readonly Restartable[];
  readonly sync: Restartable;
  readonly balancer: { readonly host: Host; readonly restart: () => Promise<void> };
  /** Of the receivers. */
  readonly queues: readonly string[];
  /** Where somebody may ask how things are. */
  readonly office: Host;
  /** Where clients are. */
  readonly branch: Host;
  /** Of the deliverers. */
  readonly spools: readonly string[];
  /** Of the console. */
  readonly console: string;
}

async function startSite(): Promise<Site> {
  const network = new Network();
  const hosts = (stem: string): Host[] => [1, 2, 3].map((number) => network.host(`${stem}${String(number)}`));
  const [natsHosts, fronts, backs] = [hosts('nats'), hosts('front'), hosts('back')];
  const [branch, entrance, office] = [
    network.host('branch'),
    network.host('entrance'),
    network.host('office'),
  ];
  const nats = new NatsHosts(natsHosts);
  const store = ['--store', 'jetstream', '--nats-servers', nats.servers, '-i', FILTERS];
  await expect.poll(() => setUp(office, store), PATIENCE).toBe('');
  const queues = fronts.map(() => temporarySpool());
  const receivers = await Promise.all(
    fronts.map((host, index) =>
      Restartable.start({
        host,
        args: [
          ...[...store, '-s', queues[index] ?? '', '-v', ROOT],
          ...['--proxy-protocol-accept', entrance.ipv4],
        ],
      }),
    ),
  );
  const spools = backs.map(() => temporarySpool());
  const deliverers = await Promise.all(
    backs.map((host, index) =>
      Restartable.start({
        host,
        args: ['--deliver', '--nats-servers', nats.servers, '-s', spools[index] ?? '', '-v', ROOT],
        says: 'are delivered to',
      }),
    ),
  );
  const console = temporarySpool(...DIRECTORIES);
  const sync = await Restartable.start({
    host: office,
    args: ['--sync', '--nats-servers', nats.servers, '-i', FILTERS, '-s', console, '-v', ROOT],
    says: 'Keeps conf',
  });
  const balancer = await startBalancer(entrance, fronts);
  return { nats, receivers, deliverers, sync, balancer, queues, office, branch, spools, console };
}

/** What is wrong; '' when all is set up. */
function setUp(from: Host, store: readonly string[]): string {
  const [program, ...words] = [...from.through, process.execPath, SERVER, '--setup-jetstream', ROOT];
  const { status, stdout, stderr } = spawnSync(program, [...words, ...store, '-s', '/'], {
    encoding: 'utf8',
    timeout: 60_000,
  });
  return status === 0 ? '' : stdout + stderr;
}

/** HAProxy, which tells the receivers by the PROXY protocol whom it speaks for. */
async function startBalancer(host: Host, fronts: readonly Host[]): Promise<Site['balancer']> {
  const file = join(temporaryDirectory(), 'haproxy.cfg');
  const lines = [
    ...['defaults', '  mode tcp', '  timeout connect 2s', '  timeout client 60s', '  timeout server 60s'],
    ...['  retries 3', '  option redispatch'],
    ...['frontend in', `  bind ${host.ipv4}:41121`, '  default_backend out'],
    ...['backend out', '  balance roundrobin'],
    ...fronts.map(
      ({ ipv4 }, index) => `  server r${String(index)} ${ipv4}:41121 send-proxy-v2 check inter 500`,
    ),
  ];
  writeFileSync(file, `${lines.join('\n')}\n`);
  const [program, ...words] = [...host.through, 'haproxy', '-db', '-f', file];
  const start = (): ReturnType<typeof spawn> => spawn(program, words, { stdio: 'ignore' });
  let child = start();
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  const restart = async (): Promise<void> => {
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await gone;
    child = start();
    await Promise.resolve();
  };
  await Promise.resolve();
  return { host, restart };
}

/** Sends all of them again and again until the client says that each was taken, as an agent does. */
async function insist(send: () => Promise<ClientResult>): Promise<void> {
  for (;;) {
    const { code, stderr } = await send();
    if (code === 0) return;
    // Of its own earlier attempts.
    expect(stderr).not.toMatch(/already exists/);
  }
}

/** Files of our client, in parts as large as an agent's buffer may be. */
async function ours(names: readonly string[], { branch, balancer }: Site): Promise<void> {
  const cwd = temporaryDirectory();
  for (const name of names) writeFileSync(join(cwd, name), contentOf(name));
  for (let from = 0; from < names.length; from += 25) {
    const part = names.slice(from, from + 25);
    await insist(
      () => new ClientProcess(['-a', balancer.host.ipv4, ...part], { cwd, through: branch.through }).result,
    );
  }
}

/** The same with Debian's client, which ends at the first failure. */
async function debians(names: readonly string[], { branch, balancer }: Site): Promise<void> {
  const cwd = temporaryDirectory();
  for (const name of names) writeFileSync(join(cwd, name), contentOf(name));
  const [program, ...words] = [...branch.through, '/usr/bin/tentacle_client', '-a', balancer.host.ipv4];
  for (let from = 0; from < names.length; from += 25) {
    const part = names.slice(from, from + 25);
    await insist(
      () =>
        new Promise((resolve) => {
          execFile(program, [...words, ...part], { cwd }, (error, stdout, stderr) => {
            resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr });
          });
        }),
    );
  }
}

/** What --check says. */
function checked({ nats, office }: Pick<Site, 'nats' | 'office'>): Promise<string> {
  const [program, ...words] = [...office.through, process.execPath, SERVER, '--check', ROOT];
  const options = ['--store', 'jetstream', '--nats-servers', nats.servers, '-i', FILTERS, '-s', '/'];
  return new Promise((resolve) => {
    execFile(program, [...words, ...options], { timeout: 60_000 }, (_error, stdout) => {
      resolve(stdout);
    });
  });
}

/** All that can be known of a site where files are missing. */
async function stateOf(site: Site): Promise<string> {
  const { nats, receivers, deliverers, sync, queues, spools } = site;
  const tail = (text: string): string => text.split('\n').slice(-25).join('\n');
  return [
    tail(await checked(site)),
    ...[...queues, ...spools].map((path) => `${path}: ${readdirSync(path).slice(0, 20).join(' ')}`),
    ...[...receivers, ...deliverers, sync].map(({ output }) => tail(output)),
    tail(nats.said),
  ].join('\n=====\n');
}

/** What was said of these files, and of partitions that moved. */
function told({ receivers, deliverers }: Site, names: readonly string[]): string {
  const isAbout = (line: string): boolean =>
    names.some((name) => line.includes(name)) || /Delivers|JetStream is|anew|Server listening/.test(line);
  return [...receivers, ...deliverers]
    .map(({ output }) => output.split('\n').filter(isAbout).join('\n'))
    .join('\n=====\n');
}

type Blow = readonly [name: string, strike: () => Promise<void>];

/** Everything that there is, killed and started again, and one NATS server cut off. */
function blowsOf(site: Site): readonly Blow[] {
  const { nats, receivers, deliverers, sync, balancer } = site;
  const again = async (server: Restartable): Promise<void> => {
    await server.kill();
    await server.start();
  };
  return [
    ...receivers.map((server, index): Blow => [`receiver ${String(index)}`, () => again(server)]),
    ...deliverers.map((server, index): Blow => [`deliverer ${String(index)}`, () => again(server)]),
    ...nats.hosts.map((_, node): Blow => [
      `NATS server ${String(node)}`,
      async () => {
        await nats.kill(node);
        nats.begin(node);
        // In turn: what two of three have lost, nobody has. The next one is killed when this one has all again.
        await expect.poll(() => nats.health(node, site.office), PATIENCE).toBe('ok');
      },
    ]),
    ['sync', () => again(sync)],
    ['balancer', () => balancer.restart()],
    [
      'cable of NATS server 1',
      async () => {
        nats.hosts[1]?.unplug();
        await new Promise((resolve) => setTimeout(resolve, 8000));
        nats.hosts[1]?.plugIn();
      },
    ],
  ];
}

/** Strikes while files are under way: each blow lets a part of them go, and falls when the first of those have arrived. */
async function trouble(site: Site, taking: Taking, names: readonly string[]): Promise<string[]> {
  const { branch, balancer } = site;
  const blows = blowsOf(site);
  const size = Math.ceil(names.length / blows.length);
  const struck: string[] = [];
  const sent: Promise<unknown>[] = [];
  for (const [index, [name, strike]] of blows.entries()) {
    const part = names.slice(index * size, (index + 1) * size);
    const of = (kind: number): string[] => part.filter((_, each) => each % 3 === kind);
    const before = taking.times.size;
    const agents = new Agents(() => branch.dialogue(balancer.host.ipv4, 41_121), of(0), 8);
    sent.push(
      agents.done,
      has('tentacle_client') ? debians(of(1), site) : ours(of(1), site),
      ours(of(2), site),
    );
    await expect.poll(() => taking.times.size, PATIENCE).toBeGreaterThan(before);
    await strike();
    struck.push(`${name} at ${String(taking.times.size)} of ${String(names.length)}`);
  }
  await Promise.all(sent);
  return struck;
}

testWithNetwork(
  `everything is killed in turn during ${String(FILES)} files: each that was confirmed is delivered once, byte-identical`,
  async () => {
    const site = await startSite();
    const { branch, spools, receivers } = site;
    const taking = new Taking(spools);
    const names = namesOf(FILES);
    const struck = await trouble(site, taking, names);
    await expect
      .poll(() => taking.times.size, PATIENCE)
      .toBe(FILES)
      .catch(async (cause: unknown) => {
        const missing = names.filter((name) => !taking.times.has(name));
        console.log(
          await stateOf(site),
          missing.join(' '),
          told(site, [...missing.slice(0, 3), ...missing.slice(-3)]),
        );
        throw cause;
      });
    // Whatever comes twice comes when what was given to those that were killed is given out again.
    await new Promise((resolve) => setTimeout(resolve, 15_000));
    if (taking.repeated.length > 0) console.log(struck.join(', '), told(site, taking.repeated.slice(0, 3)));
    expect(taking.repeated).toEqual([]);
    expect(taking.names).toEqual([...names].sort());
    expect(names.filter((name) => !taking.contentOf(name).equals(contentOf(name)))).toEqual([]);
    console.log(`struck: ${struck.join(', ')}`);
    // The addresses of clients, and not the balancer's, are known.
    expect(receivers.map(({ output }) => output).join('')).toContain(`from ${branch.ipv4} port`);
  },
  LONG,
);

testWithNetwork(
  'what is refused is not delivered; a large file is; a configuration edited at the console reaches every receiver within two seconds',
  async () => {
    const site = await startSite();
    const { branch, balancer, spools, receivers } = site;
    const taking = new Taking(spools);
    const cwd = temporaryDirectory();
    const large = Buffer.alloc(1_900_000, 'large ');
    writeFileSync(join(cwd, 'large.1.data'), large);
    writeFileSync(join(cwd, 'too-large.1.data'), Buffer.alloc(2_000_001));
    writeFileSync(join(cwd, 'agent.1.data'), 'one');
    const send = (...words: readonly string[]): Promise<ClientResult> =>
      runClient(['-a', balancer.host.ipv4, ...words], { cwd, through: branch.through });
    expect(await send('too-large.1.data')).toMatchObject({ code: 1 });
    expect(await send('large.1.data', 'agent.1.data')).toMatchObject({ code: 0 });
    await expect.poll(() => taking.names, PATIENCE).toEqual(['agent.1.data', 'large.1.data']);
    expect(taking.contentOf('large.1.data').equals(large)).toBe(true);

    for (let version = 1; version <= 3; version++) {
      const text = `version ${String(version)}\n`;
      writeFileSync(join(site.console, 'conf', 'agent.conf'), text);
      const edited = performance.now();
      const late = receivers.map(async ({ server }, index) => {
        const into = join(temporaryDirectory(), String(index));
        mkdirSync(into);
        const address = frontOf(server.output);
        for (;;) {
          // Straight to this receiver, as from the balancer.
          const { code } = await runClient(['-a', address, '-g', 'agent.conf'], {
            cwd: into,
            through: branch.through,
          });
          if (code === 0 && readFileSync(join(into, 'agent.conf'), 'utf8') === text) break;
        }
        return performance.now() - edited;
      });
      const longestMs = Math.max(...(await Promise.all(late)));
      console.log(`an edit was on every receiver after ${longestMs.toFixed(0)} ms`);
      expect(longestMs).toBeLessThan(EDIT_MS);
    }
  },
  LONG,
);

/** Where a receiver said that it listens. */
function frontOf(output: string): string {
  return /Server listening on (\S+) port/.exec(output)?.[1] ?? '';
}
