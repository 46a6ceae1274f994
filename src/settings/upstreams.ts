/** Parses the token `proxy_ip`: the servers that a proxy passes things on to. Pure. */
import { isIP } from 'node:net';
import { isHostName } from './addresses.ts';
import type { ServerAddress } from './settings.ts';

const MOST_PORT = 65_535;

/**
 * `host[:port],host[:port]`; an IPv6 address with a port stands in brackets, a bare one has none.
 * @param port of servers that are named without one
 * @throws SyntaxError for anything else
 */
export function parseServers(text: string, port: number): ServerAddress[] {
  // Empty words at the end are nothing, as in `addresses`.
  const words = text.replace(/[\s,]+$/, '').split(',');
  const servers = words.map((word) => parseServer(word.trim(), port));
  return servers.filter(
    ({ host, port }, index) =>
      servers.findIndex((other) => other.host === host && other.port === port) === index,
  );
}

function parseServer(word: string, defaultPort: number): ServerAddress {
  const [, host = word, digits] = isIP(word) === 6 ? [] : splitPort(word);
  const bare = host.replace(/^\[(.*)\]$/, '$1');
  const isServer = isIP(bare) === 6 || (bare === host && (isIP(host) === 4 || isName(host)));
  if (!isServer) throw new SyntaxError(`"${word}" is not a server: give host, host:port or [IPv6]:port`);
  const port = digits === undefined ? defaultPort : Number(digits);
  if (port < 1 || port > MOST_PORT) throw new SyntaxError(`"${word}" has no port from 1 to 65535`);
  return { host: bare, port };
}

/** Resolvers know names with underscores, too, such as those of Docker Compose's services. */
function isName(text: string): boolean {
  return isHostName(text.replaceAll('_', '-'));
}

/** The word, what stands before the port, and the port. */
function splitPort(word: string): readonly (string | undefined)[] {
  return /^(\[.*\]|[^:]*)(?::([0-9]{1,6}))?$/.exec(word) ?? [];
}
