/** Reads the PROXY header, in which a proxy names its client, off an accepted socket. */
import type { Socket } from 'node:net';
import { PeerClosed, PeerTimeout } from '../protocol/errors.ts';
import type { ProxiedEnd } from '../protocol/proxied-connection.ts';
import { parseProxyHeader } from '../protocol/proxy-header.ts';
import { timerMs } from '../protocol/timer.ts';

/**
 * Takes exactly the header off a paused socket that nobody has read from, puts back what came behind it, and leaves the
 * socket paused. Once read from, a socket notices its end even while it is paused: whoever takes it over in a later turn
 * of the event loop than this resolves in must look at `readableEnded` and `destroyed`.
 * @param idleMs how long the whole header may take, in milliseconds (W4)
 * @returns whom the header names; undefined: nobody, the real peer counts
 * @throws ProtocolError as soon as it cannot be a header, PeerTimeout, PeerClosed
 */
export function readProxyHeader(socket: Socket, idleMs: number): Promise<ProxiedEnd | undefined> {
  return new Promise((resolve, reject) => {
    let bytes: Buffer = Buffer.alloc(0);
    const letGo = (): void => {
      clearTimeout(timer);
      // Before the listener goes: without one, a flowing stream drops what comes.
      socket.pause();
      socket.off('data', read).off('end', closed).off('close', closed).off('error', lost);
    };
    const fail = (error: Error): void => {
      letGo();
      reject(error);
    };
    const closed = (): void => {
      const where = bytes.length === 0 ? 'before' : 'in the middle of';
      fail(new PeerClosed(`connection closed ${where} the PROXY header`));
    };
    const lost = (error: Error): void => {
      fail(new PeerClosed(`connection lost: ${error.message}`, { cause: error }));
    };
    const read = (chunk: Buffer): void => {
      bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk]);
      try {
        const header = parseProxyHeader(bytes);
        if (header === 'incomplete') return;
        letGo();
        // At once: in the next turn the stream may have ended, and takes nothing back.
        if (bytes.length > header.length) socket.unshift(bytes.subarray(header.length));
        resolve(header.source);
      } catch (error) {
        fail(error as Error);
      }
    };
    const timer = setTimeout(() => {
      fail(new PeerTimeout('timed out before the PROXY header was complete'));
    }, timerMs(idleMs));
    socket.on('data', read).on('end', closed).on('close', closed).on('error', lost);
    if (socket.destroyed) closed();
    else socket.resume();
  });
}
