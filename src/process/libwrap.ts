/** Asks the real libwrap (tcp_wrappers) whether hosts.allow and hosts.deny let a client in. */
import { accessSync, constants } from 'node:fs';
import { endianness } from 'node:os';
import { parseIpAddress, unmapped } from '../protocol/ip-address.ts';

/** One end of a connection. */
export interface End {
  readonly address: string;
  readonly port: number;
}

/**
 * Whether the client may talk to the daemon at the server's end. May take as long as DNS, identd and the commands in the
 * files take, and blocks this process meanwhile.
 * @throws Error when a file is there that cannot be read: libwrap would take it for empty, and let everybody in
 */
export type Ask = (client: End, server: End) => boolean;

const LIBRARY = 'libwrap.so.0';
const DAEMON = 'tentacle_server';
const FILES = ['/etc/hosts.allow', '/etc/hosts.deny'] as const;

// tcpd.h: arguments of request_init.
const RQ_DAEMON = 2;
const RQ_CLIENT_SIN = 6;
const RQ_SERVER_SIN = 9;
const END_OF_ARGUMENTS = 0;
const STRING_LENGTH = 128;
const PID_LENGTH = 10;

// The same numbers on every Linux that Node runs on.
const AF_INET = 2;
const AF_INET6 = 10;
const SOCKADDR_IN = { length: 16, address: 4 };
const SOCKADDR_IN6 = { length: 28, address: 8 };
const UNKNOWN: readonly number[] = [0, 0, 0, 0];

let opened: Promise<Ask> | undefined;

/**
 * Loads the library, once: what koffi is told of it, it keeps for ever, and a server looks at its settings every minute.
 * @throws Error that says which package to install; it may be there when asked again
 */
export function openLibwrap(): Promise<Ask> {
  opened ??= load().catch((cause: unknown) => {
    opened = undefined;
    throw cause;
  });
  return opened;
}

async function load(): Promise<Ask> {
  // Optional, and large.
  const koffi = await import('koffi').then(
    ({ default: loaded }) => loaded,
    () => {
      throw new Error('it needs the package koffi: npm install koffi');
    },
  );
  const library = (() => {
    try {
      return koffi.load(LIBRARY);
    } catch (cause) {
      const text = `it needs ${LIBRARY}: apt-get install libwrap0 (${(cause as Error).message})`;
      throw new Error(text, { cause });
    }
  })();
  const text = (length: number): ReturnType<typeof koffi.array> => koffi.array('char', length);
  const host = koffi.struct({
    name: text(STRING_LENGTH),
    addr: text(STRING_LENGTH),
    sin: 'void *',
    unit: 'void *',
    request: 'void *',
  });
  const request = koffi.struct({
    fd: 'int',
    user: text(STRING_LENGTH),
    daemon: text(STRING_LENGTH),
    pid: text(PID_LENGTH),
    client: host,
    server: host,
    sink: 'void *',
    hostname: 'void *',
    hostaddr: 'void *',
    cleanup: 'void *',
    config: 'void *',
  });
  const addressOf = (symbol: string): bigint => koffi.address(library.symbol(symbol));
  const init = library.func('request_init', 'void *', ['void *', '...']) as (...args: unknown[]) => unknown;
  const access = library.func('hosts_access', 'int', ['void *']) as (request: Buffer) => number;
  // tcpd.h: sock_methods(), without which names and addresses of the ends are not looked up.
  const methods = (['hostname', 'hostaddr'] as const).map(
    (name) => [koffi.offsetof(request, name), addressOf(`sock_${name}`)] as const,
  );
  // With `twist` a rule would replace this process by a program that has no client: this way it refuses.
  koffi.encode(addressOf('resident'), 'int', 1);
  return (client, server) => {
    for (const file of FILES) mustBeReadable(file);
    const asked = Buffer.alloc(koffi.sizeof(request));
    // Held here, since the request only points at them.
    const ends = [socketAddress(client), socketAddress(server)] as const;
    init(
      asked,
      ...['int', RQ_DAEMON, 'str', DAEMON],
      ...['int', RQ_CLIENT_SIN, 'void *', ends[0]],
      ...['int', RQ_SERVER_SIN, 'void *', ends[1]],
      ...['int', END_OF_ARGUMENTS],
    );
    for (const [offset, method] of methods) koffi.encode(asked, offset, 'void *', method);
    return access(asked) !== 0;
  };
}

/** @throws Error saying why the files cannot be read by this user */
export function judgeWrapFiles(): void {
  for (const file of FILES) mustBeReadable(file);
}

function mustBeReadable(file: string): void {
  try {
    accessSync(file, constants.R_OK);
  } catch (cause) {
    // One that is not there is empty.
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw new Error(`${file} cannot be read by this user: without it everybody would be let in`, { cause });
  }
}

/** sockaddr_in (ip(7)) or sockaddr_in6 (ipv6(7)). */
function socketAddress({ address, port }: End): Buffer {
  const parsed = parseIpAddress(address.replace(/%.*$/, ''));
  const bytes = parsed === undefined ? UNKNOWN : unmapped(parsed).toByteArray();
  const isIpv4 = bytes.length === 4;
  const layout = isIpv4 ? SOCKADDR_IN : SOCKADDR_IN6;
  const buffer = Buffer.alloc(layout.length);
  const family = isIpv4 ? AF_INET : AF_INET6;
  if (endianness() === 'LE') buffer.writeUInt16LE(family);
  else buffer.writeUInt16BE(family);
  buffer.writeUInt16BE(port, 2);
  buffer.set(bytes, layout.address);
  return buffer;
}
