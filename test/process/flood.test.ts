/** A hostile crowd, all of it from one address, does not keep an honest client waiting, nor eat the memory. */
import { describe, expect, onTestFinished } from 'vitest';
import { CertificateAuthority } from '../support/certificates.ts';
import { clientHello, Flood } from '../support/flood.ts';
import { deliverTimed, type Way } from '../support/honest.ts';
import { proportionalSizeOf } from '../support/processes.ts';
import { ServerProcess } from '../support/program.ts';
import { testWith } from '../support/requires.ts';
import { temporarySpool } from '../support/temporary.ts';

/** `npm run test:flood` has ten thousand, and crowds that come again when they are closed. */
const IS_ALONE = process.env.TENTACLE_FLOOD !== undefined;
const SOCKETS = Number(process.env.TENTACLE_FLOOD ?? 2000);
/** Sent one after the other while the crowd arrives, and as many when all of it has come. */
const FILES = 30;
/** The promise is a second, which `npm run test:flood` shows on a machine that has time; W4 is minutes away. */
const PATIENCE_MS = 10_000;
const MOST_GROWTH = 120 * 1024 * 1024;
const LOOK_MS = 250;
/** W4 far away: it ends nothing here. */
const PATIENT = ['-t', '60'];
const TIMEOUT_MS = 120_000;

interface Case {
  readonly mode: 'silent' | 'drip' | 'half';
  readonly server: 'plain' | 'tls' | 'store';
  readonly comesAgain: boolean;
  readonly args: readonly string[];
}

async function wordsOf(mode: Case['mode']): Promise<Buffer> {
  if (mode === 'silent') return Buffer.alloc(0);
  if (mode === 'drip') return Buffer.from(`SEND <${'a'.repeat(1000)}`);
  const hello = await clientHello();
  return hello.subarray(0, hello.length / 2);
}

async function modeArgs(server: Case['server']): Promise<readonly string[]> {
  if (server === 'plain') return [];
  if (server === 'tls') {
    const { cert, key } = new CertificateAuthority().issue('server');
    return ['-e', cert, '-k', key];
  }
  const centre = await ServerProcess.start(['-s', temporarySpool()]);
  return ['-b', '127.0.0.1', '-g', String(centre.port), '--proxy_mode', 'store'];
}

/** The memory of a server: its highest since the first look, and at that. Bytes. */
function watchMemory(server: ServerProcess): () => number {
  const size = (): number =>
    [server.pid, ...server.workers()].reduce((sum, pid) => sum + proportionalSizeOf(pid), 0);
  const before = size();
  let peak = before;
  const look = (): number => (peak = Math.max(peak, size()));
  const timer = setInterval(look, LOOK_MS);
  onTestFinished(() => {
    clearInterval(timer);
  });
  return () => look() - before;
}

async function deliverMany(way: Way, what: string): Promise<readonly number[]> {
  const times = [];
  for (let index = 0; index < FILES; index++) {
    times.push(await deliverTimed(way, `${what}.${String(index)}.data`, PATIENCE_MS));
  }
  return times;
}

/** Case, sockets; in milliseconds maximum before the crowd, median and maximum during it; growth in MB. */
function tell(
  one: Case,
  times: Readonly<Record<'before' | 'during', readonly number[]>>,
  growth: number,
): void {
  const { mode, server, comesAgain, args } = one;
  const sorted = times.during.toSorted((a, b) => a - b);
  const what = [mode, server, comesAgain ? 'again' : 'once', ...args].join(' ');
  const figures = [
    Math.max(...times.before),
    sorted[sorted.length >> 1] ?? NaN,
    Math.max(...sorted),
    growth / 2 ** 20,
  ];
  console.log(`| ${[what, SOCKETS, ...figures.map((figure) => figure.toFixed(0))].join(' | ')} |`);
}

async function flood(one: Case): Promise<void> {
  const { mode, server: kind, comesAgain, args } = one;
  const server = await ServerProcess.start(['-s', temporarySpool(), ...(await modeArgs(kind)), ...args]);
  const way = { port: server.port, tls: kind === 'tls' };
  // What the first clients cost is no growth.
  const before = await deliverMany(way, 'before');
  const growth = watchMemory(server);
  const words = await wordsOf(mode);
  const crowd = new Flood({ port: server.port, sockets: SOCKETS, words, drips: mode === 'drip', comesAgain });
  const arriving = await deliverMany(way, 'arriving');
  await crowd.all;
  const there = await deliverMany(way, 'there');
  const { opened } = await crowd.end();
  tell(one, { before, during: [...arriving, ...there] }, growth());
  expect(opened).toBeGreaterThanOrEqual(SOCKETS);
  expect(growth()).toBeLessThan(MOST_GROWTH);
}

const ONCE: readonly Case[] = [
  { mode: 'silent', server: 'plain', comesAgain: false, args: PATIENT },
  { mode: 'drip', server: 'plain', comesAgain: false, args: PATIENT },
  { mode: 'half', server: 'tls', comesAgain: false, args: PATIENT },
];

/** These take all of a processor, and so need one that other tests do not use. */
const AGAIN: readonly Case[] = [
  { mode: 'silent', server: 'plain', comesAgain: true, args: PATIENT },
  { mode: 'silent', server: 'plain', comesAgain: true, args: ['--workers', '2'] },
  { mode: 'drip', server: 'plain', comesAgain: true, args: PATIENT },
  { mode: 'silent', server: 'store', comesAgain: true, args: [] },
  { mode: 'half', server: 'tls', comesAgain: true, args: PATIENT },
  { mode: 'half', server: 'tls', comesAgain: true, args: ['--workers', '2'] },
];

describe('so many sockets do not keep an honest client waiting', () => {
  for (const one of IS_ALONE ? [...ONCE, ...AGAIN] : ONCE) {
    const { mode, server, comesAgain, args } = one;
    const name = [mode, server, comesAgain ? 'and they come again' : 'once', ...args].join(' ');
    testWith(['gcc'], name, () => flood(one), TIMEOUT_MS);
  }
});
