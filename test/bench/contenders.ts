/** Who takes part in a benchmark, and how each is started. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { get } from 'node:http';
import { chmodSync, constants, copyFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { certificate, type KeyKind } from './certificates.ts';
import { lowPort } from './ports.ts';
import { compile, directory, end, startServer } from './programs.ts';

/** One that was started. */
export interface Server {
  readonly port: number;
  readonly pid: number;
  /** Where its files go; a relay has none. */
  readonly spool: string;
  readonly stop: () => Promise<void>;
}

export interface Contender {
  readonly name: string;
  /** @param place a fresh one, for all that it needs @throws Error that says why it cannot take part */
  readonly start: (place: string) => Promise<Server>;
}

export const OURS = 'tentacle_server';
const SERVER = resolve('dist/bin/tentacle_server.cjs');
/** More than any row asks for, so that nobody's limit is measured. */
const MAX_SIZE = ['-m', '100000000'];
/** Open relays that a receiver can stand behind, one thread each. */
const RELAYS = '1100';
const STORING = '64';
/** Some user who is not root: the Perl server does not run as root. */
const NOBODY = 65_534;
const isRoot = process.geteuid?.() === 0;
/** Nothing of this host's own service. */
const env = { ...process.env, TENTACLE_EXT_OPTS: '', TENTACLE_DEFAULTS_FILE: '' };

let ownNode: string | undefined;
let receiver: string | undefined;

function server(child: ChildProcess, port: number, spool: string): Server {
  const stop = async (): Promise<void> => {
    const ended = once(child, 'close');
    end(child);
    await ended;
  };
  return { port, pid: child.pid ?? NaN, spool, stop };
}

function spoolIn(place: string): string {
  const spool = join(place, 'spool');
  mkdirSync(spool, { recursive: true });
  chmodSync(spool, 0o777);
  return spool;
}

function listenOn(port: number): string[] {
  return ['-a', '127.0.0.1', '-p', String(port)];
}

function tlsOptions(kind: KeyKind | undefined): string[] {
  if (kind === undefined) return [];
  const { cert, key } = certificate(kind);
  return ['-e', cert, '-k', key];
}

/** A copy, which shares no memory with this program and others: the proportional memory is that of a server alone. */
function node(): string {
  if (ownNode === undefined) {
    ownNode = join(directory, 'node');
    copyFileSync(process.execPath, ownNode, constants.COPYFILE_FICLONE);
  }
  return ownNode;
}

/** As many descriptors as the systemd unit allows, if this user may have them. */
const WITH_FILES = ['sh', '-c', 'ulimit -n 65536 2>/dev/null; exec "$@"', 'sh'];

async function startOurs(options: readonly string[], spool: string): Promise<Server> {
  const port = await lowPort();
  const command = [...WITH_FILES, node(), SERVER, ...listenOn(port), ...options];
  const child = await startServer([...command, ...(isRoot ? ['--allow-root'] : [])], port, { env });
  return server(child, port, spool);
}

/** This project's server. @param tls the kind of key; without it, plain */
export function ours(options: readonly string[], tls?: KeyKind): Contender {
  const start = (place: string): Promise<Server> => {
    const spool = spoolIn(place);
    return startOurs(['-s', spool, ...MAX_SIZE, ...tlsOptions(tls), ...options], spool);
  };
  return { name: OURS, start };
}

/** The same, with somebody who looks at its status page, and Prometheus, which asks every second. */
export function watched(options: readonly string[]): Contender {
  const start = async (place: string): Promise<Server> => {
    const path = join(place, 'status');
    const started = await ours([...options, '--status-address', `unix:${path}`]).start(place);
    const viewer = get({ socketPath: path, path: '/events' }, (events) => events.resume());
    const scraper = setInterval(() => {
      get({ socketPath: path, path: '/metrics' }, (figures) => figures.resume()).on('error', ignored);
    }, 1000);
    viewer.on('error', ignored);
    return {
      ...started,
      stop: () => {
        clearInterval(scraper);
        viewer.destroy();
        return started.stop();
      },
    };
  };
  return { name: OURS, start };
}

/** The server is stopped before those who look at it. */
function ignored(): void {
  // Nobody waits for the figures.
}

/** nginx, which takes files over HTTP: PUT, one a connection. */
export function nginx(tls?: KeyKind): Contender {
  const start = async (place: string): Promise<Server> => {
    const [port, spool, file] = [await lowPort(), spoolIn(place), join(place, 'nginx.conf')];
    const { cert, key } = tls === undefined ? { cert: '', key: '' } : certificate(tls);
    const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
      (each) => ` ${each}_temp_path ${join(place, each)};`,
    );
    const lines = [
      ...['worker_processes 2;', 'daemon off;', `pid ${join(place, 'pid')};`, 'error_log stderr;'],
      ...(isRoot ? ['user root;'] : []),
      ...['events { worker_connections 8000; }', 'http {', ' access_log off;', ' keepalive_timeout 0;'],
      ...[...paths, ' client_max_body_size 0;', ' server {', `  root ${spool};`],
      `  listen 127.0.0.1:${String(port)} ${tls === undefined ? '' : 'ssl'} backlog=4096;`,
      ...(tls === undefined ? [] : [`  ssl_certificate ${cert};`, `  ssl_certificate_key ${key};`]),
      ...['  location / { dav_methods PUT; }', ' }', '}'],
    ];
    writeFileSync(file, `${lines.join('\n')}\n`);
    const child = await startServer(['nginx', '-e', 'stderr', '-c', file], port);
    return server(child, port, spool);
  };
  return { name: 'nginx', start };
}

async function startReceiver(threads: string, storing: readonly string[]): Promise<Server> {
  receiver ??= compile('receiver.c');
  const port = await lowPort();
  const child = await startServer([receiver, String(port), threads, ...storing], port);
  return server(child, port, storing[0] ?? '');
}

/** A program that does nothing but what must be done; it syncs file and directory when asked to. */
export function bareProgram(sync?: 'fsync'): Contender {
  const storing = (spool: string): string[] => [spool, ...(sync === undefined ? [] : [sync])];
  return {
    name: 'bare C program',
    start: (place) => startReceiver(STORING, storing(spoolIn(place))),
  };
}

/** What stands in front of a receiver that throws all away, and both stop together. */
function inFront(start: (upstream: number, place: string) => Promise<Server>): Contender['start'] {
  return async (place) => {
    const upstream = await startReceiver(RELAYS, []);
    try {
      const relay = await start(upstream.port, place);
      return { ...relay, stop: () => Promise.all([relay.stop(), upstream.stop()]).then(() => undefined) };
    } catch (cause) {
      await upstream.stop();
      throw cause;
    }
  };
}

function relayTo(upstream: number): string[] {
  return ['-b', '127.0.0.1', '-g', String(upstream)];
}

/** This project's server as a relay. */
export function ourRelay(): Contender {
  return { name: OURS, start: inFront((upstream) => startOurs([...relayTo(upstream), '-c', '2000'], '')) };
}

/** HAProxy, passing TCP on. */
export function haproxy(): Contender {
  const start = inFront(async (upstream, place) => {
    const [port, file] = [await lowPort(), join(place, 'haproxy.cfg')];
    const lines = [
      ...['global', ' maxconn 4000'],
      ...['defaults', ' mode tcp', ' timeout connect 10s', ' timeout client 60s', ' timeout server 60s'],
      ...[
        'listen relay',
        ` bind 127.0.0.1:${String(port)}`,
        ` server upstream 127.0.0.1:${String(upstream)}`,
      ],
    ];
    writeFileSync(file, `${lines.join('\n')}\n`);
    return server(await startServer(['haproxy', '-db', '-f', file], port), port, '');
  });
  return { name: 'HAProxy', start };
}

/** The Perl server, which is not published with this project. */
function reference(): string {
  const folder = process.env.TENTACLE_REFERENCE_DIR;
  if (folder === undefined) throw new Error('TENTACLE_REFERENCE_DIR does not name the folder that holds it');
  const program = ['tentacle', '.'].map((each) => join(folder, each, 'tentacle_server')).find(existsSync);
  if (program === undefined) throw new Error(`no tentacle_server in ${folder}`);
  return program;
}

async function startPerl(options: readonly string[], spool: string): Promise<Server> {
  const port = await lowPort();
  const command = ['perl', reference(), ...listenOn(port), '-c', '100', '-t', '10', ...options];
  const user = isRoot ? { uid: NOBODY, gid: NOBODY } : {};
  return server(await startServer(command, port, { env, cwd: '/', ...user }), port, spool);
}

const PERL = 'Perl server';

export function perl(tls?: KeyKind): Contender {
  const start = (place: string): Promise<Server> => {
    const spool = spoolIn(place);
    return startPerl(['-s', spool, ...MAX_SIZE, ...tlsOptions(tls)], spool);
  };
  return { name: PERL, start };
}

export function perlRelay(): Contender {
  return { name: PERL, start: inFront((upstream) => startPerl(relayTo(upstream), '')) };
}
