/** Puts a load on a server. */
import { existsSync } from 'node:fs';
import { compile, outputOf } from './programs.ts';

/** What the clients do; without more words one plain connection after the other, with one file. */
export interface Load {
  readonly clients: number;
  readonly bytes: number;
  readonly filesEach?: number;
  /** 'put' is HTTP. */
  readonly protocol?: 'tentacle' | 'put';
  readonly isTls?: boolean;
}

/** How long: it ends with what is over first. */
export interface Extent {
  readonly seconds?: number;
  readonly connections?: number;
}

export interface Measured {
  readonly connections: number;
  readonly files: number;
  readonly seconds: number;
  readonly failures: number;
  /** Milliseconds that a whole connection took. */
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

let program: string | undefined;

/** The load generator. @throws Error that says what it needs */
export function loadGenerator(): string {
  if (program !== undefined) return program;
  const headers = ['/usr/include', '/usr/local/include'].some((each) => existsSync(`${each}/openssl/ssl.h`));
  try {
    program = compile('load.c', ['-lssl', '-lcrypto']);
  } catch (cause) {
    const hint = headers ? '' : '; the headers of OpenSSL are missing: apt-get install libssl-dev';
    throw new Error(`the load generator needs a C compiler (cc) and libssl-dev${hint}`, { cause });
  }
  return program;
}

/** One run against a port of 127.0.0.1. @throws Error after any wrong answer */
export async function putLoad(port: number, load: Load, extent: Extent): Promise<Measured> {
  const numbers = {
    ...{ '-p': port, '-c': load.clients, '-b': load.bytes, '-k': load.filesEach ?? 1 },
    ...{ '-s': extent.seconds, '-n': extent.connections },
  };
  const options = Object.entries(numbers).flatMap(([flag, value]) =>
    value === undefined ? [] : [flag, String(value)],
  );
  if (load.protocol === 'put') options.push('-P');
  if (load.isTls === true) options.push('-t');
  return JSON.parse(await outputOf([loadGenerator(), ...options])) as Measured;
}
