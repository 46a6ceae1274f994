/** The built client as a process, and the set-ups of the security guide that it is run in. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join, resolve } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { CertificateAuthority, type Issued } from './certificates.ts';
import { Dialogue } from './dialogue.ts';
import { freePort } from './program.ts';
import { temporaryDirectory } from './temporary.ts';

export const CLIENT = resolve('dist/bin/tentacle_client.cjs');

export interface ClientResult {
  /** Undefined when a signal ended it. */
  readonly code: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ClientOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly uid?: number;
  /** A program that starts it, with its arguments. */
  readonly through?: readonly string[];
  /** What it reads from standard input; nothing by default. */
  readonly input?: string | Buffer;
}

/** The environment without what would change the client's ways, and with this. */
export function clientEnvironment(env: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  return { ...process.env, TENTACLE_EXT_OPTS: '', TENTACLE_PASSWORD: '', NODE_EXTRA_CA_CERTS: '', ...env };
}

export class ClientProcess {
  readonly child: ChildProcess;
  /** Resolves when it has ended and said all. */
  readonly result: Promise<ClientResult>;
  stdout = '';
  stderr = '';

  /** Starts the client; it is killed with the current test. Standard input is left open. */
  constructor(args: readonly string[], { cwd, env, uid, through = [] }: Omit<ClientOptions, 'input'> = {}) {
    const [program = '', ...words] = [...through, process.execPath, CLIENT, ...args];
    const child = spawn(program, words, {
      stdio: 'pipe',
      env: clientEnvironment(env),
      ...(cwd === undefined ? {} : { cwd }),
      ...(uid === undefined ? {} : { uid, gid: uid }),
    });
    child.stdout.on('data', (chunk: Buffer) => (this.stdout += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (this.stderr += chunk.toString()));
    // A client that ends before it has read its input is no failure of the test.
    child.stdin.on('error', () => undefined);
    this.child = child;
    this.result = new Promise((done) => {
      child.once('close', (code) => {
        done({ code: code ?? undefined, stdout: this.stdout, stderr: this.stderr });
      });
    });
    onTestFinished(() => {
      child.kill('SIGKILL');
    });
  }

  get pid(): number {
    if (this.child.pid === undefined) throw new Error('not started');
    return this.child.pid;
  }
}

/** Runs the client to its end. Asynchronously: the server it talks to may live in the test's own process. */
export function runClient(args: readonly string[], options: ClientOptions = {}): Promise<ClientResult> {
  const { input = '', ...rest } = options;
  const client = new ClientProcess(args, rest);
  client.child.stdin?.end(input);
  return client.result;
}

/**
 * A server that does as it is told with each connection; it ends with the current test. A connection is closed when
 * `talk` is over, however it ends.
 * @returns its port, by default of 127.0.0.1
 */
export async function startPeer(
  talk: (client: Dialogue) => Promise<unknown>,
  { host = '127.0.0.1', port: wanted }: { readonly host?: string; readonly port?: number } = {},
): Promise<number> {
  const server = createServer({ noDelay: true, allowHalfOpen: true }, (socket) => {
    onTestFinished(() => {
      socket.destroy();
    });
    const close = (): void => {
      socket.destroy();
    };
    talk(new Dialogue(socket)).then(close, close);
  });
  onTestFinished(() => {
    server.close();
  });
  const port = wanted ?? (await freePort());
  await new Promise<void>((done) => server.listen(port, host, done));
  return port;
}

/** Takes one `SEND` whole and confirms it. @returns its command line and its bytes */
export async function takeSend(client: Dialogue): Promise<readonly [command: string, content: string]> {
  const command = await client.line();
  client.send('SEND OK\n');
  const content = await client.take(Number(/ SIZE (\d+)\n$/.exec(command)?.[1]));
  client.send('SEND OK\n');
  return [command, content];
}

export interface HttpProxyProcess {
  readonly port: number;
  /** The tunnels it has opened so far. */
  readonly tunnels: () => number;
}

/**
 * Starts tinyproxy on a free port of 127.0.0.1; it ends with the current test.
 * @param to the only port that it opens tunnels to
 * @param login `user password`, where it asks for them
 */
export async function startHttpProxy(to: number, login?: string): Promise<HttpProxyProcess> {
  const port = await freePort();
  const directory = temporaryDirectory();
  const [configuration, log] = [join(directory, 'tinyproxy.conf'), join(directory, 'tinyproxy.log')];
  const lines = [
    ...[`Port ${String(port)}`, 'Listen 127.0.0.1', 'Allow 127.0.0.1', 'Timeout 60', 'MaxClients 50'],
    ...[`ConnectPort ${String(to)}`, `LogFile "${log}"`, 'LogLevel Info'],
    ...(login === undefined ? [] : [`BasicAuth ${login}`]),
  ];
  writeFileSync(configuration, `${lines.join('\n')}\n`);
  writeFileSync(log, '');
  const child = spawn('tinyproxy', ['-d', '-c', configuration], { stdio: 'ignore' });
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  const said = (): string => readFileSync(log, 'utf8');
  await expect.poll(said, { timeout: 10_000 }).toContain('Accepting connections');
  return { port, tunnels: () => said().match(/Established connection to host/g)?.length ?? 0 };
}

export interface SetUpFiles {
  readonly ca: string;
  readonly server: Issued;
  readonly agent: Issued;
  /** The agent's certificate, and behind it its key. */
  readonly together: string;
  /** The same of a CA that the server does not know. */
  readonly stranger: string;
}

/** The files that the set-ups name; they go with the current test. */
export function makeSetUpFiles(): SetUpFiles {
  const authority = new CertificateAuthority();
  const agent = authority.issue('agent');
  const together = ({ cert, key }: Issued): string => {
    writeFileSync(`${cert}.both`, Buffer.concat([readFileSync(cert), readFileSync(key)]));
    return `${cert}.both`;
  };
  return {
    ca: authority.ca,
    server: authority.issue('server.example'),
    agent,
    together: together(agent),
    stranger: together(new CertificateAuthority('Somebody else').issue('stranger')),
  };
}

export interface SetUp {
  readonly name: string;
  readonly server: (files: SetUpFiles) => readonly string[];
  readonly client: (files: SetUpFiles) => readonly string[];
  /** S7: the reference refuses what it need not even look at. */
  readonly referenceRefuses?: true;
}

const tls = ({ server }: SetUpFiles): readonly string[] => ['-e', server.cert, '-k', server.key];
const mutual = (files: SetUpFiles): readonly string[] => [...tls(files), '-f', files.ca];
const shown = ({ agent }: SetUpFiles): readonly string[] => ['-e', agent.cert, '-k', agent.key];

export const SET_UPS: readonly SetUp[] = [
  { name: 'S1 plain', server: () => [], client: () => [] },
  { name: 'S2 encrypted, nothing verified', server: tls, client: () => ['-c'] },
  {
    name: 'S3 server verified, certificate without key',
    server: tls,
    client: ({ agent, ca }) => ['-e', agent.cert, '-f', ca],
  },
  {
    name: 'S3 S7 server verified, key inside a certificate that no CA of the server signed',
    server: tls,
    client: ({ stranger, ca }) => ['-e', stranger, '-f', ca],
    referenceRefuses: true,
  },
  { name: 'S3 server verified, no client certificate', server: tls, client: ({ ca }) => ['-cf', ca] },
  { name: 'S4 client verified', server: mutual, client: shown },
  {
    name: 'S4 client verified, key inside its certificate',
    server: mutual,
    client: (files) => ['-e', files.together],
  },
  { name: 'S5 both verified', server: mutual, client: (files) => [...shown(files), '-f', files.ca] },
];

export const WITHOUT_AND_WITH_PASSWORD = [
  { name: 'without a password', password: [] },
  { name: 'with a password', password: ['-x', "it's secret"] },
] as const;

/** Over several chunks of everything, and not a multiple of 1024. */
export const SENT = Buffer.alloc(200_001, '<agent_data timestamp="2024">\n');

/** How one transfer ended: [exit code, standard error, whether the file arrived whole]. */
type Ending = readonly [code: number | undefined, stderr: string, whole: boolean];
export const GOOD: Ending = [0, '', true];

export interface Run {
  /** Of the client, `-p` included. */
  readonly options: readonly string[];
  /** Where the server stores; its conf/agent.conf holds SENT. */
  readonly spool: string;
  /** Of an HTTP proxy. */
  readonly proxyPort?: number;
}

/** Sends and fetches SENT, plain and compressed, directly and through the HTTP proxy if there is one. */
export async function everyWay({ options, spool, proxyPort }: Run): Promise<Record<string, Ending>> {
  const endings: Record<string, Ending> = {};
  const cwd = temporaryDirectory();
  const proxied = ['-y', `127.0.0.1:${String(proxyPort)}`];
  for (const [way, extra] of Object.entries({
    plain: [],
    compressed: ['-z'],
    ...(proxyPort === undefined
      ? {}
      : { 'plain, proxied': proxied, 'compressed, proxied': ['-z', ...proxied] }),
  })) {
    const [file, fetching] = [join(cwd, `${way.replace(', ', '-')}.data`), join(cwd, way)];
    writeFileSync(file, SENT);
    mkdirSync(fetching);
    const [send, fetch] = await Promise.all([
      runClient([...options, ...extra, file]),
      runClient([...options, ...extra, '-g', 'agent.conf'], { cwd: fetching }),
    ]);
    endings[`send ${way}`] = ending(send, join(spool, `${way.replace(', ', '-')}.data`));
    endings[`fetch ${way}`] = ending(fetch, join(fetching, 'agent.conf'));
  }
  return endings;
}

function ending({ code, stderr }: ClientResult, file: string): Ending {
  return [code, stderr, code === 0 && readFileSync(file).equals(SENT)];
}
