/** Data servers that take every file at once, and remember what they took. */
import { readdirSync, readFileSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { temporaryDirectory } from './temporary.ts';

const INTERVAL_MS = 20;

export class Taking {
  /** How often each name was taken, from any of the directories. */
  readonly times = new Map<string, number>();
  readonly #taken = temporaryDirectory();
  readonly #spools: readonly string[];

  /** Takes what appears in these directories until the current test is over. */
  constructor(spools: readonly string[]) {
    this.#spools = spools;
    const timer = setInterval(() => {
      this.#take();
    }, INTERVAL_MS);
    onTestFinished(() => {
      clearInterval(timer);
    });
  }

  get names(): readonly string[] {
    return [...this.times.keys()].sort();
  }

  /** Those that were taken more than once. */
  get repeated(): readonly string[] {
    return this.names.filter((name) => (this.times.get(name) ?? 0) > 1);
  }

  /** The bytes of the first of that name. */
  contentOf(name: string): Buffer {
    return readFileSync(join(this.#taken, `1 ${name}`));
  }

  /** Its time, in milliseconds since the epoch. */
  timeOf(name: string): number {
    return statSync(join(this.#taken, `1 ${name}`)).mtimeMs;
  }

  #take(): void {
    for (const spool of this.#spools) {
      for (const entry of readdirSync(spool, { withFileTypes: true })) {
        const { name } = entry;
        if (!entry.isFile() || name.startsWith('.')) continue;
        const times = (this.times.get(name) ?? 0) + 1;
        this.times.set(name, times);
        renameSync(join(spool, name), join(this.#taken, `${String(times)} ${name}`));
      }
    }
  }
}
