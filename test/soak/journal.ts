/** What is known so far: what was done how often, how long it took, what went wrong. */

/** Told in full; more of the same says nothing new. */
const MOST_TOLD = 20;

export class Journal {
  readonly counts = new Map<string, number>();
  /** How long honest sends took, from the connection to the last OK, by the way they took; milliseconds. */
  readonly sends = new Map<string, number[]>();
  readonly told: string[] = [];
  problems = 0;

  did(what: string): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1);
  }

  sent(way: string, ms: number): void {
    const times = this.sends.get(way);
    if (times === undefined) this.sends.set(way, [ms]);
    else times.push(ms);
  }

  /** Whatever is told here makes the soak fail. */
  problem(text: string): void {
    this.problems++;
    const line = `${new Date().toISOString()} ${text}`;
    if (this.told.length < MOST_TOLD) {
      this.told.push(line);
      console.log(`PROBLEM ${line}`);
    }
  }
}
