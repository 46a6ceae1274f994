/** Parses the token `addresses`, and says what kind of address one is. Pure. */
import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';

const HOST_NAME = /^[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?\.?$/;

/**
 * A comma-separated list of IP addresses (IPv6 also in brackets) and host names; `0` is all of IPv4.
 * @throws SyntaxError for anything else
 */
export function parseAddresses(text: string): string[] {
  // Empty words at the end are nothing, as they were in Perl.
  return text
    .replace(/[\s,]+$/, '')
    .split(',')
    .map((word) => {
      const address = word.trim().replace(/^\[(.*)\]$/, '$1');
      if (address === '0') return '0.0.0.0';
      if (isIP(address) === 0 && !isHostName(address))
        throw new SyntaxError(`"${address}" is not an address`);
      return address;
    });
}

/** Whether it may be the name of a host: one of digits and dots alone is an address with a mistake in it. */
export function isHostName(text: string): boolean {
  return HOST_NAME.test(text) && !/^[0-9.]+$/.test(text);
}

/** Whether only this host can connect to the address. Names other than localhost count as reachable. */
export function isLoopback(address: string): boolean {
  if (address === 'localhost') return true;
  const bare = address.replace(/%.*$/, '');
  return ipaddr.isValid(bare) && ipaddr.process(bare).range() === 'loopback';
}
