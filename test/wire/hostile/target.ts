/** What hostile clients meet in the tests: a worker with a file beside its spool, and what must be true afterwards. */
import { lstatSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';
import { expect, onTestFinished } from 'vitest';
import { passwordDigest } from '../../../src/protocol/password.ts';
import type { Token } from '../../../src/settings/options.ts';
import type { Material } from '../../../src/settings/validate.ts';
import { CertificateAuthority, type Issued } from '../../support/certificates.ts';
import { Dialogue } from '../../support/dialogue.ts';
import { testWith } from '../../support/requires.ts';
import { temporarySpool } from '../../support/temporary.ts';
import { startWorker, type TestWorker } from '../../support/worker.ts';

export type Tokens = Partial<Record<Token, string>>;

export interface Target extends TestWorker {
  readonly spool: string;
  /** A file beside the spool, which nobody may read or change. */
  readonly outside: string;
  /** The certificate that the attacker shows. */
  readonly shown: Issued | undefined;
  /** A connection on which an honest client would be served. */
  readonly open: () => Promise<Dialogue>;
}

/** What a server knows that asks for certificates. */
export interface Verification {
  /** The certificate that the attacker shows. */
  readonly shown?: Issued;
  /** Path of a revocation list. */
  readonly crl?: string;
}

export interface Row {
  /** As the table of README names it. */
  readonly row: string;
  /** What comes of it, as the table says. */
  readonly outcome: string;
  readonly needs?: readonly string[];
  readonly tokens?: Tokens;
  /** The server speaks TLS, or asks its clients for certificates of this CA, too. */
  readonly tls?: 'anonymous' | ((authority: CertificateAuthority) => Verification);
  readonly attack: (target: Target) => Promise<void>;
}

const SECRET = 'nobody may read this';
export const CLOSED = 'closed';
export const PASSWORD = 'the password';
export const PASS = `PASS ${passwordDigest(Buffer.from(PASSWORD))}\n`;
const LONGEST_LOG_LINE = 1000;

/** Starts a server that lets clients list and take files, too. */
export async function targetOf(tokens: Tokens = {}, tls?: Row['tls']): Promise<Target> {
  const spool = temporarySpool('conf');
  const outside = join(dirname(spool), 'secret');
  writeFileSync(outside, SECRET);
  const security = tls === undefined ? undefined : securityOf(tls);
  const filters = '\\.conf$:conf';
  const worker = await startWorker(
    { directory: spool, insecure: '1', filters, ...security?.tokens, ...tokens },
    security?.material,
  );
  const open = (): Promise<Dialogue> =>
    security === undefined ? Dialogue.open(worker.port) : secured(worker.port, security.honest);
  return { ...worker, spool, outside, open, shown: security?.shown };
}

interface Security {
  readonly tokens: Tokens;
  readonly material: Partial<Material>;
  /** What an honest client connects with. */
  readonly honest: ConnectionOptions;
  readonly shown: Issued | undefined;
}

function securityOf(tls: NonNullable<Row['tls']>): Security {
  const authority = new CertificateAuthority();
  const { cert, key } = authority.issue('localhost');
  const tokens = { ssl_cert: cert, ssl_key: key };
  const pair = { cert: readFileSync(cert), key: readFileSync(key) };
  if (tls === 'anonymous') return { tokens, material: pair, honest: {}, shown: undefined };
  const { shown, crl } = tls(authority);
  return {
    tokens: { ...tokens, ssl_ca: authority.ca, ...(crl !== undefined && { ssl_crl: crl }) },
    material: {
      ...pair,
      ca: readFileSync(authority.ca),
      crl: crl === undefined ? undefined : readFileSync(crl),
    },
    honest: showing(authority.issue('honest')),
    shown,
  };
}

/** Options of a client that shows this certificate. */
export function showing(issued: Issued | undefined): ConnectionOptions {
  return issued === undefined ? {} : { cert: readFileSync(issued.cert), key: readFileSync(issued.key) };
}

export async function secured(port: number, options: ConnectionOptions = {}): Promise<Dialogue> {
  const socket = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false, ...options });
  onTestFinished(() => {
    socket.destroy();
  });
  const dialogue = new Dialogue(socket);
  await new Promise<void>((resolve, reject) => {
    socket.once('secureConnect', resolve);
    socket.once('error', reject);
  });
  return dialogue;
}

/** The first answer to these bytes on a connection of their own, or that there was none. */
export async function answer({ open, settings }: Target, bytes: string | Buffer): Promise<string> {
  const dialogue = await open();
  if (settings.passwords.length > 0) await dialogue.ask(PASS);
  return dialogue.ask(bytes).catch(() => CLOSED);
}

export async function logged({ log }: TestWorker, pattern: RegExp): Promise<void> {
  await expect.poll(() => log.some((line) => pattern.test(line))).toBe(true);
}

/** An honest client sends a file, and gets it back. */
export async function stillServes({ open, settings }: Target): Promise<void> {
  const dialogue = await open();
  if (settings.proxyProtocolFrom.length > 0) dialogue.send('PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n');
  if (settings.passwords.length > 0) expect(await dialogue.ask(PASS)).toBe('PASS OK\n');
  expect(await dialogue.ask('SEND <honest.1.data> SIZE 4\n')).toBe('SEND OK\n');
  expect(await dialogue.ask('data')).toBe('SEND OK\n');
  expect(await dialogue.ask('RECV <honest.1.data>\n')).toBe('RECV SIZE 4\n');
  expect(await dialogue.ask('RECV OK\nLS <?>\n')).toBe('dataLS ERR\n');
}

/** Whatever the attack was: nothing beside the spool changed, nothing half-done is in it, and each log entry is one line. */
function expectNoHarm({ spool, outside, log }: Target): void {
  expect(readdirSync(dirname(spool)).sort()).toEqual(['data_in', 'secret']);
  expect(readFileSync(outside, 'utf8')).toBe(SECRET);
  for (const line of log) {
    // eslint-disable-next-line no-control-regex -- control characters are what it looks for
    expect(line).toMatch(/^[^\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]*\n$/);
    expect(line.length).toBeLessThan(LONGEST_LOG_LINE);
  }
}

/** Names of the files in the spool and in its one directory, as latin-1. */
export function filesIn(spool: string): string[] {
  return [spool, join(spool, 'conf')].flatMap((directory) =>
    readdirSync(directory, { encoding: 'latin1' }).filter(
      (name) => !lstatSync(Buffer.from(`${directory}/${name}`, 'latin1')).isDirectory(),
    ),
  );
}

/** One row as a test: the attack does what the row says, then an honest client is served, and no harm was done. */
export function testRow({ row, needs = [], tokens, tls, attack }: Row): void {
  testWith(tls === undefined ? needs : ['openssl', ...needs], row, async () => {
    const target = await targetOf(tokens, tls);
    await attack(target);
    await stillServes(target);
    expectNoHarm(target);
  });
}
