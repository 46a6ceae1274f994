/** Parses lists of IP networks, and says whether an address is in one. Pure. */
import ipaddr from 'ipaddr.js';
import { type IpAddress, parseIpAddress, unmapped } from '../protocol/ip-address.ts';

/** Addresses that begin with the same bits: plain data, so that it can be frozen, compared and sent to a worker. */
export interface Network {
  /** 4 bytes for IPv4, 16 for IPv6. */
  readonly bytes: readonly number[];
  /** How many bits count, from the first. */
  readonly bits: number;
}

/** Where IPv4 lives inside IPv6: `::ffff:0:0/96`. */
const MAPPED_BITS = 96;

/**
 * A comma-separated list of IP addresses and networks (`10.0.0.0/8`); IPv6 also in brackets. Bits behind those that
 * count may be set: `10.1.2.3/8` is `10.0.0.0/8`.
 * @throws SyntaxError that names the first word that is neither
 */
export function parseNetworks(text: string): readonly Network[] {
  // Empty words at the end are nothing, as in `addresses`.
  const words = text.replace(/[\s,]+$/, '').split(',');
  return Object.freeze(words.map((word) => parseNetwork(word.trim())));
}

/** Whether the address, as Node gives it, is in one of the networks; what is no address is in none. */
export function contains(networks: readonly Network[], address: string): boolean {
  if (networks.length === 0) return false;
  // A zone names an interface of this host, not another address.
  const parsed = parseIpAddress(address.replace(/%.*$/, ''));
  if (parsed === undefined) return false;
  const peer = unmapped(parsed);
  return networks.some((network) => isInside(network, peer));
}

function isInside({ bytes, bits }: Network, peer: IpAddress): boolean {
  const network = ipaddr.fromByteArray([...bytes]);
  return network.kind() === peer.kind() && peer.match(network, bits);
}

function parseNetwork(word: string): Network {
  const [, host = '', size] = /^([^/]*)(?:\/([0-9]{1,3}))?$/.exec(word) ?? [];
  // With its zone dropped, a network would let in more than was written: it is no address here.
  const address = parseIpAddress(host.replace(/^\[(.*:.*)\]$/, '$1'));
  if (address === undefined) {
    throw new SyntaxError(`"${word}" is not an address or a network such as 10.0.0.0/8`);
  }
  const most = address.toByteArray().length * 8;
  const bits = Number(size ?? most);
  if (bits > most) {
    const version = address.kind() === 'ipv4' ? 'IPv4' : 'IPv6';
    throw new SyntaxError(`"${word}": an ${version} network has 0 to ${String(most)} bits`);
  }
  return networkOf(address, bits);
}

/** Peers in IPv6 form of IPv4 count as IPv4, so a network of them does too. */
function networkOf(address: IpAddress, bits: number): Network {
  const plain = bits >= MAPPED_BITS ? unmapped(address) : address;
  const bytes = Object.freeze(plain.toByteArray());
  return Object.freeze({ bytes, bits: plain === address ? bits : bits - MAPPED_BITS });
}
