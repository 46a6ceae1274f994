/** Keeps the sockets of clients with a wrong password for a moment, so that guessing is slow. */
import type { Socket } from 'node:net';
import { MOST_PENALTIES } from '../process/open-files.ts';

const DELAY_MS = 1000;

export class PenaltyBox {
  readonly #held = new Set<Socket>();

  /** Closes the socket after the delay; at once when the box is full, so that it costs nobody else anything. */
  hold(socket: Socket): void {
    if (socket.destroyed) return;
    if (this.#held.size >= MOST_PENALTIES) {
      socket.destroy();
      return;
    }
    this.#held.add(socket);
    const timer = setTimeout(() => {
      socket.destroy();
    }, DELAY_MS);
    socket.once('close', () => {
      clearTimeout(timer);
      this.#held.delete(socket);
    });
  }
}
