/** Addresses, HTTP proxies and what to be told about them. Pure. */
import { isIP } from 'node:net';

export interface HostPort {
  readonly host: string;
  readonly port: number;
}

/** An HTTP proxy that is spoken to with CONNECT. */
export interface HttpProxy extends HostPort {
  readonly user: string | undefined;
  readonly password: string | undefined;
}

const HOST = /^[A-Za-z0-9._-]+$/;

/**
 * A list of server addresses, separated by `,` or `/`. IPv6 may stand in brackets.
 * @throws SyntaxError
 */
export function parseServers(text: string): string[] {
  const hosts = text.split(/[,/]/).map((word) => bareHost(word.trim()));
  for (const host of hosts) {
    if (isIP(host) === 0 && !HOST.test(host)) throw new SyntaxError(`"${host}" is not an address`);
  }
  return hosts;
}

/**
 * `[user:password@]host:port`; the last `@` divides, so that a password may hold one. IPv6 in brackets.
 * @throws SyntaxError, which never quotes the password
 */
export function parseHttpProxy(text: string): HttpProxy {
  const at = text.lastIndexOf('@');
  const match = /^(.+):([0-9]{1,5})$/.exec(text.slice(at + 1));
  const port = Number(match?.[2]);
  if (match === null || port < 1 || port > 65535) {
    throw new SyntaxError('must be [user:password@]host:port');
  }
  const host = bareHost(match[1] ?? '');
  // Not quoted: where a separator is mistyped, this may be the password.
  if (isIP(host) === 0 && !HOST.test(host)) throw new SyntaxError('must be [user:password@]host:port');
  if (at < 0) return { host, port, user: undefined, password: undefined };
  const credentials = text.slice(0, at);
  const colon = credentials.indexOf(':');
  if (colon < 0) throw new SyntaxError('must be [user:password@]host:port');
  return { host, port, user: credentials.slice(0, colon), password: credentials.slice(colon + 1) };
}

/** `10.0.0.1 port 41121`, as the reference writes it. */
export function endpointText({ host, port }: HostPort): string {
  return `${host} port ${String(port)}`;
}

/** `host:port` for HTTP, IPv6 in brackets. */
export function authority({ host, port }: HostPort): string {
  return `${isIP(host) === 6 ? `[${host}]` : host}:${String(port)}`;
}

function bareHost(word: string): string {
  return word.replace(/^\[(.*)\]$/, '$1');
}
