/** tentacle_client from its command line to its exit code. */
import { readFileSync } from 'node:fs';
import { Console } from './client-console.ts';
import { clientTarget, type ClientTarget } from './client-target.ts';
import { prepare, type Surroundings } from './client-tasks.ts';
import { StandardInput } from './standard-input.ts';
import { LocalFileError } from '../client/errors.ts';
import { type Outcome, transfer } from '../client/transfer.ts';
import { reasonOf } from '../log/errno.ts';
import { EXIT_FAILURE, EXIT_OK } from '../process/exit-codes.ts';
import { rawWords } from '../process/raw-words.ts';
import { showInstead } from '../process/title.ts';
import { describe } from '../settings/assignment.ts';
import type { ClientValues } from '../settings/client-options.ts';
import { type ClientRequest, readClientRequest, withoutClientSecrets } from '../settings/client-request.ts';

const PROGRAM = 'tentacle_client';
const USAGE = `Usage: ${PROGRAM} [option ...] FILE ...`;
const VERSION = process.env.TENTACLE_VERSION ?? 'unbundled';

/**
 * Runs the program.
 * @param words the arguments behind its name
 * @returns the exit code: 0 only if every file was confirmed (C2)
 */
export async function clientMain(words: readonly string[]): Promise<number> {
  const raw = rawWords(words);
  showInstead(words, withoutClientSecrets(words));
  const request = readClientRequest(words, process.env, readConf);
  const [first] = request.targets;
  if (first === undefined) return EXIT_FAILURE;
  const console = new Console(first);
  const answered = await answerAction(request);
  if (answered !== undefined) return answered;
  for (const problem of request.problems) console.problem(describe(problem));
  if (request.problems.some(({ severity }) => severity === 'error')) return EXIT_FAILURE;
  const stop = new AbortController();
  const interrupt = (): void => {
    stop.abort(new Error('interrupted'));
  };
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt).once('SIGHUP', interrupt);
  const input = new StandardInput(stop.signal);
  try {
    return await runTargets(request, { console, input, signal: stop.signal, raw });
  } catch (error) {
    console.problem((error as Error).message);
    return EXIT_FAILURE;
  } finally {
    await input.remove();
  }
}

async function answerAction({
  actions,
  operands,
  targets,
  problems,
}: ClientRequest): Promise<number | undefined> {
  const asked = targets.some(({ values }) => values.check || values.list !== undefined);
  const empty = operands.length === 0 && !asked && problems.length === 0;
  if (actions.has('version')) {
    process.stdout.write(`${PROGRAM} ${VERSION}\n`);
    return EXIT_OK;
  }
  if (actions.has('help') || empty) {
    const { helpText } = await import('../settings/help.ts');
    const { CLIENT_ACTIONS, CLIENT_OPTIONS } = await import('../settings/client-options.ts');
    process.stdout.write(`${await helpText(USAGE, CLIENT_OPTIONS, CLIENT_ACTIONS)}\n`);
    if (actions.has('help')) return EXIT_OK;
    process.stderr.write('[err] no file given\n');
    return EXIT_FAILURE;
  }
  return undefined;
}

/** One target, or the two of an agent's configuration: both, or the second when the first fails. */
async function runTargets(request: ClientRequest, around: Surroundings): Promise<number> {
  const { console, signal } = around;
  let result = EXIT_FAILURE;
  let operands = request.operands;
  // What is not fit to be sent is told once, and spoils the result for good.
  let allFit = true;
  for (const [index, given] of request.targets.entries()) {
    const instead = index > 0 && request.secondary === 'on_error' && !given.values.check;
    if (signal.aborted || (instead && result === EXIT_OK)) break;
    const { target, problems } = await clientTarget(given);
    for (const problem of problems) console.problem(describe(problem));
    if (target === undefined) console.untried(operands, 'the set-up is not fit');
    const run =
      target === undefined
        ? { code: EXIT_FAILURE, unfit: [], failed: operands }
        : await runTarget(operands, { given, target }, around);
    const { code } = run;
    if (run.unfit.length > 0) allFit = false;
    if (request.secondary === 'on_error' && !given.values.check) operands = run.failed;
    const both = index > 0 && (request.secondary === 'always' || given.values.check);
    result = both ? Math.max(result, code) : code;
  }
  return allFit ? result : EXIT_FAILURE;
}

interface Job {
  readonly given: ClientValues;
  readonly target: ClientTarget;
}

interface TargetRun {
  readonly code: number;
  /** Operands that were refused before anything was connected, and those that were not confirmed. */
  readonly unfit: readonly string[];
  readonly failed: readonly string[];
}

async function runTarget(operands: readonly string[], job: Job, around: Surroundings): Promise<TargetRun> {
  const { values } = job.given;
  const { console, signal } = around;
  const target = { ...job.target, connect: { ...job.target.connect, signal, log: console.log } };
  if (values.check) {
    const { checkTarget } = await import('./client-check.ts');
    const code = await checkTarget(target, { print: console.print, problem: console.problem });
    return { code, unfit: [], failed: [] };
  }
  const { tasks, unfit, cleanUp } = await prepare(operands, values, around);
  const failed: string[] = [];
  let confirmed = true;
  try {
    if (unfit.length > 0 && values.stop_on_error) {
      confirmed = false;
      for (const { file } of tasks)
        console.refused(file, new LocalFileError(`${file}: not tried, since another file failed`));
    } else if (tasks.length > 0) {
      const { stop_on_error: stopOnError, retry } = values;
      const report = (outcome: Outcome): void => {
        if (outcome.error !== undefined) failed.push(outcome.task.file);
        console.outcome(outcome);
      };
      confirmed = await transfer(tasks, { ...target, stopOnError, retry, report });
    }
  } finally {
    await cleanUp();
  }
  return { code: confirmed ? EXIT_OK : EXIT_FAILURE, unfit, failed };
}

function readConf(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch (cause) {
    throw new Error(`cannot be read: ${reasonOf(cause)}`, { cause });
  }
}
