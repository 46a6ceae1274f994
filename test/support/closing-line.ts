/** Ends the run with one plain line of counts, and names each skipped test with its reason. */
import type { Reporter, TestCase } from 'vitest/node';

export default class ClosingLine implements Reporter {
  #passed = 0;
  #failed = 0;
  readonly #skipped: string[] = [];

  onTestCaseResult(test: TestCase): void {
    const { state } = test.result();
    if (state === 'passed') this.#passed++;
    else if (state === 'failed') this.#failed++;
    else this.#skipped.push(test.fullName);
  }

  onTestRunEnd(): void {
    for (const name of this.#skipped) console.log(`SKIPPED ${name}`);
    console.log(
      `\n${String(this.#passed)} passed, ${String(this.#failed)} failed, ${String(this.#skipped.length)} skipped`,
    );
  }
}
