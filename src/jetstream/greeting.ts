/** Waits for the first word of a NATS server, which speaks first. */
import { connect } from 'node:net';
import type { ServerAddress } from '../settings/settings.ts';

/**
 * The NATS library never closes a connection on which nothing came, and so its process does not end: to be asked before it.
 * @returns false: a connection was made, but nothing came in so many milliseconds. Other troubles the library tells better.
 */
export function speaks({ host, port }: ServerAddress, patienceMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const end = (isSpeaking: boolean): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(isSpeaking);
    };
    const timer = setTimeout(end, patienceMs, false);
    socket.once('data', () => {
      end(true);
    });
    socket.once('error', () => {
      end(true);
    });
    socket.once('end', () => {
      end(true);
    });
  });
}
