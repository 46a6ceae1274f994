/** Opens the byte stream to a server: directly or through an HTTP proxy, plain or TLS. */
import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { ConnectError, TimeoutError } from './errors.ts';
import { authority, endpointText, type HostPort, type HttpProxy } from './endpoint.ts';
import type { SettingNames } from './names.ts';
import type { TlsOptions } from './tls.ts';
import { printable } from '../log/printable.ts';
import { timerMs } from '../protocol/timer.ts';

export interface ConnectOptions extends HostPort {
  /** The local address to connect from. */
  readonly localAddress?: string | undefined;
  readonly proxy?: HttpProxy | undefined;
  /** What is said before anything else, TLS included: a PROXY protocol header. */
  readonly preamble?: Buffer | undefined;
  /** Without it, plain TCP. */
  readonly tls?: TlsOptions | undefined;
  /** W4: how long each step may take, in milliseconds. */
  readonly idleMs: number;
  readonly signal?: Signal | undefined;
  /** What errors call the settings; without it, the flags of tentacle_client. */
  readonly names?: SettingNames | undefined;
}

/** An AbortSignal, or what does for one. */
export interface Signal extends Pick<AbortSignal, 'aborted' | 'reason' | 'throwIfAborted'> {
  addEventListener(type: 'abort', listener: () => void): void;
  removeEventListener(type: 'abort', listener: () => void): void;
}

/** Of an HTTP proxy's answer, in bytes. */
const LONGEST_HEADER = 65_536;
const HEADER_END = /\r?\n\r?\n/;

/**
 * A connected stream, its TLS handshake done.
 * @throws ConnectError, TlsError, TimeoutError, and the signal's reason
 */
export async function openStream(options: ConnectOptions): Promise<Socket> {
  const { proxy, preamble, tls } = options;
  const socket = await openSocket(proxy ?? options, options);
  try {
    if (proxy !== undefined) await httpConnect(socket, options, proxy);
    if (preamble !== undefined) socket.write(preamble);
    if (tls === undefined) return socket;
    // Loaded where it is needed: node:tls takes a third of the time of a plain start.
    const { startTls } = await import('./tls.ts');
    return await startTls(socket, { ...options, tls });
  } catch (error) {
    socket.destroy();
    options.signal?.throwIfAborted();
    throw error;
  }
}

/** Tries every address of a name in turn. */
async function openSocket(to: HostPort, options: ConnectOptions): Promise<Socket> {
  const addresses = isIP(to.host) === 0 ? await resolve(to.host, options) : [to.host];
  let last: unknown;
  for (const address of addresses) {
    options.signal?.throwIfAborted();
    try {
      return await dial({ host: address, port: to.port }, options);
    } catch (error) {
      last = error;
    }
  }
  options.signal?.throwIfAborted();
  if (last instanceof TimeoutError) throw last;
  throw new ConnectError(`Cannot connect to ${endpointText(to)}: ${explain(last, options)}`, { cause: last });
}

/** Names that are being looked up right now. */
const lookups = new Map<string, Promise<string[]>>();

/**
 * Waits for no name server longer than for anything else. What it may still answer is what the next one waits for: each
 * lookup holds one of the few threads that the disk needs, too.
 */
async function resolve(host: string, { idleMs, signal }: ConnectOptions): Promise<string[]> {
  const asked = lookups.get(host) ?? lookUp(host);
  lookups.set(host, asked);
  return new Promise((resolve, reject) => {
    const settle = (outcome: () => void): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', aborted);
      outcome();
    };
    const fail = (error: Error): void => {
      settle(() => {
        reject(error);
      });
    };
    const aborted = (): void => {
      fail(signal?.reason as Error);
    };
    const timer = setTimeout(() => {
      fail(new TimeoutError(`Cannot connect to ${host}: no name server answered in time`));
    }, timerMs(idleMs));
    signal?.addEventListener('abort', aborted);
    asked.then((addresses) => {
      settle(() => {
        resolve(addresses);
      });
    }, fail);
    if (signal?.aborted === true) aborted();
  });
}

async function lookUp(host: string): Promise<string[]> {
  try {
    const { lookup } = await import('node:dns/promises');
    const found = await lookup(host, { all: true });
    if (found.length > 0) return found.map(({ address }) => address);
  } catch (cause) {
    throw new ConnectError(`Cannot connect to ${host}: the name is unknown (${codeOf(cause)})`, { cause });
  } finally {
    lookups.delete(host);
  }
  throw new ConnectError(`Cannot connect to "${host}": the name has no address`);
}

function dial({ host, port }: HostPort, { localAddress, idleMs, signal }: ConnectOptions): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connectTcp({ host, port, localAddress, noDelay: true, allowHalfOpen: true });
    // Not the option of node:net: its listener would stay on a signal that outlives the connection.
    const abort = (): void => {
      socket.destroy(new Error('aborted'));
    };
    if (signal !== undefined) {
      signal.addEventListener('abort', abort);
      socket.once('close', () => {
        signal.removeEventListener('abort', abort);
      });
    }
    const timer = setTimeout(() => {
      socket.destroy(new TimeoutError(`Connection to ${endpointText({ host, port })} timed out`));
    }, timerMs(idleMs));
    // It stays: a reset may come at any time, and whoever reads or writes then hears of it.
    socket.on('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
    socket.once('connect', () => {
      clearTimeout(timer);
      resolve(socket);
    });
  });
}

/** C1: asks the proxy for a tunnel. Any 2xx will do; what follows the header is the server's. */
async function httpConnect(socket: Socket, to: ConnectOptions, proxy: HttpProxy): Promise<void> {
  const target = authority(to);
  const login =
    proxy.user === undefined
      ? ''
      : `Proxy-Authorization: Basic ${Buffer.from(`${proxy.user}:${proxy.password ?? ''}`, 'latin1').toString('base64')}\r\n`;
  socket.write(`CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n${login}\r\n`);
  const header = await readHeader(socket, proxy, to.idleMs);
  const [, status = '', text = ''] = /^HTTP\/1\.[01] ([0-9]{3})(.*)/.exec(header) ?? [];
  if (status.startsWith('2')) return;
  const name = `HTTP proxy ${endpointText(proxy)}`;
  if (status === '') throw new ConnectError(`${name} does not answer in HTTP`);
  const hint = status === '407' ? ': it wants a user and password (-y user:password@host:port)' : '';
  throw new ConnectError(`${name} refused the connection: ${status}${printable(text.trimEnd())}${hint}`);
}

/** Reads up to the empty line; what came behind it goes back, since it is the server's. */
function readHeader(socket: Socket, proxy: HttpProxy, idleMs: number): Promise<string> {
  const name = `HTTP proxy ${endpointText(proxy)}`;
  return new Promise((resolve, reject) => {
    let received = Buffer.alloc(0);
    const timer = setTimeout(() => {
      settle(new TimeoutError(`${name} did not answer in time`));
    }, timerMs(idleMs));
    const settle = (outcome: Error | string): void => {
      clearTimeout(timer);
      socket.off('readable', onReadable).off('end', onEnd).off('close', onEnd);
      if (typeof outcome === 'string') resolve(outcome);
      else reject(outcome);
    };
    const onEnd = (): void => {
      settle(new ConnectError(`${name} closed the connection instead of answering`));
    };
    const onReadable = (): void => {
      const chunk = socket.read() as Buffer | null;
      if (chunk === null) return;
      received = Buffer.concat([received, chunk]);
      const text = received.toString('latin1');
      const end = HEADER_END.exec(text);
      if (end !== null) {
        const rest = received.subarray(end.index + end[0].length);
        if (rest.length > 0) socket.unshift(rest);
        settle(text.slice(0, end.index));
      } else if (received.length > LONGEST_HEADER) {
        settle(new ConnectError(`${name} does not answer in HTTP`));
      }
    };
    socket.on('readable', onReadable).once('end', onEnd).once('close', onEnd);
  });
}

function explain(error: unknown, { localAddress }: ConnectOptions): string {
  switch (codeOf(error)) {
    case 'ECONNREFUSED':
      return 'connection refused: nothing listens there';
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return 'there is no route to that host';
    case 'EADDRNOTAVAIL':
      return localAddress === undefined
        ? 'the address is not available'
        : `this host has no address ${localAddress}`;
    case 'ECONNRESET':
      return 'connection reset';
    default:
      return (error as Error).message;
  }
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? 'unknown';
}
