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

export interface IncomingBodyOptions {
  /** Up to so many bytes it is kept. */
  readonly most: number;
  readonly budget: MemoryBudget;
  /** Takes what is not kept, to its end; fails when the writer aborts. */
  readonly pour: (bytes: ReadableStream<Uint8Array>) => Promise<void>;
}

/** How the bytes are there in the end. */
export type Whole = { readonly kind: 'kept'; readonly bytes: Buffer } | { readonly kind: 'poured' };

/** Bytes on their way from whoever writes to whoever reads; nobody waits for the other longer than the reading lasts. */
class Flow {
  readonly readable: ReadableStream<Uint8Array>;
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  #onWanted: () => void = () => undefined;

  constructor() {
    this.readable = new ReadableStream<Uint8Array>({
      start: (controller) => {
        this.#controller = controller;
      },
      pull: () => {
        this.#onWanted();
      },
    });
  }

  /** @param reading rejects when nobody reads any more */
  async write(chunk: Buffer, reading: Promise<void>): Promise<void> {
    this.#controller?.enqueue(chunk);
    if ((this.#controller?.desiredSize ?? 1) > 0) return;
    const wanted = new Promise<void>((resolve) => {
      this.#onWanted = resolve;
    });
    await Promise.race([wanted, reading]);
  }

  close(): void {
    this.#controller?.close();
  }

  abort(reason: Error): void {
    this.#controller?.error(reason);
  }
}

interface Pouring {
  readonly flow: Flow;
  readonly done: Promise<void>;
}

export class IncomingBody {
  readonly #options: IncomingBodyOptions;
  readonly #hash: Hash = createHash('sha256');
  #parts: Buffer[] = [];
  #kept = 0;
  #size = 0;
  #pouring: Pouring | undefined;
  #isOver = false;
  #sha256: Buffer | undefined;

  constructor(options: IncomingBodyOptions) {
    this.#options = options;
  }

  /** Bytes so far. */
  get size(): number {
    return this.#size;
  }

  /** Of all of it; undefined until all is written. */
  get sha256(): Buffer | undefined {
    return this.#sha256;
  }

  /** @throws what pour() throws */
  async write(chunk: Buffer): Promise<void> {
    this.#hash.update(chunk);
    this.#size += chunk.length;
    if (this.#pouring === undefined) {
      if (this.#size <= this.#options.most && this.#options.budget.take(chunk.length)) {
        this.#parts.push(chunk);
        this.#kept += chunk.length;
        return;
      }
      await this.#pour();
    }
    await this.#pass(chunk);
  }

  /** To be called once, when all is written. @throws what pour() throws */
  async end(): Promise<Whole & { readonly sha256: Buffer }> {
    const sha256 = this.#hash.digest();
    this.#sha256 = sha256;
    if (this.#pouring === undefined) return { kind: 'kept', bytes: Buffer.concat(this.#parts), sha256 };
    const { flow, done } = this.#pouring;
    this.#isOver = true;
    flow.close();
    await done;
    return { kind: 'poured', sha256 };
  }

  /** Drops it; harmless at the end. Never throws. */
  async drop(): Promise<void> {
    this.#forget();
    if (this.#pouring === undefined || this.#isOver) return;
    const { flow, done } = this.#pouring;
    this.#isOver = true;
    flow.abort(new Error('the file is not wanted any more'));
    await done.catch(() => undefined);
  }

  async #pour(): Promise<void> {
    const flow = new Flow();
    const done = this.#options.pour(flow.readable);
    // Whoever writes hears of it; when nobody does, nobody is to be told.
    done.catch(() => undefined);
    this.#pouring = { flow, done };
    const parts = this.#parts;
    this.#forget();
    for (const part of parts) await this.#pass(part);
  }

  async #pass(chunk: Buffer): Promise<void> {
    await this.#pouring?.flow.write(chunk, this.#pouring.done);
  }

  #forget(): void {
    this.#options.budget.giveBack(this.#kept);
    this.#kept = 0;
    this.#parts = [];
  }
}
