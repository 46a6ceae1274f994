/** The PROXY header of version 1, a line. */
import { ProtocolError } from './errors.ts';
import { parseIpAddress, unmapped } from './ip-address.ts';
import { type Ends, NO_HEADER, type ProxiedEnd, type ProxyHeader } from './proxied-connection.ts';

/** Section 2.1: the CRLF must be among the first 107 bytes. */
const LONGEST = 107;
const UNKNOWN = 'PROXY UNKNOWN';
const STARTS = ['PROXY TCP4 ', 'PROXY TCP6 ', `${UNKNOWN} `, `${UNKNOWN}\r\n`];
const PLAUSIBLE = /^PROXY (?:TCP4 [0-9. ]*|TCP6 [0-9A-Fa-f:. ]*)\r?$/;
const LINE = /^PROXY TCP([46]) ([^ ]+) ([^ ]+) ([^ ]+) ([^ ]+)$/;
/** Heading zeroes are not permitted. */
const PORT = /^(?:0|[1-9][0-9]{0,4})$/;

/** See `parseProxyHeader`. */
export function parseLine(bytes: Buffer): 'incomplete' | ProxyHeader {
  const text = bytes.toString('latin1', 0, LONGEST);
  const start = STARTS.find((start) => start.startsWith(text.slice(0, start.length)));
  if (start === undefined) throw new ProtocolError(NO_HEADER);
  const unknown = start.startsWith(UNKNOWN);
  const end = text.indexOf('\r\n');
  if (end >= 0) return { length: end + 2, source: unknown ? undefined : sourceOf(text.slice(0, end)) };
  if (text.length === LONGEST) throw new ProtocolError(`a PROXY header of over ${String(LONGEST)} bytes`);
  // What follows UNKNOWN may be anything.
  if (!unknown && text.length > start.length && !PLAUSIBLE.test(text)) throw malformed();
  return 'incomplete';
}

/** @param ends undefined: unknown */
export function formatLine(ends: Ends | undefined): Buffer {
  if (ends === undefined) return Buffer.from(`${UNKNOWN}\r\n`);
  const protocol = ends.family === 'ipv4' ? 'TCP4' : 'TCP6';
  return Buffer.from(`PROXY ${[protocol, ...ends.addresses, ...ends.ports].join(' ')}\r\n`);
}

/** @param line without its CRLF */
function sourceOf(line: string): ProxiedEnd {
  const [, family, source = '', destination = '', port = '', toPort = ''] = LINE.exec(line) ?? [];
  const [from, to] = [source, destination].map(parseIpAddress);
  const kind = `ipv${family ?? ''}`;
  if (from?.kind() !== kind || to?.kind() !== kind || !isPort(port) || !isPort(toPort)) throw malformed();
  return { address: unmapped(from).toString(), port: Number(port) };
}

function isPort(text: string): boolean {
  return PORT.test(text) && Number(text) <= 0xffff;
}

function malformed(): ProtocolError {
  return new ProtocolError('a malformed PROXY header');
}
