/** use_libwrap with the real library and real hosts.allow and hosts.deny, in a mount namespace of the server's own. */
import { cpSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { connect } from 'node:net';
import { dirname, join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { openLibwrap } from '../../src/process/libwrap.ts';
import { Dialogue } from '../support/dialogue.ts';
import { childrenOf, environmentOf, isAlive } from '../support/processes.ts';
import { type Result, SERVER, ServerProcess } from '../support/program.ts';
import { isRoot, testWith } from '../support/requires.ts';
import { store } from '../support/store.ts';
import { temporaryDirectory, temporarySpool } from '../support/temporary.ts';

const NEEDS = ['root', 'unshare', 'mount'];
const WAIT = { timeout: 20_000 };

/** The files that decide, and the names of addresses, seen by nobody but the server. */
class Rules {
  readonly #directory = temporaryDirectory();

  constructor(allow: string, deny = 'ALL: ALL') {
    this.allow(allow);
    this.#write('hosts.deny', deny);
    this.#write('hosts', '127.0.0.1 localhost\n127.0.0.4 agent.example');
  }

  /** For whoever comes from now on. */
  allow(...lines: readonly string[]): void {
    this.#write('hosts.allow', lines.join('\n'));
  }

  /** What starts a program so that it sees them. */
  get through(): readonly string[] {
    const mounts = ['hosts', 'hosts.allow', 'hosts.deny'].map(
      (name) => `mount --bind '${join(this.#directory, name)}' /etc/${name}`,
    );
    return ['unshare', '-m', 'sh', '-c', `${mounts.join(' && ')} && exec "$@"`, 'sh'];
  }

  start(...args: readonly string[]): Promise<ServerProcess> {
    // TLS and passwords are none of its business. Each worker has helpers of its own.
    const words = ['-T', '-s', temporarySpool(), '--overwrite', '-v', '--workers', '1', ...args];
    return ServerProcess.start(words, { through: this.through });
  }

  #write(name: string, text: string): void {
    writeFileSync(join(this.#directory, name), `${text}\n`);
  }
}

function from(address: string, { port }: ServerProcess): Dialogue {
  const socket = connect({ port, host: '127.0.0.1', localAddress: address, noDelay: true });
  onTestFinished(() => {
    socket.destroy();
  });
  return new Dialogue(socket);
}

async function isServed(address: string, server: ServerProcess): Promise<void> {
  const client = from(address, server);
  expect(await store(client, 'a')).toBe('SEND OK\n');
  client.send('QUIT\n');
  expect(await client.rest()).toBe('');
}

/** Before it has said anything. */
async function isRefused(address: string, server: ServerProcess): Promise<void> {
  expect(await from(address, server).rest()).toBe('');
}

function helpersOf(server: ServerProcess): number[] {
  return server.workers().flatMap(childrenOf);
}

/** What to do in a rule to hang until the test is over, and a file that is there when it does. */
function hanging(): { readonly hang: string; readonly begun: string } {
  const directory = temporaryDirectory();
  const [begun, release] = [join(directory, 'begun'), join(directory, 'release')];
  onTestFinished(() => {
    writeFileSync(release, '');
  });
  // Without its directory it has been released, too.
  const hang = `spawn touch ${begun}; while test -d ${directory} && ! test -e ${release}; do sleep 0.1; done`;
  return { hang, begun };
}

describe('hosts.allow and hosts.deny decide', () => {
  testWith(NEEDS, 'by address, network and name, as they are at that moment', async () => {
    const rules = new Rules('tentacle_server: 127.0.0.2 127.0.1.0/255.255.255.0 agent.example\nother: ALL');
    const server = await rules.start();
    for (const address of ['127.0.0.2', '127.0.1.9', '127.0.0.4']) await isServed(address, server);
    for (const address of ['127.0.0.3', '127.0.0.1']) await isRefused(address, server);
    await server.logged(
      /Connection from 127\.0\.0\.3 port \d+ refused: hosts\.allow and hosts\.deny do not let it in/,
    );
    rules.allow('tentacle_server@127.0.0.1: 127.0.0.3', 'tentacle_server@127.0.0.9: 127.0.0.2');
    await isServed('127.0.0.3', server);
    await isRefused('127.0.0.2', server);
  });

  testWith(NEEDS, 'behind a balancer, about the client that it names', async () => {
    const server = await new Rules('tentacle_server: 192.0.2.1 [2001:db8::]/32').start(
      ...['--proxy-protocol-accept', '127.0.0.1'],
    );
    const answers = ['TCP4 192.0.2.1 127.0.0.1', 'TCP6 2001:db8::7 ::1', 'TCP4 192.0.2.2 127.0.0.1'].map(
      (ends) => {
        const client = from('127.0.0.1', server);
        client.send(`PROXY ${ends} 5000 41121\r\n`);
        return store(client, 'a').catch(() => 'refused');
      },
    );
    expect(await Promise.all(answers)).toEqual(['SEND OK\n', 'SEND OK\n', 'refused']);
  });

  testWith(NEEDS, 'spawn runs its command; twist, which would replace the helper, refuses', async () => {
    const said = join(temporaryDirectory(), 'said');
    const rules = new Rules(`tentacle_server: 127.0.0.2: spawn echo %a %d > ${said}`);
    const server = await rules.start();
    await isServed('127.0.0.2', server);
    expect(readFileSync(said, 'utf8')).toBe('127.0.0.2 tentacle_server\n');
    const helpers = helpersOf(server);
    rules.allow('tentacle_server: 127.0.0.2: twist echo hello', 'tentacle_server: 127.0.0.3');
    await isRefused('127.0.0.2', server);
    await isServed('127.0.0.3', server);
    expect(helpersOf(server)).toEqual(helpers);
  });
});

describe('the helper', () => {
  testWith(NEEDS, 'a question that hangs is given up, and keeps nobody else waiting', async () => {
    const { hang } = hanging();
    const server = await new Rules(`tentacle_server: 127.0.0.2: ${hang}\ntentacle_server: 127.0.0.3`).start(
      ...['--timeout', '5', '--retries', '0'],
    );
    const hung = Array.from({ length: 20 }, () => from('127.0.0.2', server));
    await Promise.all(hung.map((client) => new Promise((resolve) => client.stream.once('connect', resolve))));
    await isServed('127.0.0.3', server);
    // Not one of them has been given up by then.
    expect(server.output).not.toContain('in time');
    await Promise.all(hung.map((client) => client.rest()));
    await server.logged(/Warning: 1 connection refused: libwrap did not answer in time/);
    await isServed('127.0.0.3', server);
  });

  testWith(NEEDS, 'an address with more questions than may wait keeps nobody else out', async () => {
    const { hang, begun } = hanging();
    const server = await new Rules(`tentacle_server: 127.0.0.2: ${hang}\ntentacle_server: 127.0.0.3`).start(
      ...['--timeout', '30', '--retries', '0'],
    );
    // Before anybody else comes, somebody is there to answer them.
    const first = from('127.0.0.2', server);
    await expect.poll(() => existsSync(begun), WAIT).toBe(true);
    await expect.poll(() => helpersOf(server).length, WAIT).toBe(2);
    const greedy = Array.from({ length: 4200 }, () => from('127.0.0.2', server));
    await server.logged(/refused: libwrap did not answer in time/);
    await isServed('127.0.0.3', server);
    expect(first.stream.destroyed).toBe(false);
    expect(greedy.filter(({ stream }) => !stream.destroyed).length).toBeGreaterThan(4000);
  });

  testWith(NEEDS, 'is started again when it dies, and nobody gets in meanwhile', async () => {
    const server = await new Rules(
      'tentacle_server: 127.0.0.3\ntentacle_server: 127.0.0.2: spawn kill -9 $PPID',
    ).start();
    await isServed('127.0.0.3', server);
    const [helper = 0] = helpersOf(server);
    await isRefused('127.0.0.2', server);
    await server.logged('refused: the process that asks libwrap ended');
    await isServed('127.0.0.3', server);
    expect(helpersOf(server)).not.toContain(helper);
  });

  testWith(NEEDS, 'ends with its worker, even a killed one, even while it hangs', async () => {
    const { hang, begun } = hanging();
    const server = await new Rules(`ALL: 127.0.0.2: ${hang}`).start();
    const [worker = 0] = server.workers();
    const [helper = 0] = childrenOf(worker);
    expect(environmentOf(helper)).toContain('TENTACLE_IS_LIBWRAP_HELPER=1');
    from('127.0.0.2', server);
    await expect.poll(() => existsSync(begun), WAIT).toBe(true);
    process.kill(worker, 'SIGKILL');
    await expect.poll(() => isAlive(helper), WAIT).toBe(false);
    await server.logged('A new worker took the place of the lost one');
    const [next = 0] = helpersOf(server);
    expect(await server.stop()).toBe(0);
    await expect.poll(() => isAlive(next), WAIT).toBe(false);
  });
});

// Each time would take memory for ever, and the supervisor looks at its settings every minute.
testWith(NEEDS, 'the library is loaded once', async () => {
  expect(await openLibwrap()).toBe(await openLibwrap());
});

describe('what is missing is told at start, and by --check', () => {
  function refusal(through: readonly string[], program = SERVER): Result[] {
    const words = ['-T', '-s', temporarySpool(), ...(isRoot ? ['--allow-root'] : [])];
    return [[], ['--check']].map((action) => {
      const [command = '', ...args] = [...through, process.execPath, program, ...words, ...action];
      const { status, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8', timeout: 30_000 });
      return { status, stdout, stderr };
    });
  }

  test('without koffi', () => {
    const copy = temporaryDirectory();
    cpSync(dirname(SERVER), copy, { recursive: true });
    rmSync(join(copy, 'parts/koffi.cjs'));
    for (const { status, stdout, stderr } of refusal([], join(copy, 'tentacle_server.cjs'))) {
      expect(stdout + stderr).toMatch(
        /-T, --use-libwrap: use_libwrap: it needs the package koffi: npm install koffi$/m,
      );
      expect(status).toBe(1);
    }
  });

  testWith(NEEDS, 'without libwrap', () => {
    const hide =
      'for file in /usr/lib/*/libwrap.so.0; do mount --bind /dev/null "$file" || exit; done; exec "$@"';
    for (const { status, stdout, stderr } of refusal(['unshare', '-m', 'sh', '-c', hide, 'sh'])) {
      expect(stdout + stderr).toMatch(/use_libwrap: it needs libwrap\.so\.0: apt-get install libwrap0 \(/);
      expect(status).toBe(1);
    }
  });

  testWith(NEEDS, 'files that the user cannot read, of which libwrap would make that all may enter', () => {
    const deny = join(temporaryDirectory(), 'hosts.deny');
    writeFileSync(deny, 'ALL: ALL\n', { mode: 0o600 });
    const through = [
      'unshare',
      '-m',
      'sh',
      '-c',
      `mount --bind '${deny}' /etc/hosts.deny && exec "$@"`,
      'sh',
    ];
    const [command = '', ...args] = through;
    const spool = temporarySpool();
    const { status, stdout } = spawnSync(
      command,
      [...args, process.execPath, SERVER, '--check', '-T', '-U', 'nobody', '-s', spool],
      { encoding: 'utf8' },
    );
    expect(stdout).toMatch(/use_libwrap: \/etc\/hosts\.deny cannot be read by this user/);
    expect(status).toBe(1);
  });
});
