/**
 * Reads and writes the PROXY header, by which a proxy names the client it speaks for: HAProxy's `proxy-protocol.txt`.
 * Pure.
 */
import { formatBlock, parseBlock, SIGNATURE } from './proxy-block.ts';
import { type ProxiedConnection, type ProxyHeader, sameFamily } from './proxied-connection.ts';
import { formatLine, parseLine } from './proxy-line.ts';

/**
 * The header at the beginning of what a proxy sent, or that more bytes are needed. What follows it is not looked at.
 * An IPv4 address in IPv6 form comes as IPv4.
 * @throws ProtocolError as soon as the bytes cannot become a header
 */
export function parseProxyHeader(bytes: Buffer): 'incomplete' | ProxyHeader {
  return bytes[0] === SIGNATURE[0] ? parseBlock(bytes) : parseLine(bytes);
}

/**
 * The header that tells the next server of a connection. IPv4 at one end alone is mapped to IPv6, since both ends share
 * a family; zone ids mean nothing to another host, and are dropped.
 * @param connection undefined, or with an address that is none: the header says that the client is unknown
 */
export function formatProxyHeader(version: 'v1' | 'v2', connection: ProxiedConnection | undefined): Buffer {
  const ends = connection && sameFamily(connection);
  return version === 'v1' ? formatLine(ends) : formatBlock(ends);
}
