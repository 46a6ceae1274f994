/** Tells what keeping a directory and its bucket equal does. */
import { CONFIRM_NAME, MEMORY_NAME } from '../../store/sync-memory.ts';
import { count } from '../../log/count.ts';
import { crowdWarning } from '../../log/crowd.ts';
import { reasonOf } from '../../log/errno.ts';
import type { Logger } from '../../log/logger.ts';
import { OnceAMinute } from '../../log/once-a-minute.ts';
import { printable } from '../../log/printable.ts';

export class PairLog {
  readonly #log: Logger;
  readonly #directory: string;
  readonly #warn: (text: string) => void;
  readonly #held = new OnceAMinute(() => undefined);

  /** @param directory as latin-1 */
  constructor(log: Logger, directory: string) {
    this.#log = log;
    this.#directory = printable(directory);
    this.#warn = crowdWarning(log, (times, text: string) =>
      times === 1 ? text : `${text} (one of ${String(times)} such lines in a minute)`,
    );
  }

  took(name: string, size: number): void {
    const text = `Took ${this.#file(name)} size ${String(size)}b from the store`;
    this.#log.event(text, { event: 'taken', file: printable(name), bytes: size });
  }

  gave(name: string, size: number): void {
    const text = `Gave ${this.#file(name)} size ${String(size)}b to the store`;
    this.#log.event(text, { event: 'given', file: printable(name), bytes: size });
  }

  deletedHere(name: string): void {
    const text = `Deleted ${this.#file(name)}, as it was in the store`;
    this.#log.event(text, { event: 'deleted', file: printable(name) });
  }

  deletedThere(name: string): void {
    const text = `Deleted ${this.#file(name)} in the store, as it was here`;
    this.#log.event(text, { event: 'deleted', file: printable(name) });
  }

  kept(name: string, other: string, winner: 'the store' | 'the directory'): void {
    const text = `${this.#file(name)} was changed on both sides: that of ${winner} is newer and stays, the other is kept as ${this.#file(other)}`;
    this.#log.warning(text, { event: 'conflict', file: printable(name) });
  }

  noFile(name: string): void {
    this.#warn(`${this.#file(name)} is not kept equal: it is a link or a directory, not a file`);
  }

  /** @param name of the file that it is about; undefined: of all of them. To be called without its object. */
  readonly trouble = (cause: unknown, name?: string): void => {
    const what = name === undefined ? `'${this.#directory}'` : this.#file(name);
    this.#warn(`Cannot keep ${what} and the store equal: ${printable(reasonOf(cause))}; trying again`);
  };

  held(gone: number, known: number): void {
    if (!this.#held.take()) return;
    const text =
      `${String(gone)} of ${count(known, 'file')} vanished at once from '${this.#directory}': they are not deleted in the store. ` +
      `Put them back; or create '${this.#directory}/${CONFIRM_NAME}' if they were deleted on purpose; ` +
      `or delete '${this.#directory}/${MEMORY_NAME}' to get them back from the store`;
    this.#log.error(text, { event: 'held' });
  }

  #file(name: string): string {
    return `'${this.#directory}/${printable(name)}'`;
  }
}
