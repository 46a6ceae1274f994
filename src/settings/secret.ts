/** A password: bytes that print as `[redacted]` wherever they are shown. */
import { inspect } from 'node:util';

export const REDACTED = '[redacted]';

export class Secret {
  readonly #bytes: Buffer;

  /** @param bytes the secret, as latin-1 */
  constructor(bytes: string) {
    this.#bytes = Buffer.from(bytes, 'latin1');
  }

  /** The secret itself, for the one place that needs it. */
  reveal(): Buffer {
    return this.#bytes;
  }

  toString(): string {
    return REDACTED;
  }

  toJSON(): string {
    return REDACTED;
  }

  [inspect.custom](): string {
    return REDACTED;
  }
}
