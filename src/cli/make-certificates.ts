/** --make-certificates: makes what is wanted, and says how it is used. To be imported only by who needs it: it is large. */
import { resolve } from 'node:path';
import { fail, isError, tell } from './problems.ts';
import { adviceOn } from '../certificates/advice.ts';
import { makeCertificates } from '../certificates/maker.ts';
import { readWish } from '../certificates/wish.ts';
import { EXIT_OK } from '../process/exit-codes.ts';
import { error, warning } from '../settings/assignment.ts';
import { parseCommandLine } from '../settings/command-line.ts';
import type { Start } from '../settings/load.ts';

const ACTION = '--make-certificates';

/** @returns the exit code */
export async function makeCertificatesMain({ words, directory }: Start, program: string): Promise<number> {
  const { actions, assignments, problems: found } = parseCommandLine(words);
  const { wish, problems: unclear } = readWish(actions);
  const idle = assignments.map(({ source }) => warning(source, `has no effect beside ${ACTION}`));
  const problems = [...found, ...unclear, ...idle];
  if (problems.some(isError)) return fail(problems);
  tell(problems);
  try {
    const made = await makeCertificates(
      { ...wish, directory: resolve(directory, wish.directory) },
      Date.now(),
    );
    process.stdout.write(adviceOn(made, program));
    return EXIT_OK;
  } catch (cause) {
    return fail([error(ACTION, (cause as Error).message)]);
  }
}
