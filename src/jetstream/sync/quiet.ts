/** Tells when nobody writes to a file any more: what is written bit by bit must not be copied half. Pure. */
import { type Facts, sameFacts } from '../../store/facts.ts';

/** A file is whole when it was not written to for so long. */
export const QUIET_MS = 200;
/** What is older than this is whole at the first look: clocks of file servers differ by less. */
const OLD_MS = 10_000;
/** A timer may fire a little early. */
const TIMER_MS = 2;

export class Quiet {
  readonly #seen = new Map<string, { readonly facts: Facts; readonly atMs: number }>();

  /**
   * How long to wait before the next look at a file, in milliseconds; 0: it is whole.
   * @param facts as of now
   * @param atMs now, on the monotonic clock
   * @param ageMs since its last change, by the clock of its file system
   */
  leftMs(
    name: string,
    facts: Facts,
    { atMs, ageMs }: { readonly atMs: number; readonly ageMs: number },
  ): number {
    const before = this.#seen.get(name);
    const isSame = before !== undefined && sameFacts(before.facts, facts);
    if (ageMs > OLD_MS || (isSame && atMs - before.atMs >= QUIET_MS)) {
      this.#seen.delete(name);
      return 0;
    }
    if (!isSame) this.#seen.set(name, { facts, atMs });
    return QUIET_MS - (isSame ? atMs - before.atMs : 0) + TIMER_MS;
  }

  forget(name: string): void {
    this.#seen.delete(name);
  }
}
