/** A client that keeps to no rules: it says any bytes, and ends in any way. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { connect as connectTls } from 'node:tls';
import { startTls, type TlsOptions } from '../../src/client/tls.ts';
import { ByteReader } from '../../src/protocol/byte-reader.ts';
import { PeerTimeout } from '../../src/protocol/errors.ts';
import type { Way } from './field.ts';

/** Every server must have closed a silent connection long before: after 4 seconds, 10 in a handshake (W4). */
const PATIENCE_MS = 60_000;
const LINE_LIMIT = 8192;

export class Intruder {
  readonly #socket: Socket;
  readonly #stream: Socket;
  readonly #reader: ByteReader;

  private constructor(socket: Socket, stream: Socket) {
    this.#socket = socket;
    this.#stream = stream;
    // A reset may come at any time; whoever reads hears of it.
    stream.on('error', () => undefined);
    this.#reader = new ByteReader(stream, PATIENCE_MS);
  }

  /** Connected by TCP, and nothing said yet. */
  static async atTheDoor({ to }: Way): Promise<Intruder> {
    const socket = await dial(to.port);
    return new Intruder(socket, socket);
  }

  /** Connected, its TLS handshake done where the way has one. @throws TlsError, TimeoutError */
  static async inside({ to }: Way, tls: TlsOptions | undefined = to.tls): Promise<Intruder> {
    const socket = await dial(to.port);
    if (tls === undefined) return new Intruder(socket, socket);
    return new Intruder(socket, await startTls(socket, { ...to, tls, idleMs: PATIENCE_MS }));
  }

  /** Begins a TLS handshake; resolves when the server has answered, in the middle of it. */
  static async inHandshake(way: Way): Promise<Intruder> {
    const intruder = await Intruder.atTheDoor(way);
    await intruder.say(await clientHello());
    await intruder.#reader.peek();
    return intruder;
  }

  /** Waits until the system has taken it, or the connection is gone. */
  async say(bytes: string | Buffer): Promise<void> {
    const taken = typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes;
    await new Promise((resolve) => this.#stream.write(taken, resolve));
  }

  /** Says a line and reads the answer; undefined when there is none. */
  async ask(line: string): Promise<string | undefined> {
    await this.say(line);
    return this.#reader.readLine(LINE_LIMIT);
  }

  /** Nothing is read any more, nor heard of. */
  reset(): void {
    this.#socket.resetAndDestroy();
  }

  /** Its own side of the conversation is over. */
  halfClose(): void {
    this.#stream.end();
  }

  /** Reads whatever comes until the server closes. @returns how many bytes came. @throws Error when it does not close */
  async untilClosed(): Promise<number> {
    let bytes = 0;
    try {
      for await (const chunk of this.#reader.body(Number.MAX_SAFE_INTEGER)) bytes += chunk.length;
    } catch (error) {
      if (error instanceof PeerTimeout) throw new Error('the server did not close', { cause: error });
    } finally {
      this.#socket.destroy();
    }
    return bytes;
  }
}

async function dial(port: number): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port, noDelay: true, allowHalfOpen: true });
  await once(socket, 'connect');
  return socket;
}

/** What a TLS client says first. */
function clientHello(): Promise<Buffer> {
  return new Promise((resolve) => {
    const wire = new Duplex({
      read: () => undefined,
      write: (chunk: Buffer) => {
        resolve(chunk);
      },
    });
    connectTls({ socket: wire });
  });
}
