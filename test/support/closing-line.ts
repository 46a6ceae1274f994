/**
 * Ends the run with one plain line of counts, and names each skipped test with its reason and each failed one with its
 * first error. In CI the failures also go to dist/failed.log, for the end of a long output.
 */
import { writeFileSync } from 'node:fs';
import process from 'node:process';
import type { Reporter, TestCase, TestModule } from 'vitest/node';
import type { SerializedError } from 'vitest';

export default class ClosingLine implements Reporter {
  #passed = 0;
  readonly #failed: string[] = [];
  readonly #skipped: string[] = [];

  onTestCaseResult(test: TestCase): void {
    const { state, errors } = test.result();
    if (state === 'passed') this.#passed++;
    else if (state === 'failed') this.#fail(test.module.relativeModuleId, test.fullName, errors);
    else this.#skipped.push(test.fullName);
  }

  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly SerializedError[]): void {
    for (const module of modules)
      for (const error of module.errors()) this.#fail(module.relativeModuleId, 'as a whole', [error]);
    for (const error of unhandled) this.#fail('outside all tests', error.name ?? '', [error]);
    for (const failure of this.#failed) console.log(failure);
    if (process.env.CI !== undefined)
      writeFileSync('dist/failed.log', this.#failed.map((line) => `${line}\n`).join(''));
    for (const name of this.#skipped) console.log(`SKIPPED ${name}`);
    console.log(
      `\n${String(this.#passed)} passed, ${String(this.#failed.length)} failed, ${String(this.#skipped.length)} skipped`,
    );
  }

  #fail(file: string, name: string, errors: readonly { readonly message: string }[] | undefined): void {
    const why = errors?.[0]?.message.split('\n').slice(0, 3).join(' ') ?? 'no error was told';
    this.#failed.push(`FAILED ${file} > ${name}: ${why}`);
  }
}
