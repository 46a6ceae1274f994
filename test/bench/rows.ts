/** The rows of the benchmark: who is compared with whom, doing what, and what is to be reached. */
import { linkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  bareProgram,
  type Contender,
  haproxy,
  nginx,
  OURS,
  ours,
  ourRelay,
  perl,
  perlRelay,
  watched,
} from './contenders.ts';
import { onJetStream } from './jetstream.ts';
import type { Load } from './load.ts';
import { AFTER_A_FILE, type Crowd, IN_A_FILE, SILENT } from './memory.ts';
import type { Result } from './results.ts';
import type { Sizes } from './sizes.ts';

export interface Side {
  readonly contender: Contender;
  readonly load: Load;
  /** What it is called where it is not the contender that makes the difference. */
  readonly name?: string;
}

interface Common {
  /** Its words choose it: `--only tls` takes all that have it. */
  readonly key: string;
  readonly title: string;
  readonly bar?: number;
  readonly aim?: number;
}

/** How fast one is against another, or against itself when it does something else. */
export interface RateRow extends Common {
  readonly kind: 'rate';
  readonly unit: 'files/s' | 'MB/s';
  readonly sides: readonly [Side, Side];
}

/** How fast the first connections are against later ones. */
export interface ColdRow extends Common {
  readonly kind: 'cold';
  readonly side: Side;
  readonly connections: number;
}

/** What memory one takes, and another; with a crowd, what it takes for that. */
export interface MemoryRow extends Common {
  readonly kind: 'memory';
  readonly contenders: readonly [Contender, Contender?];
  readonly crowd?: Crowd;
}

export type BenchRow = RateRow | ColdRow | MemoryRow;

const SMALL: Load = { clients: 8, bytes: 2048 };
const LARGE: Load = { clients: 8, bytes: 20_000_000 };
const put = (load: Load): Load => ({ ...load, protocol: 'put' });
const secured = (load: Load): Load => ({ ...load, isTls: true });
const RSA = 'rsa';
const FAST = ['--fsync', '0'];
const SAFE = ['--fsync', '1'];
/** A link is made faster than a file, and a directory is as long; a file can have 65,000 on ext4. */
const LINKS = 60_000;

/** The same server, with so many files in its spool already. */
function withFiles({ name, start }: Contender, count: number): Contender {
  const fill = (spool: string): void => {
    for (let number = 0; number < count; number++) {
      const first = join(spool, `old.${String(number - (number % LINKS))}.data`);
      if (number % LINKS === 0) writeFileSync(first, '');
      else linkSync(first, join(spool, `old.${String(number)}.data`));
    }
  };
  return {
    name,
    start: async (directory) => {
      const server = await start(directory);
      fill(server.spool);
      return server;
    },
  };
}

/** Who is measured, against whom, and in what. */
export function termsOf(row: BenchRow): Pick<Result, 'names' | 'unit' | 'compares'> {
  switch (row.kind) {
    case 'rate': {
      const { name, contender } = row.sides[1];
      const compares = name === undefined ? 'with others' : 'with itself';
      return { names: [OURS, name ?? contender.name], unit: row.unit, compares };
    }
    case 'cold':
      return { names: [OURS, 'once warm'], unit: 'files/s', compares: 'with itself' };
    case 'memory':
      return { names: [OURS, row.contenders[1]?.name ?? ''], unit: 'MB', compares: 'memory' };
    default:
      throw new Error(`no such row: ${row satisfies never}`);
  }
}

const thousands = (count: number): string => count.toLocaleString('en');

// prettier-ignore
export function rows({ crowd, relays, spooled }: Sizes): readonly BenchRow[] {
  const fast: Side = { contender: ours(FAST), load: SMALL };
  const safe: Side = { contender: ours(SAFE), load: SMALL };
  const fastTls: Side = { contender: ours(FAST, RSA), load: secured(SMALL) };
  const roomy = ours([...FAST, '-c', String(crowd + 1000)]);
  const patient = ours(['-t', '600', '-c', String(crowd)]);
  const many: Load = { ...SMALL, filesEach: 50 };
  return [
    { kind: 'rate', key: 'plain', title: '2 KB files, plain, no fsync', unit: 'files/s', bar: 0.6, aim: 1,
      sides: [fast, { contender: nginx(), load: put(SMALL) }] },
    { kind: 'rate', key: 'fsync', title: '2 KB files, plain, fsync', unit: 'files/s', bar: 0.6, aim: 0.9,
      sides: [safe, { contender: bareProgram('fsync'), load: SMALL }] },
    { kind: 'rate', key: 'tls', title: '2 KB files, TLS with RSA-2048, no fsync', unit: 'files/s', bar: 0.6, aim: 1,
      sides: [fastTls, { contender: nginx(RSA), load: put(secured(SMALL)) }] },
    { kind: 'rate', key: 'many', title: '2 KB files, 50 on a connection, fsync', unit: 'files/s', bar: 0.5, aim: 0.8,
      sides: [{ ...safe, load: many }, { contender: bareProgram('fsync'), load: many }] },
    { kind: 'rate', key: 'large', title: '20 MB files, plain, no fsync', unit: 'MB/s', bar: 0.7, aim: 1,
      sides: [{ ...fast, load: LARGE }, { contender: nginx(), load: put(LARGE) }] },
    { kind: 'rate', key: 'large-tls', title: '20 MB files, TLS, no fsync', unit: 'MB/s', bar: 0.7, aim: 1,
      sides: [{ ...fastTls, load: secured(LARGE) }, { contender: nginx(RSA), load: put(secured(LARGE)) }] },
    { kind: 'rate', key: 'relay', title: 'relayed, 2 KB files', unit: 'files/s', bar: 0.6, aim: 1,
      sides: [{ contender: ourRelay(), load: SMALL }, { contender: haproxy(), load: SMALL }] },
    { kind: 'rate', key: 'large-relay', title: 'relayed, 20 MB files', unit: 'MB/s', bar: 0.6, aim: 1,
      sides: [{ contender: ourRelay(), load: LARGE }, { contender: haproxy(), load: LARGE }] },
    { kind: 'rate', key: 'perl', title: '2 KB files, plain, no fsync', unit: 'files/s', bar: 60, aim: 150,
      sides: [fast, { contender: perl(), load: SMALL }] },
    { kind: 'rate', key: 'perl-tls', title: '2 KB files, TLS with RSA-2048, no fsync', unit: 'files/s', bar: 40, aim: 80,
      sides: [fastTls, { contender: perl(RSA), load: secured(SMALL) }] },
    { kind: 'rate', key: 'perl-relay', title: 'relayed, 2 KB files', unit: 'files/s', bar: 20, aim: 40,
      sides: [{ contender: ourRelay(), load: SMALL }, { contender: perlRelay(), load: SMALL }] },
    { kind: 'rate', key: 'perl-large', title: '20 MB files, plain, no fsync', unit: 'MB/s', bar: 3, aim: 5,
      sides: [{ ...fast, load: LARGE }, { contender: perl(), load: LARGE }] },
    { kind: 'cold', key: 'cold', title: 'the first 1,000 connections after a start', bar: 0.4, aim: 0.8, side: fast, connections: 1000 },
    { kind: 'rate', key: 'crowd', title: `2 KB files of ${thousands(crowd)} clients at once`, unit: 'files/s', bar: 0.8, aim: 1,
      sides: [{ contender: roomy, load: { ...SMALL, clients: crowd } }, { contender: roomy, load: SMALL, name: '8 clients' }] },
    { kind: 'memory', key: 'memory', title: 'memory after the start', bar: 110, aim: 70, contenders: [ours(SAFE)] },
    { kind: 'memory', key: 'memory-silent', title: `memory for ${thousands(crowd)} silent connections`, bar: 60, aim: 30,
      contenders: [patient], crowd: { count: crowd, opening: SILENT } },
    { kind: 'memory', key: 'memory-idle', title: `memory for ${thousands(crowd)} connections between two files`,
      contenders: [patient], crowd: { count: crowd, opening: AFTER_A_FILE } },
    { kind: 'memory', key: 'memory-relay', title: `memory for ${thousands(relays)} idle relays`,
      contenders: [ourRelay(), haproxy()], crowd: { count: relays, opening: IN_A_FILE } },
    { kind: 'rate', key: 'spool', title: `2 KB files, ${thousands(spooled)} in the spool`, unit: 'files/s', bar: 0.8, aim: 1,
      sides: [{ ...fast, contender: withFiles(fast.contender, spooled) }, { ...fast, name: 'empty spool' }] },
    { kind: 'rate', key: 'own-fsync', title: '2 KB files, plain, fsync', unit: 'files/s', sides: [safe, { ...fast, name: 'no fsync' }] },
    { kind: 'rate', key: 'own-status', title: '2 KB files, plain, no fsync, status page watched', unit: 'files/s',
      sides: [{ ...fast, contender: watched(FAST) }, { ...fast, name: 'no status_address' }] },
    { kind: 'rate', key: 'own-jetstream', title: '2 KB files, on JetStream, three NATS servers on this machine', unit: 'files/s',
      bar: 0.5, aim: 1, sides: [{ ...safe, contender: onJetStream(SAFE) }, { ...safe, name: 'directory, fsync' }] },
    { kind: 'rate', key: 'own-workers', title: '2 KB files, plain, no fsync, 1 worker', unit: 'files/s',
      sides: [{ ...fast, contender: ours([...FAST, '--workers', '1']) },
        { ...fast, contender: ours([...FAST, '--workers', '2']), name: '2 workers' }] },
    { kind: 'rate', key: 'own-workers-tls', title: '2 KB files, TLS with RSA-2048, no fsync, 1 worker', unit: 'files/s',
      sides: [{ ...fastTls, contender: ours([...FAST, '--workers', '1'], RSA) },
        { ...fastTls, contender: ours([...FAST, '--workers', '2'], RSA), name: '2 workers' }] },
    { kind: 'rate', key: 'own-ecdsa', title: '2 KB files, TLS with ECDSA P-256, no fsync', unit: 'files/s',
      sides: [{ ...fastTls, contender: ours(FAST, 'ecdsa') }, { ...fastTls, name: 'RSA-2048' }] },
  ];
}
