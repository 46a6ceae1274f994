/** Tells whoever starts the server what is wrong. */
import { EXIT_FAILURE } from '../process/exit-codes.ts';
import { describe, type Problem } from '../settings/assignment.ts';

/** Tells warnings, then errors. @returns the exit code of a start that failed */
export function fail(problems: readonly Problem[]): number {
  tell(problems.filter((problem) => !isError(problem)));
  tell(problems.filter(isError));
  return EXIT_FAILURE;
}

/** To standard error. */
export function tell(problems: readonly Problem[]): void {
  for (const problem of problems) {
    process.stderr.write(`[${isError(problem) ? 'err' : 'warning'}] ${describe(problem)}\n`);
  }
}

export function isError({ severity }: Problem): boolean {
  return severity === 'error';
}
