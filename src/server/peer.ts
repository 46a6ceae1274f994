/** Who is at the other end, as it is logged. */
import { isIPv4, type Socket } from 'node:net';
import ipaddr from 'ipaddr.js';
import type { Fields } from '../log/logger.ts';

export interface Peer {
  readonly address: string;
  readonly port: number;
  /** The subject of its certificate, when it showed one. */
  readonly subject: string | undefined;
  /** The only CN of its certificate, as bytes in latin-1, with whatever they are. */
  readonly commonName: string | undefined;
}

/** How an IPv4 address looks on a dual-stack socket. */
const MAPPED = '::ffff:';

/** The peer of a connected socket; an IPv4 peer of a dual-stack socket has its IPv4 address. */
export function peerOf(socket: Socket): Peer {
  const address = socket.remoteAddress ?? 'unknown';
  return {
    address: plain(address),
    port: socket.remotePort ?? 0,
    subject: undefined,
    commonName: undefined,
  };
}

function plain(address: string): string {
  // Nearly all of them: no need to take them apart.
  if (isIPv4(address)) return address;
  if (address.startsWith(MAPPED) && isIPv4(address.slice(MAPPED.length))) return address.slice(MAPPED.length);
  return ipaddr.isValid(address) ? ipaddr.process(address).toString() : address;
}

/** `10.0.0.1 port 50000`, with the certificate's subject where there is one. */
export function peerText(peer: Peer): string {
  const subject = peer.subject === undefined ? '' : ` (${peer.subject})`;
  return `${peer.address} port ${String(peer.port)}${subject}`;
}

/** The peer as fields of a JSON line. */
export function peerFields(peer: Peer): Fields {
  return { peer: peer.address, port: peer.port, subject: peer.subject };
}
