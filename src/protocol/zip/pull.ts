/** Takes exact pieces from a sequence of chunks, with a place to put back what was too much. */
import { Refusal } from '../errors.ts';

/** The error for every archive that is not what T1 and T2 describe. */
export function notAnArchive(what: string): Refusal {
  return new Refusal('does not unpack', `the archive does not unpack: ${what}`);
}

export class Puller {
  readonly #source: AsyncIterator<Buffer>;
  #rest: Buffer | undefined;

  constructor(source: AsyncIterable<Buffer>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /** The next chunk as it comes, or undefined at the end. */
  async chunk(): Promise<Buffer | undefined> {
    const rest = this.#rest;
    this.#rest = undefined;
    if (rest !== undefined) return rest;
    const next = await this.#source.next();
    return next.done === true ? undefined : next.value;
  }

  /** Makes these bytes the next ones. */
  putBack(bytes: Buffer): void {
    if (bytes.length === 0) return;
    this.#rest = this.#rest === undefined ? bytes : Buffer.concat([bytes, this.#rest]);
  }

  /**
   * What comes next, at least `count` bytes of it.
   * @throws Refusal when the archive ends before
   */
  async atLeast(count: number, what: string): Promise<Buffer> {
    let bytes: Buffer = Buffer.alloc(0);
    while (bytes.length < count) {
      const chunk = await this.chunk();
      if (chunk === undefined) throw notAnArchive(`it ends in the ${what}`);
      bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk]);
    }
    return bytes;
  }

  /**
   * Exactly `count` bytes.
   * @throws Refusal when the archive ends before
   */
  async exactly(count: number, what: string): Promise<Buffer> {
    const bytes = await this.atLeast(count, what);
    this.putBack(bytes.subarray(count));
    return bytes.subarray(0, count);
  }

  /** Whether nothing is left. */
  async atEnd(): Promise<boolean> {
    for (;;) {
      const chunk = await this.chunk();
      if (chunk === undefined) return true;
      if (chunk.length > 0) {
        this.putBack(chunk);
        return false;
      }
    }
  }
}
