/** Hosts of their own on one small network, made of network namespaces; gone when their test is over. */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Duplex } from 'node:stream';
import { onTestFinished, test } from 'vitest';
import { Dialogue } from './dialogue.ts';
import { missing, testWith } from './requires.ts';

const NEEDS = ['root', 'ip', 'nft'];
const DEVICE = 'eth0';

/** Every host is on one switch, by a cable that can be pulled. Touches nothing of the namespace it is called from. */
export class Network {
  readonly #prefix = `tentacle-${String(process.pid)}-${randomBytes(3).toString('hex')}`;
  readonly #switch: string;
  #hosts = 0;

  /** It and its hosts are removed when the current test is over, with all that runs there. */
  constructor() {
    this.#switch = this.#namespace('switch');
    ip('-n', this.#switch, 'link', 'add', 'br0', 'type', 'bridge', 'mcast_snooping', '0');
    ip('-n', this.#switch, 'link', 'set', 'br0', 'up');
  }

  /** A new host, with an IPv4 and an IPv6 address that the others reach. */
  host(name: string): Host {
    const namespace = this.#namespace(name);
    const number = ++this.#hosts;
    const port = `port${String(number)}`;
    const cable = ['link', 'add', DEVICE, 'type', 'veth', 'peer', 'name', port, 'netns', this.#switch];
    ip('-n', namespace, ...cable);
    ip('-n', this.#switch, 'link', 'set', port, 'master', 'br0', 'up');
    const host = new Host(namespace, {
      number,
      pull: (to) => ip('-n', this.#switch, 'link', 'set', port, to),
    });
    ip('-n', namespace, 'address', 'add', `${host.ipv4}/24`, 'dev', DEVICE);
    ip('-n', namespace, 'address', 'add', `${host.ipv6}/64`, 'dev', DEVICE, 'nodad');
    for (const device of ['lo', DEVICE]) ip('-n', namespace, 'link', 'set', device, 'up');
    return host;
  }

  #namespace(name: string): string {
    const namespace = `${this.#prefix}-${name}`;
    ip('netns', 'add', namespace);
    onTestFinished(() => {
      for (const pid of ip('netns', 'pids', namespace).split('\n')) end(pid);
      ip('netns', 'delete', namespace);
    });
    return namespace;
  }
}

interface Place {
  readonly number: number;
  readonly pull: (to: 'up' | 'down') => unknown;
}

export class Host {
  readonly ipv4: string;
  readonly ipv6: string;
  /** What a command line begins with that is to run there. */
  readonly through: readonly [program: string, ...words: string[]];
  readonly #pull: Place['pull'];

  constructor(namespace: string, { number, pull }: Place) {
    this.ipv4 = `10.41.121.${String(number)}`;
    this.ipv6 = `fd00:41:121::${String(number)}`;
    this.through = ['ip', 'netns', 'exec', namespace];
    this.#pull = pull;
  }

  /** Pulls its cable out: packets are lost, and nobody is told. */
  unplug(): void {
    this.#pull('down');
  }

  plugIn(): void {
    this.#pull('up');
  }

  /** From now on, of what arrives there, this is lost: `numgen random mod 100 < 5`, `tcp dport 41121`. */
  lose(what: string): void {
    this.#nft(`table inet loss {\nchain input {\ntype filter hook input priority 0;\n${what} drop\n}\n}\n`);
  }

  /** Nothing is lost any more. */
  loseNothing(): void {
    this.#nft('flush ruleset\n');
  }

  /** Connects from there; the connection ends with the current test. */
  async dialogue(address: string, port: number): Promise<Dialogue> {
    const [program, ...words] = [...this.through, process.execPath, '-e', PIPE, address, String(port)];
    const child = spawn(program, words, { stdio: ['pipe', 'pipe', 'inherit'] });
    onTestFinished(() => {
      child.kill('SIGKILL');
    });
    child.stdin.on('error', () => undefined);
    const dialogue = new Dialogue(Duplex.from({ readable: child.stdout, writable: child.stdin }));
    if ((await dialogue.line()) !== 'connected\n') throw new Error(`cannot connect to ${address}`);
    return dialogue;
  }

  #nft(rules: string): void {
    const [program, ...words] = [...this.through, 'nft', '-f', '-'];
    execFileSync(program, words, { input: rules });
  }
}

/** Ties standard input and output to a connection, and ends when that is closed. */
const PIPE = `
const [host, port] = process.argv.slice(1);
const socket = require('node:net').connect({ host, port, noDelay: true }, () => {
  process.stdout.write('connected\\n');
  process.stdin.pipe(socket).pipe(process.stdout);
});
socket.on('error', () => process.exit(1)).on('close', () => process.exit(0));
`;

/**
 * A test that needs hosts of its own. A system that forbids them, as containers do, is no fault of who runs the tests:
 * there it is skipped also in CI, and its name says why.
 */
export function testWithNetwork(name: string, run: () => Promise<void>, timeout?: number): void {
  const refusal = missing(NEEDS) === undefined ? networkRefusal() : undefined;
  if (refusal === undefined) testWith(NEEDS, name, run, timeout);
  else test.skip(`${name} [no network namespaces here: ${refusal}]`, run);
}

let refusal: { readonly reason: string | undefined } | undefined;

/** Why this system lets nobody do what these tests need; undefined when it does. */
function networkRefusal(): string | undefined {
  refusal ??= { reason: tryNetwork() };
  return refusal.reason;
}

function tryNetwork(): string | undefined {
  const namespace = `tentacle-${String(process.pid)}-try`;
  const commands = [
    `ip netns add ${namespace}`,
    `ip -n ${namespace} link add ${DEVICE} type veth peer name port`,
    `ip -n ${namespace} link add br0 type bridge`,
    `ip netns exec ${namespace} nft 'add table inet t; add chain inet t c; add rule inet t c numgen random mod 9 < 5 drop'`,
  ];
  const { status, stderr } = spawnSync('sh', ['-c', commands.join(' && ')], { encoding: 'utf8' });
  spawnSync('ip', ['netns', 'delete', namespace]);
  return status === 0 ? undefined : stderr.trim().split('\n')[0];
}

function ip(...words: readonly string[]): string {
  return execFileSync('ip', words, { encoding: 'utf8' });
}

/** Ends what its starter has not ended, if it is still there. */
function end(pid: string): void {
  if (pid === '') return;
  try {
    process.kill(Number(pid), 'SIGKILL');
  } catch {
    // It has just ended.
  }
}

/** Connections of a process's host to this port of another one, on which something was sent that has not arrived. */
export function unacknowledged(pid: number, port: number): number {
  const lines = ['tcp', 'tcp6'].flatMap((table) =>
    readFileSync(`/proc/${String(pid)}/net/${table}`, 'latin1')
      .split('\n')
      .slice(1),
  );
  const hex = port.toString(16).toUpperCase();
  // local_address rem_address st tx_queue:rx_queue
  const pattern = new RegExp(`^ *\\d+: [0-9A-F]+:[0-9A-F]{4} [0-9A-F]+:${hex} 01 (?!00000000:)`);
  return lines.filter((line) => pattern.test(line)).length;
}
