/** Knows whether a file will fit, counting what other transfers in progress still have to write. */
import { Refusal } from '../protocol/errors.ts';
import { Disk } from './disk.ts';

/** What other processes promised to transfers of theirs on the same disks. */
export interface Elsewhere {
  /** Bytes, by what stat calls the device. */
  readonly promisedOn: (device: number) => number;
  /** To be told what is promised here. */
  readonly tell: (device: number, bytes: number) => void;
}

const NOWHERE: Elsewhere = { promisedOn: () => 0, tell: () => undefined };
/** Bytes, far more than anybody writes while a look at a disk is believed: with less to spare, it is looked at again. */
const PLENTY = 1024 ** 3;

/** Bytes promised to transfers in progress, by device: sub-directories may be other mounts (N4). */
export class FreeSpace {
  readonly #minFree: number;
  readonly #elsewhere: Elsewhere;
  readonly #promised = new Map<number, number>();

  /** @param minFree bytes that must stay free */
  constructor(minFree: number, elsewhere = NOWHERE) {
    this.#minFree = minFree;
    this.#elsewhere = elsewhere;
  }

  /**
   * Promises room for a file in a directory; the caller gives it back as bytes are written, and at the end.
   * @throws Refusal when it cannot fit, and file system errors as they are
   */
  async reserve(directory: Buffer, bytes: number): Promise<Reservation> {
    const { device } = await Disk.of(directory).recent();
    const where = { directory, device };
    const reservation = new Reservation({
      promise: (more) => this.#promise(where, more),
      giveBack: (given) => {
        this.#note(device, -given);
      },
    });
    await reservation.cover(bytes);
    return reservation;
  }

  /** Promises so many bytes more. */
  async #promise(where: Where, bytes: number): Promise<void> {
    const { directory, device } = where;
    const disk = Disk.of(directory);
    const recent = await disk.recent();
    if (bytes + PLENTY > this.#left(recent.free, device)) {
      const { free } = await disk.look();
      if (bytes > this.#left(free, device)) throw this.#refusal(where, { bytes, free });
    }
    // In the same breath, so that of two at once that do not both fit one is refused.
    this.#note(device, bytes);
  }

  /** @param bytes promised from now on; negative: given back */
  #note(device: number, bytes: number): void {
    const promised = (this.#promised.get(device) ?? 0) + bytes;
    if (promised > 0) this.#promised.set(device, promised);
    else this.#promised.delete(device);
    this.#elsewhere.tell(device, promised);
  }

  #refusal({ directory, device }: Where, { bytes, free }: { bytes: number; free: number }): Refusal {
    return new Refusal(
      'not enough space',
      `${directory.toString('latin1')}: ${String(bytes)} bytes do not fit, ${String(free)} are free, ` +
        `${String(this.#promisedOn(device))} of them promised, min_free_space ${String(this.#minFree)}`,
    );
  }

  #left(free: number, device: number): number {
    return free - this.#promisedOn(device) - this.#minFree;
  }

  #promisedOn(device: number): number {
    return (this.#promised.get(device) ?? 0) + this.#elsewhere.promisedOn(device);
  }
}

interface Where {
  readonly directory: Buffer;
  readonly device: number;
}

/** So much more is promised at once to a file that outgrows what was announced: one that is unpacked. Bytes. */
const STEP = 1024 * 1024;

/** Where room comes from. */
interface Source {
  /** Asks for so many bytes more. @throws Refusal, and file system errors as they are */
  readonly promise: (bytes: number) => Promise<void>;
  readonly giveBack: (bytes: number) => void;
}

/** Room that is promised to one file. */
export class Reservation {
  readonly #source: Source;
  #left = 0;
  /** Whether what was announced is covered already. */
  #outgrown = false;

  constructor(source: Source) {
    this.#source = source;
  }

  /**
   * Makes sure that so many bytes can be written.
   * @throws Refusal, and file system errors as they are
   */
  async cover(bytes: number): Promise<void> {
    const missing = bytes - this.#left;
    if (missing <= 0) return;
    const announced = !this.#outgrown;
    this.#outgrown = true;
    if (!announced && missing < STEP && (await this.#tryStep())) return;
    await this.#source.promise(missing);
    this.#left += missing;
  }

  /** Whether there is room for a whole step; near the end there may be just enough for what is missing. */
  async #tryStep(): Promise<boolean> {
    try {
      await this.#source.promise(STEP);
    } catch (error) {
      if (error instanceof Refusal) return false;
      throw error;
    }
    this.#left += STEP;
    return true;
  }

  /** Bytes have been written: the file system counts them now. */
  used(bytes: number): void {
    const given = Math.min(bytes, this.#left);
    this.#left -= given;
    if (given > 0) this.#source.giveBack(given);
  }

  /** Nothing more will be written. */
  end(): void {
    this.used(this.#left);
  }
}
