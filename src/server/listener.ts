/** Binds the addresses of the settings. */
import { createServer, type Server, type Socket } from 'node:net';
import { reasonOf } from '../log/errno.ts';
import type { ListenSettings } from '../settings/settings.ts';

const BACKLOG = 4096;
const IPV4_ANY = '0.0.0.0';
const IPV6_ANY = '::';
/** What a host without IPv6 answers. */
const NO_IPV6: readonly (string | undefined)[] = ['EAFNOSUPPORT', 'EADDRNOTAVAIL', 'EINVAL'];

export interface Bound {
  readonly servers: readonly Server[];
  /** What is served: address and port, to be shown. */
  readonly addresses: readonly { readonly address: string; readonly port: number }[];
  /** One message for each address that could not be bound. */
  readonly failures: readonly string[];
}

/**
 * Listens on every address that can be bound. Sockets are handed over paused, in the tick of their accept.
 * @throws Error when none can be bound
 */
export async function listen(settings: ListenSettings, accept: (socket: Socket) => void): Promise<Bound> {
  const servers: Server[] = [];
  const failures: string[] = [];
  for (const host of settings.addresses.length === 0 ? [undefined] : settings.addresses) {
    try {
      servers.push(await bind(host, settings, accept));
    } catch (cause) {
      failures.push(
        `Cannot open socket for address ${host ?? 'any'} on port ${String(settings.port)}: ${reasonOf(cause)}`,
      );
    }
  }
  if (servers.length === 0) throw new Error(failures.join('; '));
  const addresses = servers.map((server) => {
    const bound = server.address();
    if (bound === null || typeof bound === 'string') throw new Error('not a TCP server');
    return { address: bound.address, port: bound.port };
  });
  return { servers, addresses, failures };
}

/** @param host undefined: all addresses, IPv6 included where the host has it */
async function bind(
  host: string | undefined,
  { addresses, port }: ListenSettings,
  accept: (socket: Socket) => void,
): Promise<Server> {
  const attempt = (address: string, ipv6Only: boolean): Promise<Server> =>
    new Promise((resolve, reject) => {
      const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, accept);
      server.once('error', reject);
      server.listen({ host: address, port, ipv6Only, backlog: BACKLOG }, () => {
        server.off('error', reject);
        // Too many open files and the like: the socket goes on listening.
        server.on('error', () => undefined);
        resolve(server);
      });
    });
  if (host !== undefined) {
    // Beside 0.0.0.0, :: must leave IPv4 alone.
    return attempt(host, host === IPV6_ANY && addresses.includes(IPV4_ANY));
  }
  try {
    return await attempt(IPV6_ANY, false);
  } catch (cause) {
    if (!NO_IPV6.includes((cause as NodeJS.ErrnoException).code)) throw cause;
    return attempt(IPV4_ANY, false);
  }
}
