/** A file of the upstream that is passed on to a peer as it arrives: nothing is kept here. */
import { createHash, type Hash } from 'node:crypto';
import { Fetch, type Wanted, type Way } from './fetch.ts';
import { printable } from '../log/printable.ts';
import { FileChanged } from '../protocol/errors.ts';
import type { Outgoing } from '../store/store.ts';

export class UpstreamFile implements Outgoing {
  readonly #wanted: Wanted;
  readonly #way: Way;
  /** Bytes. */
  readonly size: number;
  #fetch: Fetch;
  /** How far the file has been given out. */
  #passes: 'none' | 'begun' | 'done' = 'none';
  /** Of the bytes that were given out whole. */
  #digest = '';

  /** @throws as Fetch.begin */
  static async open(wanted: Wanted, way: Way): Promise<UpstreamFile> {
    return new UpstreamFile(wanted, way, await Fetch.begin(wanted, way));
  }

  private constructor(wanted: Wanted, way: Way, fetch: Fetch) {
    this.#wanted = wanted;
    this.#way = way;
    this.#fetch = fetch;
    this.size = fetch.size;
  }

  /** W14: who packs it twice has it sent twice. */
  async *content(): AsyncGenerator<Buffer, void, undefined> {
    if (this.#passes === 'none') {
      this.#passes = 'begun';
      const hash = createHash('sha256');
      yield* hashed(this.#fetch.content(), hash);
      this.#digest = hash.digest('hex');
      this.#passes = 'done';
    } else yield* this.#again();
  }

  /** W16: the upstream deletes it when it hears QUIT. */
  async remove(): Promise<boolean> {
    if (this.#wanted.purpose !== 'move' || this.#passes !== 'done') return false;
    await this.#fetch.quit();
    return true;
  }

  close(): Promise<void> {
    this.#fetch.close();
    return Promise.resolve();
  }

  /** Asks for it again. The last bytes are held back until it is sure that they are what they were. */
  async *#again(): AsyncGenerator<Buffer, void, undefined> {
    // Two connections for a file that may be deleted: which one does it is not worth knowing.
    if (this.#wanted.purpose === 'move' || this.#passes !== 'done')
      throw this.#changed('it is sent only once');
    this.#fetch.close();
    this.#fetch = await Fetch.begin(this.#wanted, this.#way).catch((cause: unknown) => {
      // The peer has its size already: it is too late for a refusal.
      throw this.#changed((cause as Error).message);
    });
    if (this.#fetch.size !== this.size) throw this.#changed('it has another size');
    const hash = createHash('sha256');
    let held: Buffer | undefined;
    for await (const chunk of hashed(this.#fetch.content(), hash)) {
      if (held !== undefined) yield held;
      held = chunk;
    }
    if (hash.digest('hex') !== this.#digest) throw this.#changed('it has other bytes');
    if (held !== undefined) yield held;
  }

  #changed(how: string): FileChanged {
    return new FileChanged(
      `'${printable(this.#wanted.name)}' changed at the upstream while it was being sent: ${how}`,
    );
  }
}

async function* hashed(content: AsyncIterable<Buffer>, hash: Hash): AsyncGenerator<Buffer, void, undefined> {
  for await (const chunk of content) {
    hash.update(chunk);
    yield chunk;
  }
}
