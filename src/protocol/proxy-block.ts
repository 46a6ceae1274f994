/** The PROXY header of version 2, a binary block. */
import ipaddr from 'ipaddr.js';
import { ProtocolError } from './errors.ts';
import { unmapped } from './ip-address.ts';
import { type Ends, NO_HEADER, type ProxiedEnd, type ProxyHeader } from './proxied-connection.ts';

export const SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
/** Signature, version and command, family and transport, length of the rest. */
const FIXED = SIGNATURE.length + 4;
/**
 * The length field can ask for 64 KB from somebody who has not said yet who he is. The specification promises less than
 * a TCP segment, and TLVs in use (names, ids, a certificate's subject) some hundred bytes. nginx has the same limit.
 */
const LONGEST = 4096;
const VERSION = 2;
const LOCAL = 0;
const PROXY = 1;
const INET = 1;
const INET6 = 2;
const STREAM = 1;
const DATAGRAM = 2;
/** Bytes that the addresses of each family take: none, IPv4, IPv6, Unix. */
const ADDRESSES = [0, 12, 36, 216];

/** See `parseProxyHeader`. TLVs behind the addresses are skipped. */
export function parseBlock(bytes: Buffer): 'incomplete' | ProxyHeader {
  const start = bytes.subarray(0, SIGNATURE.length);
  if (!start.equals(SIGNATURE.subarray(0, start.length))) throw new ProtocolError(NO_HEADER);
  const command = commandOf(bytes[SIGNATURE.length]);
  const kind = kindOf(command, bytes[SIGNATURE.length + 1]);
  if (bytes.length < FIXED) return 'incomplete';
  const size = bytes.readUInt16BE(FIXED - 2);
  const length = FIXED + size;
  if (length > LONGEST) throw new ProtocolError(`a PROXY header of ${String(length)} bytes`);
  if (size < (ADDRESSES[kind.family] ?? 0)) {
    throw new ProtocolError('a PROXY header too short for its addresses');
  }
  if (bytes.length < length) return 'incomplete';
  return { length, source: sourceOf(kind, bytes.subarray(FIXED, length)) };
}

/** @param ends undefined: unknown */
export function formatBlock(ends: Ends | undefined): Buffer {
  if (ends === undefined) return Buffer.concat([SIGNATURE, Buffer.from([(VERSION << 4) | LOCAL, 0, 0, 0])]);
  const family = ends.family === 'ipv4' ? INET : INET6;
  const addresses = Buffer.from(ends.addresses.flatMap((address) => address.toByteArray()));
  const ports = Buffer.alloc(4);
  ends.ports.forEach((port, index) => ports.writeUInt16BE(port, 2 * index));
  const size = addresses.length + ports.length;
  const fixed = Buffer.from([(VERSION << 4) | PROXY, (family << 4) | STREAM, 0, size]);
  return Buffer.concat([SIGNATURE, fixed, addresses, ports]);
}

/** @param byte undefined: still to come, so nothing is wrong with it */
function commandOf(byte = (VERSION << 4) | LOCAL): number {
  const version = byte >> 4;
  const command = byte & 0xf;
  if (version !== VERSION) throw new ProtocolError(`a PROXY header of version ${String(version)}`);
  if (command !== LOCAL && command !== PROXY) {
    throw new ProtocolError(`a PROXY header with the unknown command ${String(command)}`);
  }
  return command;
}

interface Kind {
  readonly family: number;
  readonly transport: number;
}

/** LOCAL names nobody, whatever its family says: it is the proxy's own, such as a health check. */
function kindOf(command: number, byte = 0): Kind {
  if (command === LOCAL) return { family: 0, transport: 0 };
  const family = byte >> 4;
  const transport = byte & 0xf;
  if (family >= ADDRESSES.length || transport > DATAGRAM) {
    throw new ProtocolError(`a PROXY header of the unknown family 0x${byte.toString(16).padStart(2, '0')}`);
  }
  return { family, transport };
}

/** Only TCP clients have an address that says something here; section 2.2 lets all others count as unspecified. */
function sourceOf({ family, transport }: Kind, addresses: Buffer): ProxiedEnd | undefined {
  if (transport !== STREAM || (family !== INET && family !== INET6)) return undefined;
  const size = family === INET ? 4 : 16;
  const address = unmapped(ipaddr.fromByteArray([...addresses.subarray(0, size)]));
  return { address: address.toString(), port: addresses.readUInt16BE(2 * size) };
}
