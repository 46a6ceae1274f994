/** The bytes of a file on their way to JetStream: a small one is kept until it is whole, a large one goes on piece by piece. */
import { createHash, type Hash } from 'node:crypto';

/** Bytes that all files in progress may keep in memory together; what comes beyond it goes on at once. */
export class MemoryBudget {
  #left: number;

  constructor(bytes: number) {
    this.#left = bytes;
  }

  /** Whether there was room for so many more. */
  take(bytes: number): boolean {
    if (bytes > this.#left) return false;
    this.#left -= bytes;
    return true;
  }

  giveBack(bytes: number): void {
    this.#left += bytes;
  }
}

export interface BodyOptions {
  /** Up to so many bytes it is kept. */
  readonly most: number;
  readonly budget: MemoryBudget;
  /** Takes what is not kept, to its end; fails when the writer aborts. */
  readonly pour: (bytes: ReadableStream<Uint8Array>) => Promise<void>;
}

/** How the bytes are there in the end. */
export type Whole = { readonly kind: 'kept'; readonly bytes: Buffer } | { readonly kind: 'poured' };

interface Flow {
  readonly writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly poured: Promise<void>;
}

export class Body {
  readonly #options: BodyOptions;
  readonly #hash: Hash = createHash('sha256');
  #parts: Buffer[] = [];
  #kept = 0;
  #size = 0;
  #flow: Flow | undefined;

  constructor(options: BodyOptions) {
    this.#options = options;
  }

  /** Bytes so far. */
  get size(): number {
    return this.#size;
  }

  /** Whether it goes on as it comes. */
  get isPoured(): boolean {
    return this.#flow !== undefined;
  }

  /** @throws what pour() throws */
  async write(chunk: Buffer): Promise<void> {
    this.#hash.update(chunk);
    this.#size += chunk.length;
    if (this.#flow === undefined) {
      if (this.#size <= this.#options.most && this.#options.budget.take(chunk.length)) {
        this.#parts.push(chunk);
        this.#kept += chunk.length;
        return;
      }
      await this.#startFlow();
    }
    await this.#pass(chunk);
  }

  /** To be called once, when all is written. @throws what pour() throws */
  async end(): Promise<Whole & { readonly sha256: Buffer }> {
    const sha256 = this.#hash.digest();
    if (this.#flow === undefined) return { kind: 'kept', bytes: Buffer.concat(this.#parts), sha256 };
    const { writer, poured } = this.#flow;
    // Its own failure says more than that the stream has ended.
    await Promise.all([poured, writer.close().catch(() => undefined)]);
    return { kind: 'poured', sha256 };
  }

  /** Drops it; harmless at the end. Never throws. */
  async drop(): Promise<void> {
    this.#forget();
    if (this.#flow === undefined) return;
    const { writer, poured } = this.#flow;
    await writer.abort(new Error('the file is not wanted any more')).catch(() => undefined);
    await poured.catch(() => undefined);
  }

  async #startFlow(): Promise<void> {
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
    const poured = this.#options.pour(readable);
    const writer = writable.getWriter();
    // Whoever takes no more fails; whoever writes is to hear of it.
    poured.catch((cause: unknown) => writer.abort(cause).catch(() => undefined));
    writer.closed.catch(() => undefined);
    this.#flow = { writer, poured };
    const parts = this.#parts;
    this.#forget();
    for (const part of parts) await this.#pass(part);
  }

  async #pass(chunk: Buffer): Promise<void> {
    if (this.#flow === undefined) return;
    const { writer, poured } = this.#flow;
    // A write into a stream that nobody takes from any more waits for ever.
    await Promise.race([writer.write(chunk).catch(() => poured), poured]);
  }

  #forget(): void {
    this.#options.budget.giveBack(this.#kept);
    this.#kept = 0;
    this.#parts = [];
  }
}
