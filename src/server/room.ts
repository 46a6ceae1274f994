/** Lets workers know how much of a disk the others have promised to their transfers. */

/** A worker, as far as its promises go. */
export interface Promiser {
  /** Tells it what all the others have promised on a device, in bytes. */
  readonly tellPromised: (device: number, bytes: number) => void;
}

/** The supervisor's side: adds up, and tells. */
export class Room {
  readonly #promised = new Map<number, Map<Promiser, number>>();
  readonly #workers = new Set<Promiser>();

  join(worker: Promiser): void {
    this.#workers.add(worker);
    for (const device of this.#promised.keys()) worker.tellPromised(device, this.#byOthers(device, worker));
  }

  promised(worker: Promiser, device: number, bytes: number): void {
    const onDevice = this.#promised.get(device) ?? new Map<Promiser, number>();
    this.#promised.set(device, onDevice.set(worker, bytes));
    this.#tell(device, worker);
  }

  /** What a worker that is gone had promised is free again. */
  leave(worker: Promiser): void {
    this.#workers.delete(worker);
    for (const [device, onDevice] of this.#promised) if (onDevice.delete(worker)) this.#tell(device, worker);
  }

  #tell(device: number, but: Promiser): void {
    for (const worker of this.#workers) {
      if (worker !== but) worker.tellPromised(device, this.#byOthers(device, worker));
    }
  }

  #byOthers(device: number, worker: Promiser): number {
    let sum = 0;
    for (const [promiser, bytes] of this.#promised.get(device) ?? []) if (promiser !== worker) sum += bytes;
    return sum;
  }
}

/** So much may be promised, or given back, without the others being told: small files must cost nothing. Bytes. */
const UNTOLD = 64 * 1024;
/** Or this part of what they were told last: a message for each piece of a large file would cost as much as the piece. */
const UNTOLD_SHARE = 1 / 4;
/** But never more. */
const MOST_UNTOLD = 16 * 1024 * 1024;

/** A worker's side: tells what is worth telling, and knows what it was told. */
export class RoomElsewhere {
  readonly #send: (device: number, bytes: number) => void;
  readonly #told = new Map<number, number>();
  readonly #others = new Map<number, number>();

  constructor(send: (device: number, bytes: number) => void) {
    this.#send = send;
  }

  promisedOn(device: number): number {
    return this.#others.get(device) ?? 0;
  }

  tell(device: number, bytes: number): void {
    const told = this.#told.get(device) ?? 0;
    if (Math.abs(bytes - told) < Math.max(UNTOLD, Math.min(told * UNTOLD_SHARE, MOST_UNTOLD))) return;
    this.#told.set(device, bytes);
    this.#send(device, bytes);
  }

  /** The others have promised so much. */
  hear(device: number, bytes: number): void {
    this.#others.set(device, bytes);
  }
}
