/** Which server gets a file, and when it is sent again. */
import { expect, test, vi } from 'vitest';
import type { Upload } from '../../../src/client/client.ts';
import { LocalFileError } from '../../../src/client/errors.ts';
import {
  type Outcome,
  type Task,
  transfer,
  type TransferOptions,
  type Way,
} from '../../../src/client/transfer.ts';
import {
  oblige,
  PATIENT_MS,
  type Peer,
  type Script,
  type ScriptedServer,
  startScripted,
  upload,
} from '../../wire/scripted-server.ts';

const A = '127.0.0.1';
const B = '::1';
/** Where nobody listens. */
const NOBODY = '127.0.0.7';

function sending(name: string, file: Upload = upload(`<${name}>`, name)): Task {
  return { file: name, run: (client) => client.send(file) };
}

/** A file that cannot be read beyond its first bytes. */
function unreadable(name: string): Task {
  const content = async function* (): AsyncGenerator<Buffer, void, undefined> {
    yield* upload('he').content();
    throw new LocalFileError(`Cannot read ${name}: i/o error`);
  };
  return sending(name, { ...upload('', name, 500), content });
}

/** Closes where the reply to the first command is due; then does as it should. */
const closesOnce: Script = async (peer, count) => {
  await peer.line();
  if (count === 0) peer.close();
};

const good: Script = (peer) => oblige(peer);

/** Two servers of one port: A on 127.0.0.1, B on ::1. */
async function pair(a: Script, b: Script = good): Promise<{ a: ScriptedServer; b: ScriptedServer }> {
  const first = await startScripted(a, { host: A });
  return { a: first, b: await startScripted(b, { host: B, port: first.port }) };
}

interface Told {
  readonly all: boolean;
  /** `name: server: error`, as reported. */
  readonly told: string[];
}

async function run(
  tasks: readonly Task[],
  port: number,
  options: Partial<TransferOptions> & { readonly to?: Partial<Way> } = {},
): Promise<Told> {
  const told: string[] = [];
  const report = ({ task, server = 'none', error }: Outcome): void => {
    told.push(`${task.file}: ${server.split(' ')[0] ?? ''}: ${error?.name ?? 'sent'}`);
  };
  const connect = { port, idleMs: PATIENT_MS, ...options.to };
  const all = await transfer(tasks, { servers: [A, B], report, ...options, connect });
  return { all, told };
}

function heard(server: ScriptedServer): string[] {
  return server.peers.map((peer) => peer.heard);
}

test('all files go to the first server over one connection', async () => {
  const { a, b } = await pair(good);
  expect(await run([sending('f1'), sending('f2')], a.port)).toEqual({
    all: true,
    told: [`f1: ${A}: sent`, `f2: ${A}: sent`],
  });
  expect(heard(a)).toEqual(['SEND <f1> SIZE 4\n<f1>SEND <f2> SIZE 4\n<f2>QUIT\n']);
  expect(heard(b)).toEqual([]);
});

test('a server that refuses the connection is followed by the next', async () => {
  const b = await startScripted(good, { host: B });
  const { told } = await run([sending('f1')], b.port, { servers: [NOBODY, B] });
  expect(told).toEqual([`f1: ${B}: sent`]);
});

const firstFailures: Record<string, { script: Script; to?: Partial<Way> }> = {
  'closes at once': {
    script: (peer) => {
      peer.close();
      return undefined;
    },
  },
  'closes where the reply to PASS is due': { script: closesOnce, to: { password: 'x' } },
  'closes where the first reply is due': { script: closesOnce },
  'resets where the first reply is due': {
    script: async (peer) => {
      await peer.line();
      peer.reset();
    },
  },
  'closes in the first reply': {
    script: async (peer) => {
      await peer.answer('SEND');
      peer.close();
    },
  },
  'never gives its first reply': { script: (peer) => peer.gone, to: { idleMs: 300 } },
  'gives garbage to PASS': { script: (peer) => peer.answer('HTTP/1.1 400\n'), to: { password: 'x' } },
  'gives garbage for its first reply': { script: (peer) => peer.answer('HTTP/1.1 400 Bad Request\r\n') },
};

test.each(Object.entries(firstFailures))(
  'a server that %s is followed by the next',
  async (_, { script, to }) => {
    const { a } = await pair(script);
    expect(await run([sending('f1'), sending('f2')], a.port, { to: to ?? {} })).toEqual({
      all: true,
      told: [`f1: ${B}: sent`, `f2: ${B}: sent`],
    });
  },
);

const engagements: Record<string, { script: Script; to?: Partial<Way>; told: string[] }> = {
  'refuses every file': {
    script: async (peer) => {
      for (let i = 0; i < 2; i++) await peer.answer('SEND ERR (file already exists)\n');
      await oblige(peer);
    },
    told: [`f1: ${A}: RefusedError`, `f2: ${A}: RefusedError`],
  },
  'accepts the password and closes': {
    script: async (peer) => {
      await peer.answer('PASS OK\n');
      await peer.line();
      peer.close();
    },
    to: { password: 'x' },
    told: [`f1: ${A}: ClosedError`, `f2: ${A}: ClosedError`],
  },
  'agrees and closes in mid-file': {
    script: async (peer) => {
      await peer.answer('SEND OK\n');
      await peer.take(2);
      peer.close();
    },
    told: [`f1: ${A}: ClosedError`, `f2: ${A}: ClosedError`],
  },
  'confirms a file and closes': {
    script: async (peer) => {
      await confirmOne(peer);
      peer.close();
    },
    told: [`f1: ${A}: sent`, `f2: ${A}: ClosedError`],
  },
  'confirms a file and answers garbage': {
    script: async (peer) => {
      await confirmOne(peer);
      await peer.answer('garbage\n');
    },
    told: [`f1: ${A}: sent`, `f2: ${A}: UnexpectedReplyError`],
  },
};

async function confirmOne(peer: Peer): Promise<void> {
  await peer.answer('SEND OK\n');
  await peer.take(4);
  peer.send('SEND OK\n');
}

test.each(Object.entries(engagements))(
  'no other server is asked when one %s',
  async (_, { script, to, told }) => {
    const { a, b } = await pair(script);
    expect(await run([sending('f1'), sending('f2')], a.port, { to: to ?? {} })).toEqual({ all: false, told });
    expect(heard(b)).toEqual([]);
  },
);

test('C4 refusals end with QUIT', async () => {
  const { a } = await pair(engagements['refuses every file']?.script ?? good);
  await run([sending('f1'), sending('f2')], a.port);
  expect(heard(a)).toEqual(['SEND <f1> SIZE 4\nSEND <f2> SIZE 4\nQUIT\n']);
});

test('--stop-on-error: after a refusal the others are told as not tried, and QUIT is said', async () => {
  const { a } = await pair(engagements['refuses every file']?.script ?? good);
  const { told } = await run([sending('f1'), sending('f2')], a.port, { stopOnError: true });
  expect(told).toEqual([`f1: ${A}: RefusedError`, `f2: ${A}: ClosedError`]);
  expect(heard(a)).toEqual(['SEND <f1> SIZE 4\nQUIT\n']);
});

test('when no server can be had, every file is told once, with no server', async () => {
  const server = await startScripted(closesOnce, { host: B });
  const { told } = await run([sending('f1'), sending('f2')], server.port, { servers: [B, NOBODY] });
  expect(told).toEqual(['f1: none: ConnectError', 'f2: none: ConnectError']);
});

test('--retry sends only what was not confirmed', async () => {
  vi.spyOn(Math, 'random').mockReturnValue(0);
  const a = await startScripted(async (peer, count) => {
    if (count > 0) return oblige(peer);
    await confirmOne(peer);
    await peer.line();
    peer.reset();
  });
  const { all, told } = await run([sending('f1'), sending('f2')], a.port, { servers: [A], retry: 3 });
  expect({ all, told }).toEqual({ all: true, told: [`f1: ${A}: sent`, `f2: ${A}: sent`] });
  expect(heard(a)).toEqual(['SEND <f1> SIZE 4\n<f1>SEND <f2> SIZE 4\n', 'SEND <f2> SIZE 4\n<f2>QUIT\n']);
});

test('--retry 1 tries just twice', async () => {
  const a = await startScripted(async (peer) => {
    await peer.line();
    peer.close();
  });
  const { told } = await run([sending('f1')], a.port, { servers: [A], retry: 1 });
  expect(told).toEqual([`f1: ${A}: ClosedError`]);
  expect(a.peers).toHaveLength(2);
});

test('--retry does not repeat a refusal or a file that cannot be read', async () => {
  const a = await startScripted(async (peer) => {
    await peer.answer('SEND ERR\n');
    await oblige(peer);
  });
  const { told } = await run([sending('f1'), unreadable('f2')], a.port, { servers: [A], retry: 3 });
  expect(told).toEqual([`f1: ${A}: RefusedError`, `f2: ${A}: LocalFileError`]);
  expect(a.peers).toHaveLength(1);
});

test('--retry stays with the server that confirmed a file', async () => {
  const { a, b } = await pair(async (peer, count) => {
    if (count === 0) await confirmOne(peer);
    peer.close();
  });
  const { told } = await run([sending('f1'), sending('f2')], a.port, { retry: 1 });
  expect(told[0]).toBe(`f1: ${A}: sent`);
  expect(heard(b)).toEqual([]);
});

test('the signal cuts the pause before --retry short', async () => {
  const controller = new AbortController();
  const a = await startScripted(closesOnce);
  const log = (message: string): void => {
    if (message.endsWith('trying again')) controller.abort(new Error('interrupted'));
  };
  const to = { log, signal: controller.signal };
  expect((await run([sending('f1')], a.port, { servers: [A], retry: 1000, to })).all).toBe(false);
  expect(a.peers).toHaveLength(1);
});

test('a file that cannot be read to its end spoils nothing: the next goes over a new connection', async () => {
  const files = new Map<string, string>();
  const a = await startScripted((peer) => oblige(peer, files));
  const { told } = await run([unreadable('f1'), sending('f2')], a.port, { servers: [A] });
  expect(told).toEqual([`f1: ${A}: LocalFileError`, `f2: ${A}: sent`]);
  expect([...files]).toEqual([['f2', '<f2>']]);
  expect(heard(a)[0]).toBe('SEND <f1> SIZE 500\nhe');
});

test('a file that shrinks while it is sent does not keep the others from being sent', async () => {
  const a = await startScripted(good);
  const shrunk = sending('f1', upload('x', 'f1', 500));
  const { told } = await run([shrunk, sending('f2')], a.port, { servers: [A] });
  expect(told).toEqual([`f1: ${A}: LocalFileError`, `f2: ${A}: sent`]);
});

test('after a confirmation no other server is asked, even when a local error needs a new connection', async () => {
  const { a, b } = await pair(async (peer, count) => {
    if (count > 0) peer.close();
    else await oblige(peer);
  });
  const { told } = await run([sending('f1'), unreadable('f2'), sending('f3')], a.port);
  expect(told.slice(0, 2)).toEqual([`f1: ${A}: sent`, `f2: ${A}: LocalFileError`]);
  expect(heard(b)).toEqual([]);
});
