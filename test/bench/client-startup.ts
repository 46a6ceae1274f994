/** Compares what one file costs: our client, Debian's Perl client and a bare Node, as whole processes, interleaved. */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { freePort } from '../support/free-port.ts';
import { median } from './statistics.ts';

const ROUNDS = Number(process.env.ROUNDS ?? 31);
const CLIENT = resolve('dist/bin/tentacle_client.cjs');
const SERVER = resolve('dist/bin/tentacle_server.cjs');
const PERL = '/usr/bin/tentacle_client';
const FILE_BYTES = 2048;

interface Contestant {
  readonly name: string;
  readonly command: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
}

const directory = mkdtempSync(join(tmpdir(), 'tentacle-bench-'));
const file = join(directory, 'agent.1.data');
writeFileSync(file, Buffer.alloc(FILE_BYTES, '<agent_data/>\n'));
const [cert, key] = [join(directory, 'cert.pem'), join(directory, 'key.pem')];
// prettier-ignore
execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=localhost',
  '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', key, '-out', cert], { stdio: 'ignore' });

/** Starts a server that lets the same file come again and again; gives its port and how to stop it. */
async function serve(options: readonly string[]): Promise<{ port: number; stop: () => void }> {
  const port = await freePort();
  const spool = join(directory, String(port));
  mkdirSync(spool);
  const root = process.geteuid?.() === 0 ? ['--allow-root'] : [];
  const args = [
    '-a',
    '127.0.0.1',
    '-p',
    String(port),
    '-s',
    spool,
    '-o',
    '--fsync',
    '0',
    ...root,
    ...options,
  ];
  const child = spawn(process.execPath, [SERVER, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  await new Promise((done) => child.stdout.once('data', done));
  return { port, stop: () => void child.kill() };
}

/** Wall time of one run, in milliseconds. */
function time({ command: [program = '', ...args], environment }: Contestant): number {
  const env: NodeJS.ProcessEnv = { ...process.env, ...environment };
  // Set in some environments; it costs every start of Node 30 ms.
  delete env.NODE_EXTRA_CA_CERTS;
  const start = process.hrtime.bigint();
  const { status } = spawnSync(program, args, { env, stdio: 'ignore' });
  const ms = Number(process.hrtime.bigint() - start) / 1e6;
  if (status !== 0) throw new Error(`${program} ${args.join(' ')} failed`);
  return ms;
}

/** Runs all of them in turn, round by round, so that a noisy moment meets all alike. */
function compare(title: string, contestants: readonly Contestant[]): void {
  const times = contestants.map(() => [] as number[]);
  for (let round = -1; round < ROUNDS; round++) {
    contestants.forEach((contestant, index) => {
      const ms = time(contestant);
      if (round >= 0) times[index]?.push(ms);
    });
  }
  console.log(`\n${title}, ${String(ROUNDS)} rounds`);
  const ours = times[0] ?? [];
  contestants.forEach(({ name }, index) => {
    const own = times[index] ?? [];
    const ratio = median(ours.map((ms, round) => ms / (own[round] ?? NaN)));
    const [low, high] = [Math.min(...own), Math.max(...own)].map((ms) => ms.toFixed(1));
    const middle = median(own).toFixed(1).padStart(7);
    console.log(
      `  ${name.padEnd(26)} ${middle} ms  (${String(low)} to ${String(high)})  ours / this: ${ratio.toFixed(2)}`,
    );
  });
}

const plain = await serve([]);
const tls = await serve(['-e', cert, '-k', key]);
const bare = { name: 'node -e 0', command: [process.execPath, '-e', '0'] };
const to = (port: number): string[] => ['-a', '127.0.0.1', '-p', String(port), file];
try {
  compare('one 2 KB file, plain TCP', [
    { name: 'tentacle_client, this one', command: [process.execPath, CLIENT, ...to(plain.port)] },
    { name: 'tentacle_client, Perl', command: [PERL, ...to(plain.port)] },
    bare,
  ]);
  compare('one 2 KB file, TLS', [
    { name: 'tentacle_client, this one', command: [process.execPath, CLIENT, '-c', ...to(tls.port)] },
    {
      name: 'tentacle_client, Perl',
      command: [PERL, '-c', ...to(tls.port)],
      environment: { SSL_CERT_FILE: cert },
    },
    bare,
  ]);
} finally {
  plain.stop();
  tls.stop();
  rmSync(directory, { recursive: true, force: true });
}
