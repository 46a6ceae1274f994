/** Standard input as a file to be sent. */
import { addAbortSignal } from 'node:stream';
import { spoolInput } from '../client/local-files.ts';

/** Standard input, spooled when it is first asked for. */
export class StandardInput {
  readonly #signal: AbortSignal;
  #spooled: ReturnType<typeof spoolInput> | undefined;

  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  async path(): Promise<string> {
    addAbortSignal(this.#signal, process.stdin);
    this.#spooled ??= spoolInput(process.stdin);
    return (await this.#spooled).path;
  }

  async remove(): Promise<void> {
    await (await this.#spooled?.catch(() => undefined))?.remove();
  }
}
