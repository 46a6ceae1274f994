/** Sends datagrams to a Unix socket, which Node cannot, through the C library. */
import { endianness } from 'node:os';
import { getSystemErrorMap } from 'node:util';

/** Sends one datagram. @throws Error saying why it could not be sent */
export type Send = (text: string) => void;

// The same numbers on every Linux that Node runs on.
const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;
const MSG_NOSIGNAL = 0x4000;
/** sockaddr_un: a family of two bytes and a path of 108 with its NUL (unix(7)). */
const LONGEST_PATH = 107;

/**
 * Opens a socket for the life of the process.
 * @param address an absolute path, or `@name` in the abstract namespace
 * @throws Error when the package koffi is not installed, or the address is of another kind
 */
export async function openSender(address: string): Promise<Send> {
  const target = socketAddress(address);
  // Optional, and large: loaded only where a service manager listens.
  const { default: koffi } = await import('koffi');
  const libc = koffi.load(null);
  const socket = libc.func('int socket(int domain, int type, int protocol)') as SocketFunction;
  const sendto = libc.func(
    // intptr_t is ssize_t by another name.
    'intptr_t sendto(int fd, const void *data, size_t length, int flags, const void *address, uint32_t size)',
  ) as SendtoFunction;
  const check = (result: number): number => {
    if (result >= 0) return result;
    const [name, meaning] = getSystemErrorMap().get(-koffi.errno()) ?? [];
    throw new Error(`${address}: ${meaning ?? 'error'} (${name ?? String(koffi.errno())})`);
  };
  const descriptor = check(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  return (text) => {
    const data = Buffer.from(text);
    check(sendto(descriptor, data, data.length, MSG_NOSIGNAL, target, target.length));
  };
}

type SocketFunction = (domain: number, type: number, protocol: number) => number;
type SendtoFunction = (...args: [number, Buffer, number, number, Buffer, number]) => number;

function socketAddress(address: string): Buffer {
  const path = Buffer.from(address);
  const abstract = address.startsWith('@');
  if (!abstract && !address.startsWith('/')) throw new Error('it is neither a path nor an abstract name');
  if (path.length > LONGEST_PATH) throw new Error('it is too long for a socket');
  if (abstract) path[0] = 0;
  const family = Buffer.alloc(2);
  if (endianness() === 'LE') family.writeUInt16LE(AF_UNIX);
  else family.writeUInt16BE(AF_UNIX);
  // The length of an abstract name counts; a path ends with NUL.
  return Buffer.concat([family, path, Buffer.alloc(abstract ? 0 : 1)]);
}
