/** A client that sends bytes and waits for facts: exact answers, or the end. */
import { connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { onTestFinished } from 'vitest';

export class Dialogue {
  readonly stream: Duplex;
  #received: Buffer = Buffer.alloc(0);
  #closed = false;
  #news: (() => void)[] = [];

  constructor(stream: Duplex) {
    this.stream = stream;
    stream.on('data', (chunk: Buffer) => {
      this.#received = Buffer.concat([this.#received, chunk]);
      this.#tell();
    });
    for (const end of ['end', 'close', 'error']) {
      stream.on(end, () => {
        this.#closed = true;
        this.#tell();
      });
    }
  }

  /**
   * Connects to a port of 127.0.0.1; the connection ends with the current test.
   * @param options allowHalfOpen: it goes on sending after the peer has ended
   */
  static async open(
    port: number,
    options: { readonly host?: string; readonly allowHalfOpen?: boolean } = {},
  ): Promise<Dialogue> {
    const socket: Socket = connect({ host: '127.0.0.1', ...options, port, noDelay: true });
    onTestFinished(() => {
      socket.destroy();
    });
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    return new Dialogue(socket);
  }

  /** Sends text, one character a byte. */
  send(text: string | Buffer): void {
    this.stream.write(typeof text === 'string' ? Buffer.from(text, 'latin1') : text);
  }

  /** Takes exactly `count` bytes, as latin-1. @throws Error when the peer closes before */
  async take(count: number): Promise<string> {
    while (this.#received.length < count) {
      if (this.#closed) throw new Error(`closed after ${JSON.stringify(this.#received.toString('latin1'))}`);
      await this.#change();
    }
    const text = this.#received.toString('latin1', 0, count);
    this.#received = this.#received.subarray(count);
    return text;
  }

  /** Takes one line, its LF included. */
  async line(): Promise<string> {
    for (;;) {
      const end = this.#received.indexOf('\n');
      if (end >= 0) return this.take(end + 1);
      if (this.#closed) throw new Error(`closed after ${JSON.stringify(this.#received.toString('latin1'))}`);
      await this.#change();
    }
  }

  /** Sends text and takes one line. */
  async ask(text: string | Buffer): Promise<string> {
    this.send(text);
    return this.line();
  }

  /** Waits until the peer closes, and takes what came before. */
  async rest(): Promise<string> {
    while (!this.#closed) await this.#change();
    const text = this.#received.toString('latin1');
    this.#received = Buffer.alloc(0);
    return text;
  }

  #change(): Promise<void> {
    return new Promise((resolve) => this.#news.push(resolve));
  }

  #tell(): void {
    const waiting = this.#news;
    this.#news = [];
    for (const resolve of waiting) resolve();
  }
}
