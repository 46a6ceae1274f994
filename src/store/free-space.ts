/** Knows whether a file will fit, counting what other transfers in progress still have to write. */
import { stat, statfs } from 'node:fs/promises';
import { Refusal } from '../protocol/errors.ts';

/** Bytes promised to transfers in progress, by device: sub-directories may be other mounts (N4). */
export class FreeSpace {
  readonly #minFree: number;
  readonly #promised = new Map<number, number>();

  /** @param minFree bytes that must stay free */
  constructor(minFree: number) {
    this.#minFree = minFree;
  }

  /**
   * Promises room for a file in a directory; the caller gives it back as bytes are written, and at the end.
   * @throws Refusal when it cannot fit, and file system errors as they are
   */
  async reserve(directory: Buffer, bytes: number): Promise<Reservation> {
    const { dev } = await stat(directory);
    const { bavail, bsize, blocks } = await statfs(directory);
    const promised = this.#promised.get(dev) ?? 0;
    const free = bavail * bsize - promised - this.#minFree;
    // Some FUSE file systems know no sizes and report none.
    if (blocks > 0 && bytes > free) {
      throw new Refusal(
        'not enough space',
        `${directory.toString('latin1')}: ${String(bytes)} bytes do not fit, ` +
          `${String(bavail * bsize)} are free, ${String(promised)} of them promised, min_free_space ${String(this.#minFree)}`,
      );
    }
    this.#promised.set(dev, promised + bytes);
    return new Reservation(bytes, (given) => {
      const left = (this.#promised.get(dev) ?? 0) - given;
      if (left > 0) this.#promised.set(dev, left);
      else this.#promised.delete(dev);
    });
  }
}

/** Room that is promised to one file. */
export class Reservation {
  #left: number;
  readonly #giveBack: (bytes: number) => void;

  constructor(bytes: number, giveBack: (bytes: number) => void) {
    this.#left = bytes;
    this.#giveBack = giveBack;
  }

  /** Bytes have been written: the file system counts them now. */
  used(bytes: number): void {
    const given = Math.min(bytes, this.#left);
    this.#left -= given;
    if (given > 0) this.#giveBack(given);
  }

  /** Nothing more will be written. */
  end(): void {
    this.used(this.#left);
  }
}
