/** --status: what it says and how it exits, asked over TCP and a socket, on a terminal and for a monitoring program. */
import { spawn } from 'node:child_process';
import { chmodSync, renameSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { StatusReport } from '../../src/status/report.ts';
import { runClient } from '../support/client-program.ts';
import { freePort, type Result, runServer, SERVER, ServerProcess } from '../support/program.ts';
import { isRoot, testWith } from '../support/requires.ts';
import { temporaryDirectory, temporarySpool } from '../support/temporary.ts';

interface Site {
  readonly server: ServerProcess;
  readonly spool: string;
  /** Of the server, which --status reads, too. */
  readonly conf: string;
}

/** A server that tells its state there, ready. */
async function start(address: string, ...lines: readonly string[]): Promise<Site> {
  const spool = temporarySpool();
  const conf = join(temporaryDirectory(), 'tentacle_server.conf');
  writeFileSync(conf, [`directory ${spool}`, `status_address ${address}`, ...lines, ''].join('\n'));
  const server = await ServerProcess.start(['-F', conf, '--workers', '1'], {
    listening: () => Promise.resolve(),
  });
  await server.logged('Status page on');
  await expect.poll(() => status('-F', conf).status, { timeout: 20_000 }).toBe(0);
  return { server, spool, conf };
}

async function loopback(): Promise<string> {
  return `127.0.0.1:${String(await freePort())}`;
}

function status(...args: readonly string[]): Result {
  return runServer(['--status', ...args]);
}

function firstLine({ stdout }: Result): string {
  return stdout.split('\n')[0] ?? '';
}

/** Something else that answers there. @returns its status_address */
async function impostor(answer: RequestListener): Promise<string> {
  const other = createServer(answer);
  onTestFinished(() => {
    other.close();
    other.closeAllConnections();
  });
  const address = await loopback();
  await new Promise<void>((done) => other.listen(Number(address.split(':')[1]), '127.0.0.1', done));
  return address;
}

/** As `status`, beside a server in this process. */
async function statusBeside(...args: readonly string[]): Promise<{ code: number | null; stdout: string }> {
  const child = spawn(process.execPath, [SERVER, '--status', ...args], {
    env: { ...process.env, TENTACLE_EXT_OPTS: '' },
  });
  let stdout = '';
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  return new Promise((done) => {
    child.once('close', (code) => {
      done({ code, stdout });
    });
  });
}

const FIRST =
  /^OK - tentacle_server on \S+: [\d.]+ files\/s, \d+ connections? open, up \d+ \w+ \| files_per_second=/;

describe('a server that is well', () => {
  test('is OK, with figures for a monitoring program behind the first line; exit code 0', async () => {
    const { server, conf } = await start(await loopback(), 'status_token the token');
    const file = join(temporaryDirectory(), 'agent.1.data');
    writeFileSync(file, 'hello');
    await runClient(['-p', String(server.port), file]);
    await runClient(['-p', String(server.port), file]);
    await expect.poll(() => status('-F', conf).stdout, { timeout: 20_000 }).toMatch(/^refusals/m);
    const result = status('-F', conf);
    expect(result).toMatchObject({ status: 0, stderr: expect.not.stringContaining('[err]') as unknown });
    expect(firstLine(result)).toMatch(FIRST);
    expect(firstLine(result)).toContain(' files_received=1c files_sent=0c refused=1c ');
    expect(result.stdout).toMatch(/^refusals {5}file already exists 1$/m);
    expect(result.stdout).toMatch(
      /^troubles .* File 'agent\.1\.data' size 5b from 127\.0\.0\.1 port \d+ already exists$/m,
    );
    expect(result.stdout).toMatch(/^files .* SEND agent\.1\.data \(5 bytes\) 127\.0\.0\.1 in \d+ ms$/m);
    expect(result.stdout).not.toContain('\x1b');
    expect(result.stdout).not.toContain('the token');
  });

  test('answers over a Unix socket, and options win over the file', async () => {
    const socket = `unix:${join(temporaryDirectory(), 'status.sock')}`;
    const { conf } = await start(socket);
    expect(firstLine(status('-F', conf))).toMatch(FIRST);
    expect(firstLine(status('--status-address', socket))).toMatch(FIRST);
    expect(
      firstLine(runServer(['--status'], { env: { TENTACLE_EXT_OPTS: `--status-address ${socket}` } })),
    ).toMatch(FIRST);
    expect(status('-F', conf, '--status-address', await loopback()).status).toBe(2);
  });

  test('that listens on all addresses is asked at this host', async () => {
    const port = String(await freePort());
    const { conf } = await start(`0.0.0.0:${port}`, 'status_token secret');
    expect(firstLine(status('-F', conf))).toMatch(FIRST);
  });

  test('is told of in JSON: indented, and watched one object a line', async () => {
    const { conf, spool, server } = await start(await loopback());
    const { stdout } = status('-F', conf, '--json');
    const report = JSON.parse(stdout) as StatusReport;
    expect(report).toMatchObject({ ready: true, mode: 'receive', spool: { directory: spool } });
    expect(stdout.split('\n')[1]).toMatch(/^ {2}"/);

    const watching = spawn(process.execPath, [SERVER, '--status', '-F', conf, '--json', '--watch']);
    let lines: string[] = [];
    watching.stdout.on('data', (chunk: Buffer) => {
      lines = (lines.join('\n') + chunk.toString()).split('\n');
    });
    const ended = new Promise((done) => watching.once('close', done));
    await expect.poll(() => lines.length, { timeout: 20_000 }).toBeGreaterThan(2);
    watching.kill('SIGINT');
    expect(await ended).toBe(0);
    const [first, second] = lines.map((line) =>
      line === '' ? undefined : (JSON.parse(line) as StatusReport),
    );
    expect(second?.now).toBeGreaterThan(first?.now ?? Infinity);
    expect(first?.startedAt).toBe(second?.startedAt);
    expect(server.child.exitCode).toBeNull();
  });
});

test('a server whose spool is gone is not ready: the first line says so; exit code 1, also in JSON', async () => {
  const { conf, spool } = await start(await loopback());
  renameSync(spool, `${spool}.away`);
  await expect.poll(() => status('-F', conf).status, { timeout: 20_000 }).toBe(1);
  const result = status('-F', conf);
  expect(firstLine(result)).toMatch(
    new RegExp(`^NOT READY - spool: ${spool} does not exist: create it \\| `),
  );
  expect(result.stdout).toMatch(/^spool {8}BAD {2}/m);
  const asJson = status('-F', conf, '--json');
  expect(asJson.status).toBe(1);
  expect(JSON.parse(asJson.stdout)).toMatchObject({ ready: false });
  renameSync(`${spool}.away`, spool);
  await expect.poll(() => status('-F', conf).status, { timeout: 20_000 }).toBe(0);
});

/** A report but for one entry. */
const ALMOST = {
  ...{ ready: true, checks: [null], certificates: [], workers: [], refusals: [], recentFiles: [] },
  ...{
    recentTroubles: [],
    upstreams: [],
    rates: {},
    totals: {},
    connections: {},
    peers: { latest: [] },
    reloads: {},
  },
};

describe('no answer is one line, and exit code 2', () => {
  async function silence(...args: readonly string[]): Promise<string> {
    const { code, stdout } = await statusBeside(...args);
    expect(code).toBe(2);
    expect(stdout.trimEnd().split('\n')).toHaveLength(1);
    return stdout;
  }

  test('where nothing listens', async () => {
    const [address, path] = [await loopback(), join(temporaryDirectory(), 'status.sock')];
    const question = 'is the server running, with this status_address?\n';
    expect(await silence('--status-address', address)).toBe(
      `NO ANSWER - ${address}: nothing listens there: ${question}`,
    );
    expect(await silence('--status-address', `unix:${path}`)).toBe(
      `NO ANSWER - unix:${path}: there is no such socket: ${question}`,
    );
    const asJson = status('--status-address', address, '--json');
    expect(asJson).toMatchObject({
      status: 2,
      stdout: '',
      stderr: `[err] NO ANSWER - ${address}: nothing listens there: ${question}`,
    });
  });

  test('from a supervisor that hangs', async () => {
    const { server, conf } = await start(await loopback());
    process.kill(server.pid, 'SIGSTOP');
    expect(firstLine(status('-F', conf))).toMatch(
      /^NO ANSWER - \S+: no answer within 5 seconds: the server hangs/,
    );
    process.kill(server.pid, 'SIGCONT');
    expect(status('-F', conf).status).toBe(0);
  });

  test('with a wrong token, and without one', async () => {
    const address = await loopback();
    await start(address, 'status_token right');
    expect(await silence('--status-address', address, '--status-token', 'wrong')).toBe(
      `NO ANSWER - ${address}: the server has another status_token than this one\n`,
    );
    expect(await silence('--status-address', address)).toContain('the server wants a status_token');
  });

  test('from something else', async () => {
    const answers: readonly (readonly [RequestListener, string])[] = [
      [(_, response) => response.end('<html>'), 'what answers there is no Tentacle server'],
      [(_, response) => response.end('{"ready":true}'), 'what answers there is no Tentacle server'],
      [(_, response) => response.end(JSON.stringify(ALMOST)), 'what answers there is no Tentacle server'],
      [(_, response) => response.end('null'), 'what answers there is no Tentacle server'],
      [(_, response) => response.writeHead(404).end(), 'the answer is HTTP 404'],
      [
        (_, response) => response.writeHead(421).end(),
        'the server does not know itself by this name: ask by an IP',
      ],
      [(request) => request.socket.destroy(), 'the connection was closed without an answer'],
      [(_, response) => response.end(Buffer.alloc(10_000_000, '[')), 'the answer is too long'],
    ];
    for (const [answer, text] of answers) {
      const address = await impostor(answer);
      expect(await silence('--status-address', address)).toContain(`NO ANSWER - ${address}: ${text}`);
    }
  });

  test('where nobody said whom to ask', async () => {
    const conf = join(temporaryDirectory(), 'tentacle_server.conf');
    writeFileSync(conf, 'port 41121\n');
    expect(await silence('-F', conf)).toBe(
      `NO ANSWER - status_address is not set (${conf}): add "status_address 127.0.0.1:41180" to the configuration file, ` +
        'which the running server takes over by itself\n',
    );
    expect(await silence('--status-address', 'nonsense')).toContain('"nonsense" is not an address');
    expect(await silence('--status-adress', 'x')).toContain(
      'unknown option --status-adress; did you mean --status-address?',
    );
    expect(await silence('-F', `${conf}.missing`)).toMatch(
      /cannot read the configuration file: it does not exist; .*or give --status-address/,
    );
  });

  testWith(
    ['root'],
    'where somebody may not read the configuration; but with an address of their own they may ask',
    async () => {
      const { conf } = await start(await loopback());
      chmodSync(conf, 0o600);
      const result = runServer(['--status', '-F', conf], { uid: 65534 });
      expect(result.stdout).toMatch(
        /^NO ANSWER - \S+: cannot read the configuration file: permission denied for user nobody; ask as root or as the server's user, or give --status-address\n$/,
      );
      expect(result.status).toBe(2);
    },
  );
});

test('needs neither root nor certificates nor spool, nor a configuration without mistakes', async () => {
  const { conf } = await start(await loopback());
  const other = `${conf}.other`;
  const { stdout } = status('-F', conf, '--json');
  const { settings } = JSON.parse(stdout) as StatusReport;
  const address = settings.find(({ token }) => token === 'status_address')?.value ?? '';
  writeFileSync(
    other,
    `status_address ${address}\nport nonsense\ndirectory /nowhere\nssl_cert /none\nuser nobody\ndaemon 1\n`,
  );
  chmodSync(other, 0o644);
  expect(firstLine(runServer(['--status', '-F', other], isRoot ? { uid: 65534 } : {}))).toMatch(FIRST);
});

test('--watch and --json go with --status only', () => {
  const { status: code, stderr } = runServer(['--watch', '--json', '-s', temporarySpool()]);
  const only = 'does something only with --status';
  expect(stderr).toBe(`[err] --watch: ${only}\n[err] --json: ${only}\n`);
  expect(code).toBe(1);
});

interface Terminal {
  /** With ESC in letters. */
  readonly shown: () => string;
  readonly interrupt: () => void;
  readonly exited: Promise<number | null>;
}

/** The server's program on a terminal of this size. */
function onTerminal(args: readonly string[], env: Readonly<Record<string, string>> = {}): Terminal {
  const words = [process.execPath, SERVER, ...args].map((word) => `'${word}'`).join(' ');
  // script passes on what it reads: Ctrl-C, typed.
  const child = spawn('script', ['-qefc', `stty cols 80 rows 24; exec ${words}`, '/dev/null'], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, NO_COLOR: '', TERM: 'xterm', ...env },
  });
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  let shown = '';
  child.stdout.on('data', (chunk: Buffer) => (shown += chunk.toString()));
  return {
    shown: () => shown.replaceAll('\x1b', 'ESC'),
    interrupt: () => child.stdin.write('\x03'),
    exited: new Promise((done) => {
      child.once('close', (code) => {
        done(code);
      });
    }),
  };
}

describe('on a terminal', () => {
  testWith(['script', 'stty'], 'is a screen of 80 columns, with colours', async () => {
    const { conf, server } = await start(await loopback());
    const file = join(temporaryDirectory(), `${'long'.repeat(50)}.data`);
    writeFileSync(file, 'hello');
    await runClient(['-p', String(server.port), file]);
    await expect.poll(() => status('-F', conf).stdout, { timeout: 20_000 }).toMatch(/^files/m);
    const terminal = onTerminal(['--status', '-F', conf]);
    expect(await terminal.exited).toBe(0);
    const lines = terminal.shown().split('\r\n');
    expect(lines[0]).toMatch(/^ESC\[32mOK - .* up \d+ \w+ESC\[0m$/);
    expect(lines.find((line) => line.startsWith('files'))).toMatch(/ SEND long.*\.\.\.$/);
    expect(Math.max(...lines.map((line) => line.replaceAll(/ESC\[\d+m/g, '').length))).toBe(80);
  });

  testWith(['script', 'stty'], 'has none with NO_COLOR', async () => {
    const { conf } = await start(await loopback());
    const terminal = onTerminal(['--status', '-F', conf], { NO_COLOR: '1' });
    expect(await terminal.exited).toBe(0);
    expect(terminal.shown()).toMatch(/^OK - /);
    expect(terminal.shown()).not.toContain('ESC');
  });

  testWith(
    ['script', 'stty'],
    '--watch draws again and again, says when there is no answer, and ends on Ctrl-C',
    async () => {
      const { conf, server } = await start(await loopback());
      const terminal = onTerminal(['--status', '--watch', '-F', conf]);
      const frames = (): string[] => terminal.shown().split('ESC[H').slice(1);
      await expect.poll(() => frames().length, { timeout: 20_000 }).toBeGreaterThanOrEqual(2);
      expect(terminal.shown().startsWith('ESC[?1049hESC[?25l')).toBe(true);
      expect(frames()[0]).toMatch(/^ESC\[32mOK - .*ESC\[K\r\n/);
      await server.stop();
      await expect
        .poll(() => frames().at(-1), { timeout: 20_000 })
        .toMatch(/NO ANSWER since \d\d:\d\d:\d\d - [^]*\r\n[^]*status_address\?ESC\[0mESC\[KESC\[J$/);
      terminal.interrupt();
      expect(await terminal.exited).toBe(2);
      // The screen of before, and the last word on it.
      expect(terminal.shown()).toMatch(/ESC\[\?25hESC\[\?1049lESC\[31mNO ANSWER since .*\r\n$/);
    },
  );

  testWith(['script', 'stty'], '--watch of a server that is well ends with 0', async () => {
    const { conf } = await start(await loopback());
    const terminal = onTerminal(['--status', '--watch', '-F', conf]);
    await expect.poll(() => terminal.shown().split('ESC[H').length, { timeout: 20_000 }).toBeGreaterThan(2);
    terminal.interrupt();
    expect(await terminal.exited).toBe(0);
  });
});

test('--watch where there is no terminal: frames with an empty line between, until nobody reads them', async () => {
  const { conf } = await start(await loopback());
  const child = spawn('sh', [
    '-c',
    `"$@" | awk '/^OK/ { n++ } n < 3 { print } n == 3 { exit }'`,
    'sh',
    process.execPath,
    SERVER,
    '--status',
    '--watch',
    '-F',
    conf,
  ]);
  let stdout = '';
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  expect(await new Promise((done) => child.once('close', done))).toBe(0);
  const frames = stdout.split(/\n\n(?=OK)/);
  expect(frames).toHaveLength(2);
  for (const frame of frames) expect(frame).toMatch(FIRST);
});
