/** Judges whether files that are gone were deleted, or whether their directory was emptied by mistake. Pure. */

/** An editor may remove a file before it writes the new one. */
const SOON_MS = 200;
/** From so many on, it is waited until no more follow. */
const MANY = 10;
const SETTLED_MS = 2000;
/** Of fewer files, all may be deleted. */
const FEW_KNOWN = 20;

/** `wait` comes with milliseconds; `hold`: until somebody says so. */
export type Verdict =
  { readonly kind: 'delete' } | { readonly kind: 'wait'; readonly ms: number } | { readonly kind: 'hold' };

interface Known {
  readonly size: number;
  readonly isHeld: boolean;
}

export class Vanished {
  /** When each was missed first, on the monotonic clock. */
  readonly #since = new Map<string, number>();
  #lastMs = -Infinity;
  #confirmed = new Set<string>();

  /** Files that are gone and not judged yet. */
  get size(): number {
    return this.#since.size;
  }

  note(name: string, nowMs: number): void {
    if (this.#since.has(name)) return;
    this.#since.set(name, nowMs);
    this.#lastMs = nowMs;
  }

  /** It is there again, or its deletion is done. */
  settle(name: string): void {
    this.#since.delete(name);
    this.#confirmed.delete(name);
  }

  clear(): void {
    this.#since.clear();
    this.#confirmed.clear();
  }

  /** The operator says that those that are gone now are to be deleted. */
  confirm(): void {
    this.#confirmed = new Set(this.#since.keys());
  }

  /**
   * @param name one that was noted
   * @param known how many files were there, those that are gone included, and whether deletions wait already
   */
  judge(name: string, { size, isHeld }: Known, nowMs: number): Verdict {
    if (this.#confirmed.has(name)) return { kind: 'delete' };
    if (isHeld) return { kind: 'hold' };
    const isMany = this.size >= MANY;
    const from = isMany ? this.#lastMs + SETTLED_MS : (this.#since.get(name) ?? nowMs) + SOON_MS;
    if (nowMs < from) return { kind: 'wait', ms: from - nowMs };
    return isMany && size >= FEW_KNOWN && this.size > size / 2 ? { kind: 'hold' } : { kind: 'delete' };
  }
}
