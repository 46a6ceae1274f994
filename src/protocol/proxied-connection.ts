/** The connection that a PROXY header tells of. */
import ipaddr from 'ipaddr.js';
import { type IpAddress, parseIpAddress, unmapped } from './ip-address.ts';

export interface ProxiedEnd {
  /** An IP address. */
  readonly address: string;
  readonly port: number;
}

/** The two ends of the connection that a proxy accepted. */
export interface ProxiedConnection {
  readonly source: ProxiedEnd;
  readonly destination: ProxiedEnd;
}

export interface ProxyHeader {
  /** Of the whole header, in bytes. */
  readonly length: number;
  /** The client; undefined where the header names none: then the real peer counts. */
  readonly source: ProxiedEnd | undefined;
}

export const NO_HEADER = 'no PROXY header, which is required from this address';

/** Both ends, as a header can name them. */
export interface Ends {
  readonly family: 'ipv4' | 'ipv6';
  readonly addresses: readonly IpAddress[];
  readonly ports: readonly number[];
}

/** The ends in one address family; undefined when one of them has no IP address. */
export function sameFamily({ source, destination }: ProxiedConnection): Ends | undefined {
  const from = addressOf(source);
  const to = addressOf(destination);
  if (from === undefined || to === undefined) return undefined;
  const addresses = [from, to];
  const ports = [source.port, destination.port];
  if (addresses.every((address) => address.kind() === 'ipv4')) return { family: 'ipv4', addresses, ports };
  return { family: 'ipv6', addresses: addresses.map(asIPv6), ports };
}

function addressOf({ address }: ProxiedEnd): IpAddress | undefined {
  const parsed = parseIpAddress(address.replace(/%.*$/, ''));
  return parsed && unmapped(parsed);
}

function asIPv6(address: IpAddress): IpAddress {
  return address instanceof ipaddr.IPv4 ? address.toIPv4MappedAddress() : address;
}
