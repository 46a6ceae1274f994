/** Listens on the addresses of the settings, or on sockets that listen already. */
import { createServer, type ListenOptions, type Server, type Socket } from 'node:net';
import { reasonOf } from '../log/errno.ts';
import type { ListenSettings } from '../settings/settings.ts';

const BACKLOG = 4096;
/** No address in the settings. */
const ANY = 'any';
const IPV4_ANY = '0.0.0.0';
const IPV6_ANY = '::';
/** What a host without IPv6 answers. */
const NO_IPV6: readonly (string | undefined)[] = ['EAFNOSUPPORT', 'EADDRNOTAVAIL', 'EINVAL'];

/** A socket that listens, apart from any server that accepts on it. Processes hand it to each other. */
export interface ListeningSocket {
  readonly close: () => void;
}

/** Sockets by what they are bound to. */
export type Sockets = ReadonlyMap<string, ListeningSocket>;

/** Sockets that listen already. */
export interface Inherited {
  /** Handed over by another process; what they are bound to is not bound again. */
  readonly sockets: Sockets;
  /** Descriptors that a service manager opened; with any, addresses and port do not count. */
  readonly descriptors: readonly number[];
}

export interface Bound {
  readonly servers: readonly Server[];
  /** Those of the servers. */
  readonly sockets: Sockets;
  /** What is served: address and port, to be shown. */
  readonly addresses: readonly { readonly address: string; readonly port: number }[];
  /** One message for each address that could not be bound. */
  readonly failures: readonly string[];
}

const NOTHING: Inherited = { sockets: new Map(), descriptors: [] };
const NOWHERE: Bound = { servers: [], sockets: new Map(), addresses: [], failures: [] };

/** Who takes what comes. */
export interface Taker {
  readonly accept: (socket: Socket) => void;
  /** Told what the system says instead of a connection; the socket goes on listening. */
  readonly onError: (cause: Error) => void;
}

/**
 * Listens on every address that can be bound. Sockets are handed over paused, in the tick of their accept.
 * @param settings undefined: nobody is to come
 * @throws Error when none can be bound
 */
export async function listen(
  settings: ListenSettings | undefined,
  taker: Taker,
  inherited = NOTHING,
): Promise<Bound> {
  if (settings === undefined) return NOWHERE;
  const { addresses, port } = settings;
  const servers = new Map<string, Server>();
  const failures: string[] = [];
  const attempt = async (name: string, open: () => Promise<Server>): Promise<void> => {
    // An address given twice is bound once, as it was at the first start.
    const socket = servers.has(name) ? undefined : inherited.sockets.get(name);
    try {
      servers.set(name, await (socket === undefined ? open() : opened(taker, socket)));
    } catch (cause) {
      const own = (cause as NodeJS.ErrnoException).code === 'EADDRINUSE' && overlaps(name, inherited.sockets);
      failures.push(`Cannot open socket for ${name}: ${own ? OWN_PORT : reasonOf(cause)}`);
    }
  };
  for (const fd of inherited.descriptors) {
    await attempt(`descriptor ${String(fd)}`, () => opened(taker, { fd }));
  }
  if (inherited.descriptors.length === 0) {
    for (const host of addresses.length === 0 ? [undefined] : addresses) {
      const name = nameOf(host ?? ANY, port);
      await attempt(name, () => bind(host, settings, taker));
    }
  }
  if (servers.size === 0) throw new Error(failures.join('; '));
  const all = [...servers.values()];
  const sockets = new Map([...servers].map(([name, server]) => [name, socketOf(server)]));
  return { servers: all, sockets, addresses: all.map(addressOf), failures };
}

function nameOf(host: string, port: number | string): string {
  return `address ${host} on port ${String(port)}`;
}

/** Between one address and all of them: the one socket would have to be closed before the other can be bound. */
const OWN_PORT =
  'this server itself listens on that port, for other addresses: only a restart can change that';

function overlaps(name: string, sockets: Sockets): boolean {
  const port = name.slice(name.lastIndexOf(' ') + 1);
  const wild = [ANY, IPV4_ANY, IPV6_ANY].map((host) => nameOf(host, port));
  const others = [...sockets.keys()].filter((other) => other.endsWith(` ${port}`));
  return others.some((other) => wild.includes(other) || wild.includes(name));
}

/** @param host undefined: all addresses, IPv6 included where the host has it */
async function bind(
  host: string | undefined,
  { addresses, port }: ListenSettings,
  taker: Taker,
): Promise<Server> {
  if (host !== undefined) {
    // Beside 0.0.0.0, :: must leave IPv4 alone.
    return opened(taker, { host, port, ipv6Only: host === IPV6_ANY && addresses.includes(IPV4_ANY) });
  }
  try {
    return await opened(taker, { host: IPV6_ANY, port });
  } catch (cause) {
    if (!NO_IPV6.includes((cause as NodeJS.ErrnoException).code)) throw cause;
    return opened(taker, { host: IPV4_ANY, port });
  }
}

function opened(
  taker: Taker,
  on: ListeningSocket | (ListenOptions & { readonly fd?: number }),
): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true }, taker.accept);
    const done = (): void => {
      server.off('error', reject);
      server.on('error', taker.onError);
      resolve(server);
    };
    server.once('error', reject);
    if ('close' in on) server.listen(on, BACKLOG, done);
    else server.listen({ ...on, backlog: BACKLOG }, done);
  });
}

/** What `server.listen(handle)` takes in turn; documented there, but missing in the types. */
function socketOf(server: Server): ListeningSocket {
  return (server as unknown as { readonly _handle: ListeningSocket })._handle;
}

function addressOf(server: Server): Bound['addresses'][number] {
  const bound = server.address();
  if (bound === null || typeof bound === 'string') throw new Error('not a TCP server');
  return { address: bound.address, port: bound.port };
}

/** Closes sockets that are not among those kept. */
export function closeBut(kept: Sockets, sockets: Sockets): void {
  for (const [name, socket] of sockets) if (!kept.has(name)) socket.close();
}
