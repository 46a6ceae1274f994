/** Whatever a server or proxy does wrong: one clear error of the right class, exit code 1, nothing left behind. */
import { spawn } from 'node:child_process';
import { readdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type ConnectOptions } from '../../src/client/client.ts';
import { ClientError } from '../../src/client/errors.ts';
import { fetchTask } from '../../src/client/tasks.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import {
  connectTo,
  failure,
  PATIENT_MS,
  type Peer,
  type Script,
  startScripted,
  upload,
} from './scripted-server.ts';

const CLIENT = resolve('dist/bin/tentacle_client.cjs');
/** For cases in which the passage of time is the subject. */
const IMPATIENT_MS = 300;

type Act = 'send' | 'pass' | 'tls' | 'receive' | 'list' | 'proxy';

interface Case {
  readonly act: Act;
  readonly script: Script;
  /** What `name: message` must be like. */
  readonly error: RegExp;
  /** The client's patience runs out. */
  readonly waits?: boolean;
}

const SIZE = 100_000;
const answering =
  (...answers: readonly string[]): Script =>
  async (peer) => {
    for (const answer of answers) await peer.answer(answer);
    await peer.gone;
  };
const silent: Script = (peer) => peer.gone;
/** Takes lines and answers, then does something final where the next answer is due. */
const thenAfter =
  (answers: readonly string[], last: (peer: Peer) => unknown): Script =>
  async (peer) => {
    for (const answer of answers) await peer.answer(answer);
    await peer.line();
    last(peer);
  };
const close = (peer: Peer): void => {
  peer.close();
};
const reset = (peer: Peer): void => {
  peer.reset();
};
const atOnce =
  (act: (peer: Peer) => void): Script =>
  (peer) => {
    act(peer);
    return undefined;
  };
/** Agrees to a file, takes some or all of it, and then does something. */
const duringBody =
  (count: number, then: (peer: Peer) => unknown): Script =>
  async (peer) => {
    await peer.answer('SEND OK\n');
    await peer.take(count);
    then(peer);
    await peer.gone;
  };
const say =
  (text: string) =>
  (peer: Peer): void => {
    peer.send(text);
  };
const forever = (text: string): string => text.repeat(100);
const LOST = /^ClosedError: Connection to 127\.0\.0\.1 port [0-9]+ (lost \(|closed by the server: )/;
const TIMED_OUT = /^TimeoutError: .*timed out$/;
const NOT_TENTACLE = /^UnexpectedReplyError: .* answered ".*" to \w+: is it a Tentacle server\?$/;
const TOO_LONG = /^UnexpectedReplyError: .* sent a line of over 8192 bytes$/;
const PROXY = /^ConnectError: HTTP proxy 127\.0\.0\.1 port [0-9]+ /;

const servers: Record<string, Case> = {
  'accepts and never answers': { act: 'send', script: silent, error: TIMED_OUT, waits: true },
  'closes at once': { act: 'pass', script: atOnce(close), error: LOST },
  'resets after connect': {
    act: 'send',
    script: atOnce(reset),
    error: /^(ConnectError|ClosedError): /,
  },
  'resets during the TLS handshake': {
    act: 'tls',
    script: async (peer) => {
      await peer.take(1);
      peer.reset();
    },
    error: /^TlsError: /,
  },
  'closes during the TLS handshake': {
    act: 'tls',
    script: async (peer) => {
      await peer.take(1);
      peer.close();
    },
    error: /^TlsError: /,
  },
  'is silent in the TLS handshake': { act: 'tls', script: silent, error: TIMED_OUT, waits: true },
  'resets after PASS': { act: 'pass', script: thenAfter([], reset), error: LOST },
  'closes after PASS': { act: 'pass', script: thenAfter([], close), error: /the password is wrong/ },
  'is silent after PASS': { act: 'pass', script: answering(''), error: TIMED_OUT, waits: true },
  'resets after PASS OK': { act: 'pass', script: thenAfter(['PASS OK\n'], reset), error: LOST },
  'refuses PASS in words': { act: 'pass', script: answering('PASS ERR\n'), error: NOT_TENTACLE },
  'resets after SEND': { act: 'send', script: thenAfter([], reset), error: LOST },
  'closes after SEND': { act: 'send', script: thenAfter([], close), error: LOST },
  'resets in mid-body': { act: 'send', script: duringBody(1, reset), error: LOST },
  'closes in mid-body': { act: 'send', script: duringBody(1, (peer) => peer.socket.destroy()), error: LOST },
  'resets before the final OK': { act: 'send', script: duringBody(SIZE, reset), error: LOST },
  'closes before the final OK': {
    act: 'send',
    script: duringBody(SIZE, close),
    error: /^ClosedError: .*the file was sent, but not confirmed$/,
  },
  'C4 says SEND OK only once': {
    act: 'send',
    script: duringBody(SIZE, () => 0),
    error: TIMED_OUT,
    waits: true,
  },
  'says half a reply, then nothing': {
    act: 'send',
    script: answering('SEND O'),
    error: TIMED_OUT,
    waits: true,
  },
  'says half a reply, then closes': {
    act: 'send',
    script: thenAfter([], (peer) => {
      peer.send('SEND O');
      peer.close();
    }),
    error: /^ClosedError: .*connection closed in the middle of a line/,
  },
  'says half a final OK, then closes': {
    act: 'send',
    script: duringBody(SIZE, (peer) => {
      peer.send('SEND OK');
      peer.close();
    }),
    error: /^ClosedError: /,
  },
  'ends its reply in CRLF': { act: 'send', script: answering('SEND OK\r\n'), error: NOT_TENTACLE },
  'answers garbage': { act: 'send', script: answering('\0\xff\x1b[2J\n'), error: NOT_TENTACLE },
  'answers an empty line': { act: 'send', script: answering('\n'), error: NOT_TENTACLE },
  'answers with an HTTP error page': {
    act: 'send',
    script: answering('HTTP/1.1 400 Bad Request\r\nContent-Length: 3\r\n\r\nbad'),
    error: NOT_TENTACLE,
  },
  'answers to another command': { act: 'send', script: answering('RECV OK\n'), error: NOT_TENTACLE },
  'W18 says more after OK': { act: 'send', script: answering('SEND OK (really)\n'), error: NOT_TENTACLE },
  'W18 says more after the final OK': {
    act: 'send',
    script: duringBody(SIZE, say('SEND OK!\n')),
    error: NOT_TENTACLE,
  },
  'never ends its line': {
    act: 'send',
    script: answering('x'.repeat(1_000_000)),
    error: TOO_LONG,
  },
  'W4 trickles a line without end': {
    act: 'send',
    script: async (peer) => {
      await peer.line();
      await peer.trickle(forever('x'), 100);
    },
    error: TIMED_OUT,
    waits: true,
  },
  'reads nothing of the file': {
    act: 'send',
    script: async (peer) => {
      peer.socket.setNoDelay();
      await peer.line();
      peer.socket.pause();
      peer.send('SEND OK\n');
      await new Promise((done) => peer.socket.once('close', done));
    },
    error: TIMED_OUT,
    waits: true,
  },
  ...Object.fromEntries(
    ['x', '-1', '', '1 ', '1e3', '0x10', '9'.repeat(23)].map((size) => [
      `announces ${size === '' ? 'no size' : size}`,
      { act: 'receive', script: answering(`RECV SIZE ${size}\n`), error: NOT_TENTACLE },
    ]),
  ),
  'announces a file for a list': { act: 'list', script: answering('RECV SIZE 1\n'), error: NOT_TENTACLE },
  'closes instead of a list': { act: 'list', script: thenAfter([], close), error: /insecure mode/ },
  'sends less than announced, then closes': {
    act: 'receive',
    script: thenAfter(['RECV SIZE 10\n'], (peer) => {
      peer.send('hello');
      peer.close();
    }),
    error: /^ClosedError: .*with 5 bytes of a file missing/,
  },
  'sends less than announced, then resets': {
    act: 'receive',
    script: thenAfter(['RECV SIZE 10\n'], reset),
    error: LOST,
  },
  'sends less than announced, then nothing': {
    act: 'receive',
    script: answering('RECV SIZE 10\n', 'hello'),
    error: TIMED_OUT,
    waits: true,
  },
  'sends nothing of a huge file': {
    act: 'receive',
    script: thenAfter(['RECV SIZE 999999999999999\n'], close),
    error: /with 999999999999999 bytes of a file missing/,
  },
  'W4 trickles a file': {
    act: 'receive',
    script: async (peer) => {
      await peer.answer('RECV SIZE 1000000\n');
      await peer.line();
      await peer.trickle(forever('x'), 60);
    },
    error: TIMED_OUT,
    waits: true,
  },
};

const header = async (peer: Peer): Promise<void> => {
  while ((await peer.line()) !== '\r\n');
};
const proxying =
  (then: (peer: Peer) => unknown): Script =>
  async (peer) => {
    await header(peer);
    then(peer);
    await peer.gone;
  };

const proxies: Record<string, Case> = {
  'does not answer': {
    act: 'proxy',
    script: silent,
    error: /^TimeoutError: HTTP proxy .* in time$/,
    waits: true,
  },
  'wants a login': {
    act: 'proxy',
    script: proxying(say('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n')),
    error:
      /^ConnectError: HTTP proxy .*: 407 Proxy Authentication Required: it wants a user and password \(-y/,
  },
  forbids: {
    act: 'proxy',
    script: proxying(say('HTTP/1.1 403 Forbidden\r\nX: y\r\n\r\n<html>')),
    error: /^ConnectError: HTTP proxy .* refused the connection: 403 Forbidden$/,
  },
  'hides things in its status': {
    act: 'proxy',
    script: proxying(say('HTTP/1.1 403 \x1b[2J\x07\x9b\r\n\r\n')),
    error: PROXY,
  },
  'never ends its header': {
    act: 'proxy',
    script: proxying(say(`HTTP/1.1 200 OK\r\n${'X: y\r\n'.repeat(20_000)}`)),
    error: PROXY,
  },
  'W4 trickles its header': {
    act: 'proxy',
    script: proxying((peer) => peer.trickle(forever('x'), 100)),
    error: /^TimeoutError: HTTP proxy .* in time$/,
    waits: true,
  },
  'does not speak HTTP': { act: 'proxy', script: proxying(say('SSH-2.0-x\r\n\r\n')), error: PROXY },
  'closes instead of answering': { act: 'proxy', script: proxying(close), error: PROXY },
  'closes in its header': {
    act: 'proxy',
    script: proxying((peer) => {
      peer.send('HTTP/1.1 200');
      peer.close();
    }),
    error: PROXY,
  },
  'resets instead of answering': { act: 'proxy', script: proxying(reset), error: PROXY },
  'agrees and closes': {
    act: 'proxy',
    script: proxying((peer) => {
      peer.send('HTTP/1.1 200 OK\r\n\r\n');
      peer.close();
    }),
    error: /^ClosedError: /,
  },
};

const cases = [
  ...Object.entries(servers).map(([name, each]) => [`a server that ${name}`, each] as const),
  ...Object.entries(proxies).map(([name, each]) => [`a proxy that ${name}`, each] as const),
];

/** Printable, one line, and no more than a person reads. */
const ONE_LINE = /^[^\p{C}\p{Zl}\p{Zp}]{1,600}$/u;

describe('in the library', () => {
  test.each(cases)('%s', async (name, { act, script, error, waits }) => {
    const server = await startScripted(script);
    const directory = temporaryDirectory();
    const proxy = { host: server.host, port: server.port, user: 'u', password: 'S3CRET' };
    const options: Partial<ConnectOptions> = {
      idleMs: waits === true ? IMPATIENT_MS : PATIENT_MS,
      ...(act === 'pass' ? { password: 'S3CRET' } : {}),
      ...(act === 'tls' ? { tls: {} } : {}),
      ...(act === 'proxy' ? { proxy } : {}),
    };
    const doing = async (): Promise<unknown> => {
      const client = await connectTo(
        act === 'proxy' ? { ...server, host: 'server.example' } : server,
        options,
      );
      onTestFinished(() => {
        client.close();
      });
      if (act === 'receive') {
        return fetchTask('f', directory, { move: false, compress: false }).run(client);
      }
      const size = name.includes('reads nothing') ? 30_000_000 : SIZE;
      return act === 'list' ? client.list('f') : client.send(upload('x'.repeat(size)));
    };
    const thrown = await failure(doing());
    expect(thrown).toBeInstanceOf(ClientError);
    expect(`${thrown.name}: ${thrown.message}`).toMatch(error);
    expect(thrown.message).toMatch(ONE_LINE);
    expect(thrown.message).not.toContain('S3CRET');
    expect(readdirSync(directory)).toEqual([]);
  });
});

interface Result {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the built program in a directory, to its end. */
async function runClient(args: readonly string[], cwd: string): Promise<Result> {
  const child = spawn(process.execPath, [CLIENT, ...args], {
    cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, TENTACLE_EXT_OPTS: '', TENTACLE_PASSWORD: '' },
  });
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const status = await new Promise<number | null>((done) => child.once('close', done));
  return { status, stdout, stderr };
}

/** The words that make the program do it. */
function argsOf(
  { act, waits }: Case,
  { host, port }: { host: string; port: number },
  file: string,
): string[] {
  const patience = waits === true ? ['-t', '1', '-r', '0'] : ['-t', '10', '-r', '0'];
  const direct = ['-a', host, '-p', String(port), ...patience];
  switch (act) {
    case 'send':
      return [...direct, file];
    case 'pass':
      return [...direct, '-x', 'S3CRET', file];
    case 'tls':
      return [...direct, '-c', file];
    case 'receive':
      return [...direct, '-g', 'f'];
    case 'list':
      return [...direct, '--list', 'f'];
    case 'proxy':
      return ['-a', 'server.example', '-y', `u:S3CRET@${host}:${String(port)}`, ...patience, file];
    default:
      return act satisfies never;
  }
}

describe('in the program: C2 exit code 1, and one line', () => {
  test.each(cases)('%s', async (name, each) => {
    const server = await startScripted(each.script);
    const file = join(temporaryDirectory(), 'a.data');
    writeFileSync(file, Buffer.alloc(name.includes('reads nothing') ? 30_000_000 : SIZE, 'x'));
    const cwd = temporaryDirectory();
    const { status, stdout, stderr } = await runClient(argsOf(each, server, file), cwd);
    expect(stderr).toMatch(/^\[err\] [^\p{C}\p{Zl}\p{Zp}]+\n$/u);
    expect(stderr).not.toContain('S3CRET');
    expect({ status, stdout, left: readdirSync(cwd) }).toEqual({ status: 1, stdout: '', left: [] });
  });

  test('a file whose name breaks the line', async () => {
    const cwd = temporaryDirectory();
    writeFileSync(join(cwd, 'a\nb\x1b[2J'), 'x');
    const { status, stderr } = await runClient(['-a', '127.0.0.1', '-p', '1', 'a\nb\x1b[2J'], cwd);
    expect(stderr).toMatch(/^\[err\] [^\p{C}\p{Zl}\p{Zp}]+\n$/u);
    expect(status).toBe(1);
  });
});

test('an endless line is not buffered', async () => {
  let taken = 0;
  const server = await startScripted(async (peer) => {
    await peer.line();
    const piece = Buffer.alloc(65_536, 'x');
    while (!peer.socket.destroyed && taken < 100_000_000) {
      await new Promise((done) => peer.socket.write(piece, done));
      taken += piece.length;
    }
  });
  const client = await connectTo(server);
  expect((await failure(client.send(upload()))).message).toMatch(/over 8192 bytes/);
  client.close();
  await server.peers[0]?.gone;
  // What the kernel holds for both ends, at most.
  expect(taken).toBeLessThan(50_000_000);
});

test('any bytes for answers give an error of the library, or success, and never more than that', async () => {
  const piece = fc.oneof(
    fc.constantFrom(
      'SEND OK\n',
      'PASS OK\n',
      'RECV SIZE 3\n',
      'abc',
      'LS SIZE 2\n',
      'a\n',
      '\r\n',
      'SEND ERR (',
      ')',
    ),
    fc.string({ unit: 'binary-ascii', maxLength: 12 }),
    fc.uint8Array({ maxLength: 12 }).map((bytes) => Buffer.from(bytes).toString('latin1')),
  );
  const act = fc.constantFrom('send', 'pass', 'receive', 'list');
  let answers: readonly string[] = [];
  const server = await startScripted(async (peer) => {
    for (const answer of answers) {
      await peer.take(1);
      peer.send(answer);
      await new Promise(setImmediate);
    }
    peer.close();
  });
  await fc.assert(
    fc.asyncProperty(fc.array(piece, { maxLength: 6 }), act, async (script, what) => {
      answers = script;
      try {
        const client = await connectTo(server, what === 'pass' ? { password: 'x' } : {});
        if (what === 'receive') {
          await client.receive('f', async (content) => {
            for await (const chunk of content) expect(chunk).not.toHaveLength(0);
          });
        } else if (what === 'list') await client.list('f');
        else await client.send(upload('abc'));
        client.close();
      } catch (error) {
        expect(error).toBeInstanceOf(ClientError);
        expect((error as Error).message).toMatch(ONE_LINE);
      }
    }),
    { numRuns: 300 },
  );
});
