/** Parses IP addresses exactly as they are written by the system; ipaddr.js alone takes more, and some of it wrongly. */
import ipaddr from 'ipaddr.js';

export type IpAddress = ReturnType<typeof ipaddr.parse>;

/** An IPv4 address of four decimal numbers, or an IPv6 address; undefined for anything else, such as one with a zone. */
export function parseIpAddress(text: string): IpAddress | undefined {
  if (ipaddr.IPv4.isValidFourPartDecimal(text)) return ipaddr.IPv4.parse(text);
  const groups = withoutDottedTail(text);
  return /^[0-9A-Fa-f:]+$/.test(groups) && ipaddr.IPv6.isValid(groups)
    ? ipaddr.IPv6.parse(groups)
    : undefined;
}

/** IPv4 for an IPv6 address that stands for it, as one does on a dual-stack socket. */
export function unmapped(address: IpAddress): IpAddress {
  return address instanceof ipaddr.IPv6 && address.isIPv4MappedAddress() ? address.toIPv4Address() : address;
}

/** ipaddr.js would take `::1.2.3.4` for `::ffff:1.2.3.4`, and a tail with heading zeroes for octal numbers. */
function withoutDottedTail(text: string): string {
  const tail = text.slice(text.lastIndexOf(':') + 1);
  if (tail === text || !ipaddr.IPv4.isValidFourPartDecimal(tail)) return text;
  const hex = Buffer.from(ipaddr.IPv4.parse(tail).toByteArray()).toString('hex');
  return `${text.slice(0, -tail.length)}${hex.slice(0, 4)}:${hex.slice(4)}`;
}
