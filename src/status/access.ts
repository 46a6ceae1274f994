/** Who may ask: by a token, where there is one, and never under a name that is not this server's. */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { isIP } from 'node:net';
import { hostname } from 'node:os';
import type { StatusSettings } from '../settings/settings.ts';

export type Verdict = 'welcome' | 'wrong token' | 'wrong host';

/**
 * A page of somebody else's may make a browser ask for a name of its own that leads here (DNS rebinding). It cannot do so
 * with an address, nor with a token that it does not know.
 */
export function judge({ address, token }: StatusSettings, headers: IncomingHttpHeaders): Verdict {
  if (token !== undefined) {
    const given = tokenOf(headers.authorization ?? '');
    return given !== undefined && isSame(given, token.reveal()) ? 'welcome' : 'wrong token';
  }
  if (address.kind === 'unix') return 'welcome';
  // HTTP/1.0, which health checks of balancers speak, and no browser.
  if (headers.host === undefined) return 'welcome';
  const host = hostOf(headers.host);
  const names = ['localhost', address.host, hostname()].map((name) => name.toLowerCase());
  return isIP(host) !== 0 || names.includes(host) ? 'welcome' : 'wrong host';
}

/** A bearer token, byte by byte: the last one of "à" is no blank. Or the password of HTTP Basic, which is what a browser can ask for. */
function tokenOf(authorization: string): Buffer | undefined {
  const [, scheme = '', credentials = ''] = /^(Bearer|Basic) +(.*)$/i.exec(authorization) ?? [];
  if (scheme.toLowerCase() === 'bearer') return Buffer.from(credentials, 'latin1');
  if (scheme.toLowerCase() !== 'basic') return undefined;
  const pair = Buffer.from(credentials, 'base64');
  const colon = pair.indexOf(':');
  return colon < 0 ? undefined : pair.subarray(colon + 1);
}

/** In the same time, whatever is wrong with it. */
function isSame(one: Buffer, other: Buffer): boolean {
  const digest = (bytes: Buffer): Buffer => createHash('sha256').update(bytes).digest();
  return timingSafeEqual(digest(one), digest(other));
}

/** Without its port and the brackets of IPv6. */
function hostOf(host: string): string {
  return host
    .toLowerCase()
    .replace(/:[0-9]*$/, '')
    .replace(/^\[(.*)\]$/, '$1');
}
