/** Stands between a program and a NATS server, and keeps one answer until it is of no use any more. */
import { connect, createServer, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';
import type { ServerAddress } from '../../src/settings/settings.ts';

/** What anybody says behind it is no word of a protocol that only looks whether the other one lives. */
const PUBLISHED = /(?:^|\n)H?PUB /;

export class LostAnswer {
  readonly address: ServerAddress;
  #to: RegExp | undefined;
  #count = 0;

  /** Ends with the current test. */
  static async before({ host, port }: ServerAddress): Promise<LostAnswer> {
    const sockets = new Set<Socket>();
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port: own } = server.address() as { readonly port: number };
    const lost = new LostAnswer({ host: '127.0.0.1', port: own });
    server.on('connection', (client) => {
      const upstream = connect({ host, port });
      lost.#join(client, upstream);
      for (const socket of [client, upstream]) {
        sockets.add(socket);
        socket.on('error', () => undefined);
        socket.on('close', () => {
          client.destroy();
          upstream.destroy();
        });
      }
    });
    onTestFinished(() => {
      for (const socket of sockets) socket.destroy();
      server.close();
    });
    return lost;
  }

  private constructor(address: ServerAddress) {
    this.address = address;
  }

  /** How many answers came too late. */
  get count(): number {
    return this.#count;
  }

  /** From the next publication on that looks so, nothing is answered until there is another one, once. */
  loseAnswerTo(publication: RegExp): void {
    this.#to = publication;
  }

  #join(client: Socket, upstream: Socket): void {
    let isHeld = false;
    client.on('data', (chunk: Buffer) => {
      const text = chunk.toString('latin1');
      if (isHeld && PUBLISHED.test(text)) {
        isHeld = false;
        upstream.resume();
      } else if (this.#to?.test(text) === true) {
        this.#to = undefined;
        this.#count++;
        isHeld = true;
        upstream.pause();
      }
      upstream.write(chunk);
    });
    upstream.on('data', (chunk: Buffer) => client.write(chunk));
  }
}
