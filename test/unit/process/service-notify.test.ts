/** What the service manager hears, by a receiver of datagrams in Python. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, readdirSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { join } from 'node:path';
import { build } from 'esbuild';
import { expect, onTestFinished, test } from 'vitest';
import { isWaitingForDisk } from '../../../src/process/waiting-for-disk.ts';
import { compiled } from '../../support/compiled.ts';
import { testWith } from '../../support/requires.ts';
import { temporaryDirectory } from '../../support/temporary.ts';

/** Prints each datagram as a line of JSON; answers systemd-notify's wish to know that it was read. */
const RECEIVER = `
import array, json, os, socket, sys
name = sys.argv[1]
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind('\\0' + name[1:] if name.startswith('@') else name)
print('"bound"', flush=True)
while True:
    data, fds, flags, sender = socket.recv_fds(s, 65536, 4)
    for fd in fds: os.close(fd)
    if data != b'BARRIER=1': print(json.dumps(data.decode()), flush=True)
`;

const SPEAKER = `
import { openNotifier } from 'SRC/process/service-notify.ts';
async function main() {
  const notifier = await openNotifier(process.env, (text) => console.log('complaint: ' + text));
  const left = Object.keys(process.env).filter((name) => /NOTIFY|WATCHDOG/.test(name));
  console.log(JSON.stringify({ left, watchdogMs: notifier.watchdogMs, variables: notifier.variables }));
  notifier.status('starting\\nREADY=1\\r\\nup');
  notifier.ready('2 workers listen');
  notifier.reloading();
  notifier.ready('again');
  notifier.watchdog();
  notifier.stopping();
  notifier.stopping(2500.5);
  await notifier.sent();
  process.exit(0);
}
void main();
`;

const HEARD = [
  'STATUS=starting READY=1 up',
  'READY=1\nSTATUS=2 workers listen',
  expect.stringMatching(/^RELOADING=1\nMONOTONIC_USEC=\d+$/) as string,
  'READY=1\nSTATUS=again',
  'WATCHDOG=1',
  'STOPPING=1',
  'STOPPING=1\nEXTEND_TIMEOUT_USEC=2500500',
];

interface Receiver {
  /** The next datagrams. */
  readonly heard: (count: number) => Promise<string[]>;
}

async function receiver(address: string): Promise<Receiver> {
  const child: ChildProcess = spawn('python3', ['-c', RECEIVER, address], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  if (child.stdout === null) throw new Error('no stdout');
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async (): Promise<string> => JSON.parse(String((await lines.next()).value)) as string;
  expect(await next()).toBe('bound');
  return {
    heard: async (count) => {
      const all: string[] = [];
      while (all.length < count) all.push(await next());
      return all;
    },
  };
}

function speak(program: string, env: Readonly<Record<string, string>>): readonly string[] {
  const { PATH } = process.env;
  const { stdout, stderr, status } = spawnSync(process.execPath, [program], {
    encoding: 'utf8',
    timeout: 30_000,
    env: { ...(PATH === undefined ? {} : { PATH }), ...env },
  });
  expect({ stderr, status }).toEqual({ stderr: '', status: 0 });
  return stdout.trim().split('\n');
}

/** The speaker, beside a koffi that it finds. */
async function withKoffi(): Promise<string> {
  const program = await compiled(SPEAKER);
  const modules = join(program, '..', 'node_modules');
  cpSync('node_modules/koffi', join(modules, 'koffi'), { recursive: true });
  cpSync('node_modules/@koromix', join(modules, '@koromix'), { recursive: true });
  return program;
}

function addresses(): readonly string[] {
  return [
    join(temporaryDirectory(), 'notify'),
    `@tentacle-test-${String(process.pid)}-${String(Math.random())}`,
  ];
}

testWith(['python3'], 'koffi sends to a path and to an abstract name, one datagram each', async () => {
  const program = await withKoffi();
  for (const address of addresses()) {
    const { heard } = await receiver(address);
    // Without PATH there is no systemd-notify.
    const [said = ''] = speak(program, { NOTIFY_SOCKET: address, WATCHDOG_USEC: '3000000', PATH: '' });
    expect(JSON.parse(said)).toEqual({
      left: [],
      watchdogMs: 3000,
      variables: { NOTIFY_SOCKET: address, WATCHDOG_USEC: '3000000' },
    });
    expect(await heard(HEARD.length)).toEqual(HEARD);
  }
});

testWith(['python3', 'systemd-notify'], 'without koffi systemd-notify sends the same, in order', async () => {
  const program = await compiled(SPEAKER);
  for (const address of addresses()) {
    const { heard } = await receiver(address);
    expect(speak(program, { NOTIFY_SOCKET: address })).toHaveLength(1);
    expect(await heard(HEARD.length)).toEqual(HEARD);
  }
});

test('without both one line says what to do', async () => {
  const program = await compiled(SPEAKER);
  const [, ...complaints] = speak(program, { NOTIFY_SOCKET: '/nowhere', PATH: '' });
  expect(complaints).toEqual([
    expect.stringMatching(
      /^complaint: cannot tell the service manager .*there is no program systemd-notify; .*the package koffi is not to be had/,
    ),
  ]);
});

test('a service manager that is gone is told of once and harms nobody', async () => {
  const address = join(temporaryDirectory(), 'gone');
  const [, ...complaints] = speak(await withKoffi(), { NOTIFY_SOCKET: address });
  expect(complaints).toEqual([
    `complaint: cannot tell the service manager how the service is doing: ${address}: no such file or directory (ENOENT)`,
  ]);
});

test('nobody is told, and koffi not loaded, where no service manager listens', async () => {
  const program = await compiled(SPEAKER);
  const said = speak(program, { WATCHDOG_USEC: '3000000' });
  expect(said.map((line) => JSON.parse(line) as unknown)).toEqual([{ left: [], variables: {} }]);
});

test("another process's watchdog is not ours", async () => {
  const [said = ''] = speak(await withKoffi(), {
    NOTIFY_SOCKET: '/nowhere',
    WATCHDOG_USEC: '3000000',
    WATCHDOG_PID: '1',
  });
  expect(JSON.parse(said)).toEqual({ left: [], variables: { NOTIFY_SOCKET: '/nowhere' } });
});

test.each(['relative', `/${'x'.repeat(120)}`, 'vsock:2:1234'])(
  'the address %s does not harm',
  async (address) => {
    const [, ...complaints] = speak(await withKoffi(), { NOTIFY_SOCKET: address });
    expect(complaints).toHaveLength(1);
  },
);

testWith(['python3'], 'the bundle needs no node_modules, only what lies beside it', async () => {
  // As esbuild.config.js resolves it.
  const directory = temporaryDirectory();
  const entry = join(temporaryDirectory(), 'program.ts');
  writeFileSync(entry, SPEAKER.replaceAll('SRC', `${process.cwd()}/src`));
  await build({
    entryPoints: [entry],
    bundle: true,
    platform: 'node',
    format: 'cjs',
    alias: { koffi: './parts/koffi.cjs' },
    external: ['./parts/koffi.cjs'],
    outfile: join(directory, 'program.cjs'),
  });
  cpSync('dist/bin/parts', join(directory, 'parts'), { recursive: true });
  expect(readdirSync(directory).sort()).toEqual(['parts', 'program.cjs']);
  const address = join(directory, 'notify');
  const { heard } = await receiver(address);
  speak(join(directory, 'program.cjs'), { NOTIFY_SOCKET: address, PATH: '' });
  expect(await heard(HEARD.length)).toEqual(HEARD);
});

testWith(['gcc'], 'a process in uninterruptible sleep is told from one that is not', async () => {
  const directory = temporaryDirectory();
  const program = join(directory, 'x) D y');
  // vfork() holds the parent like a disk does, until the child is done.
  writeFileSync(
    join(directory, 'p.c'),
    '#include <unistd.h>\nint main(void){ if (vfork() == 0) { char c; write(1, "up", 2); read(0, &c, 1); write(1, "down", 4); _exit(0); } pause(); }',
  );
  spawnSync('gcc', ['-w', '-o', program, join(directory, 'p.c')], { stdio: 'inherit' });
  const child = spawn(program, { stdio: ['pipe', 'pipe', 'inherit'] });
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  await once(child.stdout, 'data');
  expect(isWaitingForDisk(child.pid ?? 0)).toBe(true);
  child.stdin.write('x');
  await once(child.stdout, 'data');
  while (isWaitingForDisk(child.pid ?? 0)) await new Promise((resolve) => setTimeout(resolve, 5));
  expect(isWaitingForDisk(process.pid)).toBe(false);
  expect(isWaitingForDisk(4194304)).toBe(false);
});
