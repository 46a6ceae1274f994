/** Who is here, in the order in which they came: what comes and goes with every connection. */

/** Somebody's place in a row. */
export interface Link<T> {
  readonly value: T;
  isHere: boolean;
  before: Link<T> | undefined;
  after: Link<T> | undefined;
}

/**
 * Not a Map or Set: whenever one of those is rebuilt, V8 lets the old table point to the new one. Of a small crowd with a
 * large turnover, such tables, dead but not yet collected, kept alive all who had left long ago: a third of what the
 * quick collector could have thrown away.
 */
export class Row<T> {
  #first: Link<T> | undefined;
  #last: Link<T> | undefined;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get first(): Link<T> | undefined {
    return this.#first;
  }

  /** At the end. */
  add(value: T): Link<T> {
    const link: Link<T> = { value, isHere: true, before: this.#last, after: undefined };
    if (this.#last === undefined) this.#first = link;
    else this.#last.after = link;
    this.#last = link;
    this.#size++;
    return link;
  }

  /** @returns whether it was still here */
  remove(link: Link<T>): boolean {
    if (!link.isHere) return false;
    link.isHere = false;
    const { before, after } = link;
    if (before === undefined) this.#first = after;
    else before.after = after;
    if (after === undefined) this.#last = before;
    else after.before = before;
    // What is gone must not keep alive who came later.
    link.before = undefined;
    link.after = undefined;
    this.#size--;
    return true;
  }

  /** Nobody but the one that is reached may be removed meanwhile. */
  *[Symbol.iterator](): Generator<T, void, undefined> {
    let link = this.#first;
    while (link !== undefined) {
      const { value, after } = link;
      yield value;
      link = after;
    }
  }
}
