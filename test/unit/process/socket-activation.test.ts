/** Sockets opened by somebody else: systemd-socket-activate, and a launcher in Python. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { expect, onTestFinished } from 'vitest';
import { compiled } from '../../support/compiled.ts';
import { freePort } from '../../support/program.ts';
import { testWith } from '../../support/requires.ts';

/** Says what it was handed and what is left of the variables, and serves it, from a cluster worker. */
const SERVER = `
import cluster from 'node:cluster';
import { createServer } from 'node:net';
import { activatedSockets } from 'SRC/process/socket-activation.ts';
if (cluster.isPrimary) {
  cluster.schedulingPolicy = cluster.SCHED_NONE;
  try {
    const descriptors = activatedSockets(process.env);
    const left = Object.keys(process.env).filter((name) => name.startsWith('LISTEN_'));
    console.log(JSON.stringify({ descriptors, left }));
    for (const fd of descriptors) cluster.fork({ SERVE: String(fd) });
  } catch (cause) {
    console.log((cause as Error).message);
  }
} else {
  const fd = Number(process.env.SERVE);
  createServer((socket) => socket.end('hello from ' + fd)).listen({ fd });
}
`;

/** Sets LISTEN_* for itself as systemd does, opens sockets from 3 on, and becomes the program. */
const LAUNCHER = `
import os, socket, sys
promised, opened = int(sys.argv[1]), int(sys.argv[2])
ports = []
for number in range(3, 3 + opened):
    s = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen()
    ports.append(s.getsockname()[1])
    keep = s.detach()
    if keep != number:
        os.dup2(keep, number); os.close(keep)
    os.set_inheritable(number, True)
os.closerange(3 + opened, 20)
print(*ports, flush=True)
os.environ.update(LISTEN_FDS=str(promised), LISTEN_PID=str(os.getpid()), LISTEN_FDNAMES='a:b')
if len(sys.argv) > 5: os.environ['LISTEN_PID'] = sys.argv[5]
os.execv(sys.argv[3], sys.argv[3:5])
`;

/** A process of the test, and the lines of its stdout as they come. */
function lines(program: string, args: readonly string[]): AsyncIterator<string> {
  const child: ChildProcess = spawn(program, args, { stdio: ['ignore', 'pipe', 'ignore'] });
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  return (async function* () {
    let text = '';
    for await (const chunk of child.stdout ?? []) {
      text += String(chunk);
      const whole = text.split('\n');
      text = whole.pop() ?? '';
      yield* whole;
    }
  })();
}

async function next(iterator: AsyncIterator<string>): Promise<string> {
  return String((await iterator.next()).value);
}

async function greeting(port: number): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  const [chunk] = (await once(socket, 'data')) as [Buffer];
  socket.destroy();
  return chunk.toString();
}

testWith(['systemd-socket-activate'], 'what systemd opened is served by a cluster worker', async () => {
  const program = await compiled(SERVER);
  const port = await freePort();
  const activator = spawn(
    'systemd-socket-activate',
    ['-l', `127.0.0.1:${String(port)}`, process.execPath, program],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  onTestFinished(() => {
    activator.kill('SIGKILL');
  });
  // It says "Listening on ..." and starts the program at the first connection.
  await once(activator.stderr, 'data');
  const answer = greeting(port);
  const [said] = (await once(activator.stdout, 'data')) as [Buffer];
  expect(JSON.parse(said.toString())).toEqual({ descriptors: [3], left: [] });
  expect(await answer).toBe('hello from 3');
});

testWith(['python3'], 'two sockets are two descriptors, each served', async () => {
  const said = lines('python3', ['-c', LAUNCHER, '2', '2', process.execPath, await compiled(SERVER)]);
  const [first = '', second = ''] = (await next(said)).split(' ');
  expect(JSON.parse(await next(said))).toEqual({ descriptors: [3, 4], left: [] });
  expect(await greeting(Number(first))).toBe('hello from 3');
  expect(await greeting(Number(second))).toBe('hello from 4');
});

testWith(['python3'], 'what is meant for another process is left alone, and the variables go', async () => {
  const said = lines('python3', ['-c', LAUNCHER, '2', '2', process.execPath, await compiled(SERVER), '1']);
  await next(said);
  expect(JSON.parse(await next(said))).toEqual({ descriptors: [], left: [] });
});

testWith(['python3'], 'a descriptor that is no socket is told', async () => {
  const said = lines('python3', ['-c', LAUNCHER, '40', '1', process.execPath, await compiled(SERVER)]);
  await next(said);
  expect(await next(said)).toMatch(
    /^LISTEN_FDS promises 40 sockets from descriptor 3 on, but \d+ is none: check the .socket unit$/,
  );
});
