/** Makes the certificates that are wanted, with the CA of their directory, or with a new one. */
import type { X509Certificate } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { kindOf, type Leaf, makeAuthority, makeLeaf, type Pair, type Period } from './authority.ts';
import { ensureDirectory, type NewFile, writeNewFiles } from './new-files.ts';
import { fileStem, LONGEST_NAME, type Wish } from './wish.ts';
import { reasonOf } from '../log/errno.ts';
import { openKey, readCertificates } from '../settings/certificates.ts';

export interface Made {
  /** Absolute. */
  readonly directory: string;
  readonly authority: X509Certificate;
  /** Whether the CA was made now, too. */
  readonly isNewAuthority: boolean;
  /** The server's, made now or before; undefined: there is none in this directory. */
  readonly server: X509Certificate | undefined;
  readonly isNewServer: boolean;
  readonly clients: readonly MadeClient[];
}

export interface MadeClient {
  readonly name: string;
  /** The names of its files, without their endings. */
  readonly stem: string;
  readonly certificate: X509Certificate;
}

const MS_PER_DAY = 86_400_000;
/** A clock somewhere is always slow. */
const BACKDATED_MS = 3_600_000;
const AUTHORITY_DAYS = 3650;
const PUBLIC = 0o644;
const PRIVATE = 0o600;

/**
 * Writes a certificate and a key for the server, if it has hosts, and for each client.
 * @param now in milliseconds since the epoch
 * @throws Error when anything is wrong with the directory, or a file is there already; then nothing has changed
 */
export async function makeCertificates(wish: Wish, now: number): Promise<Made> {
  const { directory, hosts, clients } = wish;
  const path = (name: string): string => join(directory, name);
  refuseExisting(wish);
  const from = now - BACKDATED_MS;
  const found = existingAuthority(wish, now);
  const authorityDays = Math.max(AUTHORITY_DAYS, wish.days);
  const authority =
    found ??
    (await makeAuthority(wish.rsa ? 'rsa' : 'ec', { from, until: now + authorityDays * MS_PER_DAY }));
  // Nobody would believe it any longer than its CA.
  const until = Math.min(now + wish.days * MS_PER_DAY, Date.parse(authority.certificate.validTo));
  const period: Period = { from: Math.max(from, Date.parse(authority.certificate.validFrom)), until };

  const server = hosts.length === 0 ? undefined : await makeLeaf(authority, serverLeaf(hosts, period));
  const made: (MadeClient & Pair)[] = [];
  for (const name of clients) {
    const pair = await makeLeaf(authority, clientLeaf(name, period));
    made.push({ ...pair, name, stem: fileStem(name) });
  }
  const files = [
    ...(found === undefined ? filesOf(path('ca'), authority) : []),
    ...(server === undefined ? [] : filesOf(path('server'), server)),
    ...made.flatMap((client) => filesOf(path(client.stem), client)),
  ];
  ensureDirectory(directory);
  writeNewFiles(files);
  return {
    directory,
    authority: authority.certificate,
    isNewAuthority: found === undefined,
    server: server?.certificate ?? existingServer(path('server.pem')),
    isNewServer: server !== undefined,
    clients: made.map(({ name, stem, certificate }) => ({ name, stem, certificate })),
  };
}

/** Before anything is made. */
function refuseExisting({ directory, hosts, clients }: Wish): void {
  const stems = [...(hosts.length === 0 ? [] : ['server']), ...clients.map(fileStem)];
  for (const stem of stems) {
    const path = [`${stem}.pem`, `${stem}.key`]
      .map((name) => join(directory, name))
      .find((name) => existsSync(name));
    if (path === undefined) continue;
    const renew = `move ${stem}.pem and ${stem}.key away, and run this again`;
    const instead =
      stem === 'server'
        ? `for further clients leave out --host; to renew it, or for other names, ${renew}`
        : `to renew it ${renew}`;
    throw new Error(`${path} exists already, and nothing was changed: ${instead}`);
  }
}

/**
 * The CA of the directory; undefined when there is none.
 * @throws Error when it cannot sign
 */
function existingAuthority({ directory, rsa }: Wish, now: number): Pair | undefined {
  const [pem, key] = [join(directory, 'ca.pem'), join(directory, 'ca.key')];
  if (!existsSync(pem) && !existsSync(key)) return undefined;
  const certificate = about(pem, () => {
    const [first] = readCertificates(readFileSync(pem));
    if (first?.ca !== true) throw new SyntaxError('is not the certificate of a CA');
    if (Date.parse(first.validTo) <= now)
      throw new SyntaxError(`expired on ${first.validTo}: make a new CA in another directory`);
    return first;
  });
  return about(key, () => {
    const opened = openKey(readFileSync(key), undefined, 'decrypt it for the time being (openssl pkey)');
    if (!certificate.checkPrivateKey(opened)) throw new SyntaxError('is not the private key of ca.pem');
    if (rsa && kindOf(opened) !== 'rsa')
      throw new SyntaxError('is no RSA key, which --rsa is to spare old agents: use another directory');
    return { certificate, key: opened };
  });
}

/** @throws Error that names the file */
function about<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    const isJudgement = cause instanceof SyntaxError;
    const text = isJudgement ? cause.message : `cannot be read: ${reasonOf(cause)}`;
    throw new Error(`${path} ${text}; nothing was changed`, { cause });
  }
}

function existingServer(path: string): X509Certificate | undefined {
  return existsSync(path) ? about(path, () => readCertificates(readFileSync(path))[0]) : undefined;
}

function serverLeaf(hosts: readonly string[], period: Period): Leaf {
  // Who looks at the CN at all does so where no SAN is.
  const name = hosts.find((host) => host.length <= LONGEST_NAME) ?? 'tentacle_server';
  return { ...period, name, alternativeNames: hosts, use: 'server and client' };
}

/** The CN is the agent's name byte for byte: `ssl_client_files` compares it with the names of files. */
function clientLeaf(name: string, period: Period): Leaf {
  const isHost = /^[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?$/i.test(name) && !name.includes('..') && isIP(name) === 0;
  return { ...period, name, alternativeNames: isHost ? [name] : [], use: 'client' };
}

function filesOf(path: string, { certificate, key }: Pair): NewFile[] {
  return [
    { path: `${path}.key`, content: key.export({ type: 'pkcs8', format: 'pem' }).toString(), mode: PRIVATE },
    { path: `${path}.pem`, content: certificate.toString(), mode: PUBLIC },
  ];
}
