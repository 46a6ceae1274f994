/** A file whose name waits already: the same bytes are the same file, sent again for want of an answer; others are refused. */
import { createHash } from 'node:crypto';
import { Refusal } from '../../protocol/errors.ts';
import type { Incoming, Store } from '../../store/store.ts';

export class Repeat implements Incoming {
  readonly #store: Pick<Store, 'open'>;
  readonly #name: string;
  readonly #hash = createHash('sha256');

  constructor(store: Pick<Store, 'open'>, name: string) {
    this.#store = store;
    this.#name = name;
  }

  write(chunk: Buffer): Promise<void> {
    this.#hash.update(chunk);
    return Promise.resolve();
  }

  /** @throws Refusal when the one that waits is another file, or is gone by now */
  async commit(): Promise<void> {
    if (this.#hash.digest('hex') !== (await this.#waiting())) throw new Refusal('file already exists');
  }

  discard(): Promise<void> {
    return Promise.resolve();
  }

  async #waiting(): Promise<string> {
    const hash = createHash('sha256');
    try {
      const outgoing = await this.#store.open(this.#name);
      try {
        for await (const chunk of outgoing.content()) hash.update(chunk);
      } finally {
        await outgoing.close();
      }
    } catch (cause) {
      // Sent on in this very moment: whoever comes again is answered by JetStream.
      const text = `the file that waited under this name cannot be compared: ${(cause as Error).message}`;
      throw new Refusal('cannot store file', text);
    }
    return hash.digest('hex');
  }
}
