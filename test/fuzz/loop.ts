/** The loop of one target: keeps inputs that run new code, and makes new ones of them. */
import fc from 'fast-check';
import type { Coverage } from './coverage.ts';
import { mutate } from './mutate.ts';
import { type Random, randomOf } from './random.ts';
import { Broken, type Target } from './target.ts';

/** Asking for coverage takes milliseconds: only where a batch ran new code, each of it is run once more. */
const BATCH = 64;
/** One in so many inputs is made by fast-check. */
const STRUCTURED = 3;
/** Processor time for one input. Milliseconds. */
const LONGEST_MS = 1000;
const MOST_MEMORY = 1024 ** 3;

export interface Progress {
  readonly executions: number;
  readonly corpus: number;
  readonly blocks: number;
}

export interface Run {
  readonly target: Target;
  readonly coverage: Coverage;
  readonly seed: number;
  /** Before each execution. */
  readonly record: (input: Buffer) => void;
}

export class Loop {
  readonly #run: Run;
  readonly #random: Random;
  readonly #corpus: Buffer[] = [];
  #executions = 0;
  #last: Buffer = Buffer.alloc(0);

  constructor(run: Run) {
    this.#run = run;
    this.#random = randomOf(run.seed);
  }

  get progress(): Progress {
    return { executions: this.#executions, corpus: this.#corpus.length, blocks: this.#run.coverage.blocks };
  }

  /** What was executed last. */
  get last(): Buffer {
    return this.#last;
  }

  /** Runs the seeds; they are kept, whatever they run. @throws Error as the target does */
  async begin(): Promise<void> {
    const { seeds, longest } = this.#run.target;
    const inputs = seeds.map((seed) => seed.subarray(0, longest));
    for (const input of inputs) await this.execute(input);
    this.#corpus.push(...inputs);
    this.#run.coverage.takeNews();
  }

  /** Runs a batch. @throws Error as the target does */
  async step(): Promise<void> {
    const batch = this.#structured();
    while (batch.length < BATCH) batch.push(this.#mutant());
    for (const input of batch) await this.execute(input);
    if (this.#run.coverage.hasNews()) {
      for (const input of batch) {
        await this.execute(input);
        if (this.#run.coverage.takeNews()) this.#corpus.push(input);
      }
    }
    const memory = process.memoryUsage.rss();
    if (memory > MOST_MEMORY) throw new Broken(`${String(memory)} bytes of memory are in use`);
  }

  /** @throws Error when something does not hold, or it takes too long */
  async execute(input: Buffer): Promise<void> {
    this.#last = input;
    this.#run.record(input);
    this.#executions++;
    const start = process.cpuUsage();
    await this.#run.target.run(input);
    const { user, system } = process.cpuUsage(start);
    const ms = Math.round((user + system) / 1000);
    if (ms > LONGEST_MS) throw new Broken(`it takes ${String(ms)} ms of the processor`);
  }

  /** Leaves out of a failing input what is not needed for its failure, as far as a few hundred runs show it. */
  async shrink(failing: Buffer): Promise<Buffer> {
    let smallest = failing;
    for (let size = smallest.length >> 1; size > 0; size >>= 1) {
      for (let at = 0, tries = 0; at < smallest.length && tries < 100; tries++) {
        const smaller = Buffer.concat([smallest.subarray(0, at), smallest.subarray(at + size)]);
        if (await this.#fails(smaller)) smallest = smaller;
        else at += size;
      }
    }
    this.#run.record(smallest);
    return smallest;
  }

  async #fails(input: Buffer): Promise<boolean> {
    try {
      await this.execute(input);
      return false;
    } catch {
      return true;
    }
  }

  #structured(): Buffer[] {
    const { structure, longest } = this.#run.target;
    const seed = this.#random.below(2 ** 31);
    const made = fc.sample(structure, { seed, numRuns: Math.ceil(BATCH / STRUCTURED) });
    return made.map((input) => input.subarray(0, longest));
  }

  /** Of any input, but every other time of one of the latest. */
  #mutant(): Buffer {
    const { words, longest } = this.#run.target;
    const latest = Math.min(this.#corpus.length, this.#random.oneOf([this.#corpus.length, 20]));
    const chosen = this.#corpus[this.#corpus.length - 1 - this.#random.below(latest)] ?? Buffer.alloc(0);
    return mutate(chosen, this.#random, { corpus: this.#corpus, words, longest });
  }
}
