/** Who takes part in the comparison of relays, and how each is started. */
import { existsSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { directory, startServer } from './programs.ts';

/** The ports of 127.0.0.1 that a relay stands between. */
export interface Ports {
  readonly own: number;
  readonly upstream: number;
}

export interface Contender {
  readonly name: string;
  /** Open relays that its memory is measured with. */
  readonly relays: number;
  /** Gives its process. @throws Error that says why it cannot take part */
  readonly start: (ports: Ports) => Promise<number>;
}

const SERVER = resolve('dist/bin/tentacle_server.cjs');
/** Some user who is not root: the Perl server does not run as root. */
const NOBODY = 65_534;
const isRoot = process.geteuid?.() === 0;
/** Nothing of this host's own service. */
const env = { ...process.env, TENTACLE_EXT_OPTS: '', TENTACLE_DEFAULTS_FILE: '' };

function relayOptions({ own, upstream }: Ports): string[] {
  return ['-b', '127.0.0.1', '-g', String(upstream), '-a', '127.0.0.1', '-p', String(own)];
}

async function startOurs(ports: Ports): Promise<number> {
  const options = [...relayOptions(ports), '-c', '2000', ...(isRoot ? ['--allow-root'] : [])];
  const child = await startServer([process.execPath, SERVER, ...options], ports.own, { env });
  return child.pid ?? NaN;
}

async function startHaproxy({ own, upstream }: Ports): Promise<number> {
  const file = join(directory, 'haproxy.cfg');
  const lines = [
    ...['global', ' maxconn 4000'],
    ...['defaults', ' mode tcp', ' timeout connect 10s', ' timeout client 60s', ' timeout server 60s'],
    ...['listen relay', ` bind 127.0.0.1:${String(own)}`, ` server upstream 127.0.0.1:${String(upstream)}`],
  ];
  writeFileSync(file, `${lines.join('\n')}\n`);
  // It lives where PATH leads only root.
  const PATH = `${process.env.PATH ?? ''}:/usr/local/sbin:/usr/sbin`;
  const child = await startServer(['haproxy', '-db', '-f', file], own, { env: { ...process.env, PATH } });
  return child.pid ?? NaN;
}

/** The Perl server, which is not published with this project. */
function reference(): string {
  const folder = process.env.TENTACLE_REFERENCE_DIR;
  if (folder === undefined) throw new Error('TENTACLE_REFERENCE_DIR does not name the folder that holds it');
  const program = ['tentacle', '.'].map((each) => join(folder, each, 'tentacle_server')).find(existsSync);
  if (program === undefined) throw new Error(`no tentacle_server in ${folder}`);
  return program;
}

async function startPerl(ports: Ports): Promise<number> {
  const command = ['perl', reference(), ...relayOptions(ports), '-c', '100', '-t', '10'];
  const user = isRoot ? { uid: NOBODY, gid: NOBODY } : {};
  const child = await startServer(command, ports.own, { env, cwd: '/', ...user });
  return child.pid ?? NaN;
}

const OURS: Contender = { name: 'tentacle_server', relays: 1000, start: startOurs };
const HAPROXY: Contender = { name: 'HAProxy', relays: 1000, start: startHaproxy };
/** Each relay is a thread with a copy of the interpreter, of several MB. */
const PERL: Contender = { name: 'tentacle_server, Perl', relays: 50, start: startPerl };
/** All that take part; one that cannot is told and left out. */
export const RELAYS: readonly Contender[] = [OURS, HAPROXY, PERL];
