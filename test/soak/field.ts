/** All servers of a soak, and the ways that lead to them. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ConnectOptions } from '../../src/client/client.ts';
import { directory } from '../bench/programs.ts';
import { type Certificates, contentsOf, makeCertificates } from './certificates.ts';
import { chunksOf, fixtureName, folderOf } from './content.ts';
import { folderOfSite, HOST, Site } from './site.ts';

/** The largest file that they take, in bytes. */
export const LARGEST = 20_000_000;
/** Files that are there to be fetched. */
export const FIXTURES = [fixtureName(20_000, 'conf'), fixtureName(32, 'md5'), fixtureName(1_500_000, 'zip')];
/** W4: of the default `retries`. */
const ATTEMPTS = 4;

/** How clients reach a server. */
export interface Way {
  readonly name: string;
  /** For the library. */
  readonly to: ConnectOptions;
  /** The same for the programs. */
  readonly flags: readonly string[];
  /** Where files wait on the way, if they do. */
  readonly queue?: string;
  /** Where they arrive. */
  readonly spool: string;
}

export interface Field {
  readonly sites: readonly Site[];
  /** The one of them that is told to reload. */
  readonly reloaded: Site;
  readonly ways: Readonly<Record<keyof Sites, Way>>;
  readonly certificates: Certificates;
  /** Of those that receive. */
  readonly spools: readonly string[];
  /** All that ever hold files. */
  readonly folders: readonly string[];
}

export interface Effort {
  /** Of each server. */
  readonly workers: number;
  /** As the setting of that name, of clients and servers; seconds. */
  readonly timeout: number;
}

/** The lines of a server that receives, with the filters that are shipped; everything else is the default. */
function receiving(name: string): readonly string[] {
  const spool = folderOfSite(name);
  for (const folder of ['conf', 'md5', 'collections', 'trans', 'commands']) {
    mkdirSync(join(spool, folder), { recursive: true });
  }
  for (const each of FIXTURES)
    writeFileSync(join(spool, folderOf(each), each), Buffer.concat([...chunksOf(each)]));
  const filters = /^filters .*$/m.exec(readFileSync('etc/tentacle_server.conf', 'latin1'))?.[0] ?? '';
  return [`directory ${spool}`, filters, `max_size ${String(LARGEST)}`];
}

type Sites = Readonly<Record<'plain' | 'tls' | 'reloaded' | 'store' | 'relay', Site>>;

/**
 * A server with a password, one for clients with certificates, one with both TLS and a password that is reloaded again
 * and again; before the first a proxy that stores, before the second a relay.
 */
export async function startField(effort: Effort): Promise<Field> {
  const certificates = makeCertificates(directory);
  const sites = await startSites(certificates, effort);
  const { plain, tls, reloaded, store, relay } = sites;
  const spools = [plain, tls, reloaded].map(({ folder }) => folder);
  return {
    sites: [plain, tls, reloaded, store, relay],
    reloaded,
    ways: waysTo(sites, certificates, effort),
    certificates,
    spools,
    folders: [...spools, store.folder],
  };
}

async function startSites({ ca, server }: Certificates, { workers, timeout }: Effort): Promise<Sites> {
  const start = (name: string, ...lines: readonly string[]): Promise<Site> =>
    Site.start(name, [`workers ${String(workers)}`, `timeout ${String(timeout)}`, ...lines]);
  const secured = [`ssl_cert ${server.cert}`, `ssl_key ${server.key}`];
  const plain = await start('plain', ...receiving('plain'), 'password plain');
  const tls = await start('tls', ...receiving('tls'), ...secured, `ssl_ca ${ca}`);
  const reloaded = await start('reloaded', ...receiving('reloaded'), ...secured, 'password reloaded');
  const queue = folderOfSite('store');
  mkdirSync(queue);
  const store = await start(
    'store',
    ...['proxy_mode store', `directory ${queue}`, `max_size ${String(LARGEST)}`, 'password store'],
    ...[`proxy_ip ${HOST}:${String(plain.port)}`, 'proxy_password plain'],
  );
  const relay = await start('relay', `proxy_ip ${HOST}:${String(tls.port)}`);
  return { plain, tls, reloaded, store, relay };
}

function waysTo(sites: Sites, { ca, client }: Certificates, { timeout }: Effort): Field['ways'] {
  const { plain, tls, reloaded, store, relay } = sites;
  const known = { ...contentsOf(client), ca: readFileSync(ca) };
  const knownFlags = ['-e', client.cert, '-k', client.key, '-f', ca];
  const way = (
    { name, port }: Site,
    how: Pick<ConnectOptions, 'password' | 'tls'>,
    flags: readonly string[],
  ): Omit<Way, 'spool'> => ({
    name,
    to: { host: HOST, port, idleMs: timeout * ATTEMPTS * 1000, ...how },
    flags: ['-t', String(timeout), ...flags],
  });
  return {
    plain: { ...way(plain, { password: 'plain' }, ['-x', 'plain']), spool: plain.folder },
    tls: { ...way(tls, { tls: known }, knownFlags), spool: tls.folder },
    reloaded: {
      ...way(reloaded, { password: 'reloaded', tls: {} }, ['-c', '-x', 'reloaded']),
      spool: reloaded.folder,
    },
    store: {
      ...way(store, { password: 'store' }, ['-x', 'store']),
      ...{ queue: store.folder, spool: plain.folder },
    },
    relay: { ...way(relay, { tls: known }, knownFlags), spool: tls.folder },
  };
}
