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
  const address = host.replace(/^\[(.*)\]$/, '$1');
  const bracketed = address !== host;
  if (isIP(address) !== 6 ? bracketed || (isIP(address) === 0 && !isHostName(address)) : false) {
    throw new SyntaxError(`"${word}" is not a server: give host or host:port`);
  }
  const port = digits === undefined ? defaultPort : Number(digits);
  if (port < 1 || port > MOST_PORT) throw new SyntaxError(`"${word}" has no port from 1 to 65535`);
  return { host: address, port };
}

/** The word, what stands before the port, and the port. */
function splitPort(word: string): readonly (string | undefined)[] {
  return /^(\[.*\]|[^:]*)(?::([0-9]{1,6}))?$/.exec(word) ?? [word, word];
}
