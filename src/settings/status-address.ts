/** Parses where the state of the server is told, and judges who could listen in. Pure. */
import { isHostName, isLoopback } from './addresses.ts';
import { error, type Problem, textOf, warning } from './assignment.ts';
import type { ServerValues } from './options.ts';
import type { StatusAddress, StatusSettings } from './settings.ts';
import { isIP } from 'node:net';

const UNIX = 'unix:';
const MOST_PORT = 65_535;
/** Bytes; the system takes no longer one. */
const LONGEST_PATH = 107;

/**
 * `host:port`, `[IPv6]:port` or `unix:/path`.
 * @throws SyntaxError for anything else
 */
export function parseStatusAddress(text: string): StatusAddress {
  if (text.startsWith(UNIX)) {
    const path = text.slice(UNIX.length);
    if (!path.startsWith('/')) throw new SyntaxError(`"${path}" must be an absolute path`);
    if (Buffer.byteLength(path) > LONGEST_PATH)
      throw new SyntaxError(`the path is longer than ${String(LONGEST_PATH)} bytes`);
    return { kind: 'unix', path };
  }
  const [, bracketed, plain, digits] = /^(?:\[([^\]]+)\]|([^:[\]]+)):([0-9]{1,5})$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  const port = Number(digits);
  const isHost =
    host !== undefined && (bracketed === undefined ? isIP(host) === 4 || isHostName(host) : isIP(host) === 6);
  if (!isHost || port < 1 || port > MOST_PORT)
    throw new SyntaxError(`"${text}" is not an address: give host:port, [IPv6]:port or unix:/path`);
  return { kind: 'tcp', host, port };
}

/** An address as it is written in a configuration file. */
export function statusAddressText(address: StatusAddress): string {
  if (address.kind === 'unix') return `${UNIX}${address.path}`;
  const host = isIP(address.host) === 6 ? `[${address.host}]` : address.host;
  return `${host}:${String(address.port)}`;
}

/** Undefined without `status_address`, or where it is wrong. */
export function statusSettings(
  { values, sources }: ServerValues,
  problems: Problem[],
): StatusSettings | undefined {
  const { status_address: text, status_token: token } = values;
  if (text === undefined) {
    // One with a problem of its own is told already.
    if (token !== undefined && sources.status_address === 'default')
      problems.push(warning(sources.status_token, 'status_token without status_address has no effect'));
    return undefined;
  }
  let address: StatusAddress;
  try {
    address = parseStatusAddress(textOf(text));
  } catch (cause) {
    problems.push(error(sources.status_address, `status_address: ${(cause as Error).message}`));
    return undefined;
  }
  if (address.kind === 'tcp' && !isLoopback(address.host)) {
    if (token === undefined) {
      const what = `status_address ${textOf(text)} can be reached by others`;
      const advice = `${what}: set status_token, which they must show, or take a loopback address or unix:/path`;
      problems.push(error(sources.status_address, advice));
      return undefined;
    }
    const about = 'status_token goes over the network in clear: put a proxy with TLS before status_address';
    problems.push(warning(sources.status_token, about));
  }
  return { address, token };
}
