/** Finds a proxy that would pass every connection on to itself. */
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import ipaddr from 'ipaddr.js';
import { isLoopback, parseAddresses } from './addresses.ts';
import { error, type Problem, textOf } from './assignment.ts';
import type { ServerValues } from './options.ts';
import type { UpstreamSettings } from './settings.ts';

/** A name that does not resolve now may do so later, and must not keep the server from starting. */
const LONGEST_LOOKUP_MS = 2000;
/** Connecting to them means this host; listening on them means all of its addresses. */
const ANY: readonly string[] = ['0.0.0.0', '::'];

/** One error for each server of proxy_ip that is this very listener. Names are resolved, as far as that goes quickly. */
export async function judgeLoop(
  { servers }: Pick<UpstreamSettings, 'servers'>,
  { values, sources }: Pick<ServerValues, 'values' | 'sources'>,
): Promise<Problem[]> {
  const samePort = servers.filter(({ port }) => port === values.port);
  if (samePort.length === 0) return [];
  const listening = await listeningAddresses(values.addresses);
  const problems: Problem[] = [];
  for (const { host, port } of samePort) {
    const addresses = await addressesOf(host);
    if (!addresses.some((address) => isServed(address, listening))) continue;
    const text = `proxy_ip: ${host} port ${String(port)} is this server itself: name the next server`;
    problems.push(error(sources.proxy_ip, text));
  }
  return problems;
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

function isServed(address: string, listening: readonly string[]): boolean {
  if (ANY.includes(address)) return listening.some((one) => ANY.includes(one) || isLoopback(one));
  if (listening.includes(address)) return true;
  // :: serves IPv4, too, unless 0.0.0.0 is listed beside it: then that does.
  const wild = listening.some((one) => (isIP(address) === 4 ? ANY.includes(one) : one === '::'));
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

/** One spelling for each address. */
function normal(address: string): string {
  return ipaddr.process(address.replace(/%.*$/, '')).toString();
}
