/** Tells what of our own code was run, by V8's block coverage. */
import { Session, type Profiler } from 'node:inspector';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** esbuild writes the name of each module above it. */
const MODULE = /^ *\/\/ (\S+\.ts)$/gm;

/** Places in a bundle where code of `src/` begins and ends. */
interface Section {
  readonly start: number;
  readonly end: number;
}

export class Coverage {
  readonly #session = new Session();
  readonly #url: string;
  readonly #sections: readonly Section[];
  /** For each character of the bundle, whether it was run. */
  readonly #run: Uint8Array;
  readonly #now: Uint8Array;
  /** Where a block begins. */
  readonly #starts = new Set<number>();

  /** Begins to count. @param url of the bundle, which must be made of one file */
  constructor(url: string) {
    this.#url = url;
    const text = readFileSync(fileURLToPath(url), 'utf8');
    this.#sections = ownSections(text);
    this.#run = new Uint8Array(text.length);
    this.#now = new Uint8Array(text.length);
    this.#session.connect();
    this.#session.post('Profiler.enable');
    this.#session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  }

  /** Blocks that were ever run. */
  get blocks(): number {
    return [...this.#starts].filter((start) => this.#run[start] === 1).length;
  }

  /** Whether code was run since the last question that had never been run before; it still counts as new. */
  hasNews(): boolean {
    return this.#news().length > 0;
  }

  /** The same, but it is new no more. */
  takeNews(): boolean {
    const news = this.#news();
    for (const at of news) this.#run[at] = 1;
    return news.length > 0;
  }

  /** Places that were not run before. */
  #news(): number[] {
    this.#now.fill(0);
    // Functions come in the order in which they begin, blocks within the blocks around them: the last word counts.
    for (const { ranges } of this.#take()) {
      for (const { startOffset, endOffset, count } of ranges) {
        this.#now.fill(count > 0 ? 1 : 0, startOffset, endOffset);
        if (this.#isOwn(startOffset)) this.#starts.add(startOffset);
      }
    }
    const news: number[] = [];
    for (const { start, end } of this.#sections) {
      for (let at = start; at < end; at++) if (this.#now[at] === 1 && this.#run[at] === 0) news.push(at);
    }
    return news;
  }

  #take(): Profiler.FunctionCoverage[] {
    let functions: Profiler.FunctionCoverage[] = [];
    // Answers at once: the session is this thread's own.
    this.#session.post('Profiler.takePreciseCoverage', (failure, answer) => {
      if (failure !== null) throw failure;
      functions = answer.result.find(({ url }) => url === this.#url)?.functions ?? [];
    });
    return functions;
  }

  #isOwn(offset: number): boolean {
    return this.#sections.some(({ start, end }) => offset >= start && offset < end);
  }
}

function ownSections(text: string): Section[] {
  const modules = [...text.matchAll(MODULE)];
  return modules
    .map(({ 1: name = '', index }, nth) => ({
      name,
      start: index,
      end: modules[nth + 1]?.index ?? text.length,
    }))
    .filter(({ name }) => name.startsWith('src/'));
}
