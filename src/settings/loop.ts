/** Finds a proxy that would pass every connection on to itself. */
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseIpAddress, unmapped } from '../protocol/ip-address.ts';
import { isLoopback, parseAddresses } from './addresses.ts';
import { error, type Problem, textOf } from './assignment.ts';
import type { ServerValues } from './options.ts';
import type { UpstreamSettings } from './settings.ts';

/** A name that does not resolve now may do so later, and must not keep the server from starting. */
const LONGEST_LOOKUP_MS = 2000;
/** Where a connection to them leads; listening on them means all of the host's addresses. */
const ANY: ReadonlyMap<string, string> = new Map([
  ['0.0.0.0', '127.0.0.1'],
  ['::', '::1'],
]);

/** One error for each server of proxy_ip that is this very listener. Names are resolved, as far as that goes quickly. */
export async function judgeLoop(
  { servers }: Pick<UpstreamSettings, 'servers'>,
  { values, sources }: Pick<ServerValues, 'values' | 'sources'>,
): Promise<Problem[]> {
  const samePort = servers.filter(({ port }) => port === values.port);
  if (samePort.length === 0) return [];
  const listening = await listeningAddresses(values.addresses);
  // All at once: names that do not resolve must not add up.
  const found = await Promise.all(
    samePort.map(async (server) => ({ ...server, addresses: await addressesOf(server.host) })),
  );
  return found
    .filter(({ addresses }) => addresses.some((address) => isServed(address, listening)))
    .map(({ host, port }) => {
      const text = `proxy_ip: ${host} port ${String(port)} is this server itself: name the next server`;
      return error(sources.proxy_ip, text);
    });
}

async function listeningAddresses(given: string | undefined): Promise<readonly string[]> {
  try {
    const hosts = given === undefined ? [] : parseAddresses(textOf(given));
    return hosts.length === 0 ? ['::', '0.0.0.0'] : (await Promise.all(hosts.map(addressesOf))).flat();
  } catch {
    // Told where addresses are judged.
    return [];
  }
}

function isServed(upstream: string, listening: readonly string[]): boolean {
  const address = ANY.get(upstream) ?? upstream;
  if (listening.includes(address)) return true;
  // :: serves IPv4, too, unless 0.0.0.0 is listed beside it: then that does.
  const wild = listening.some((one) => (isIP(address) === 4 ? ANY.has(one) : one === '::'));
  return wild && isOwn(address);
}

function isOwn(address: string): boolean {
  const own = Object.values(networkInterfaces()).flatMap((each = []) => each);
  return isLoopback(address) || own.some((one) => normal(one.address) === address);
}

/** The addresses of a host; none when its name does not resolve in time. */
async function addressesOf(host: string): Promise<string[]> {
  if (isIP(host) !== 0) return [normal(host)];
  const late = sleep(LONGEST_LOOKUP_MS, [], { ref: false });
  const found = await Promise.race([lookup(host, { all: true }).catch(() => []), late]);
  return found.map(({ address }) => normal(address));
}

/** One spelling for each address, without its zone. */
function normal(address: string): string {
  const bare = address.replace(/%.*$/, '');
  const parsed = parseIpAddress(bare);
  return parsed === undefined ? bare : unmapped(parsed).toString();
}
