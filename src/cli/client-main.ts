/** tentacle_client from its command line to its exit code. */
import { readFileSync } from 'node:fs';
import { clientTarget, type ClientTarget } from './client-target.ts';
import { LocalFileError } from '../client/errors.ts';
import { nameOf, spoolInput } from '../client/local-files.ts';
import { checkName, Compression, fetchTask, type Progress, sendTask } from '../client/tasks.ts';
import { type Outcome, type Task, transfer } from '../client/transfer.ts';
import { printable } from '../log/printable.ts';
import { EXIT_FAILURE, EXIT_OK } from '../process/exit-codes.ts';
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
  hideSecrets(words);
  const request = readClientRequest(words, process.env, readConf);
  const [first] = request.targets;
  if (first === undefined) return EXIT_FAILURE;
  const console = new Console(first);
  const answered = await answerAction(request);
  if (answered !== undefined) return answered;
  for (const problem of request.problems) console.problem(describe(problem));
  if (request.problems.some(({ severity }) => severity === 'error')) return EXIT_FAILURE;
  try {
    return await runTargets(request, console);
  } catch (error) {
    console.problem((error as Error).message);
    return EXIT_FAILURE;
  }
}

async function answerAction({ actions, operands, targets }: ClientRequest): Promise<number | undefined> {
  const asked = targets.some(({ values }) => values.check || values.list !== undefined);
  const empty = operands.length === 0 && !asked;
  if (actions.has('help') || empty) {
    const { helpText } = await import('../settings/help.ts');
    const { CLIENT_ACTIONS, CLIENT_OPTIONS } = await import('../settings/client-options.ts');
    process.stdout.write(`${await helpText(USAGE, CLIENT_OPTIONS, CLIENT_ACTIONS)}\n`);
    if (actions.has('help')) return EXIT_OK;
    process.stderr.write('[err] no file given\n');
    return EXIT_FAILURE;
  }
  if (!actions.has('version')) return undefined;
  process.stdout.write(`${PROGRAM} ${VERSION}\n`);
  return EXIT_OK;
}

/** One target, or the two of an agent's configuration: both, or the second when the first fails. */
async function runTargets(request: ClientRequest, console: Console): Promise<number> {
  let result = EXIT_FAILURE;
  for (const [index, given] of request.targets.entries()) {
    if (index > 0 && request.secondary === 'on_error' && result === EXIT_OK && !given.values.check) break;
    const { target, problems } = await clientTarget(given);
    for (const problem of problems) console.problem(describe(problem));
    const code = target === undefined ? EXIT_FAILURE : await runTarget(request, { given, target }, console);
    const both = index > 0 && (request.secondary === 'always' || given.values.check);
    result = both ? Math.max(result, code) : code;
  }
  return result;
}

interface Job {
  readonly given: ClientValues;
  readonly target: ClientTarget;
}

async function runTarget({ operands }: ClientRequest, job: Job, console: Console): Promise<number> {
  const { values } = job.given;
  const stop = new AbortController();
  const interrupt = (): void => {
    stop.abort(new Error('interrupted'));
  };
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt);
  const target = { ...job.target, connect: { ...job.target.connect, signal: stop.signal, log: console.log } };
  if (values.check) {
    const { checkTarget } = await import('./client-check.ts');
    return checkTarget(target, { print: console.print, problem: console.problem });
  }
  const prepared = await prepare(operands, values, console);
  let confirmed = prepared.allFit;
  try {
    if (prepared.tasks.length > 0 && (prepared.allFit || !values.stop_on_error)) {
      const { stop_on_error: stopOnError, retry } = values;
      const report = (outcome: Outcome): void => {
        console.outcome(outcome);
      };
      if (!(await transfer(prepared.tasks, { ...target, stopOnError, retry, report }))) confirmed = false;
    }
  } finally {
    await prepared.cleanUp();
  }
  return confirmed ? EXIT_OK : EXIT_FAILURE;
}

interface Prepared {
  readonly tasks: readonly Task[];
  /** Whether no file was refused before anything was sent. */
  readonly allFit: boolean;
  readonly cleanUp: () => Promise<void>;
}

/** Makes tasks of what was asked for; what can be refused without the server is refused here. */
async function prepare(
  operands: readonly string[],
  values: ClientValues['values'],
  console: Console,
): Promise<Prepared> {
  const name = values.name;
  if (name !== undefined && operands.length > 1) throw new LocalFileError('--name takes one file only');
  const progress = console.progress();
  if (values.list !== undefined) {
    return { tasks: [listTask(values.list, console)], allFit: true, cleanUp: progress.end };
  }
  if (values.get || values.move) {
    const options = { name, progress: progress.show, move: values.move, compress: values.compress !== '0' };
    const tasks = operands.map((operand) => fetchTask(operand, process.cwd(), options));
    return { tasks, allFit: true, cleanUp: progress.end };
  }
  const compression = new Compression();
  const compress = values.compress === '1' ? 'yes' : values.compress === 'auto' ? 'auto' : 'no';
  const tasks: Task[] = [];
  const cleaners: (() => Promise<void>)[] = [progress.end];
  let allFit = true;
  for (const operand of operands) {
    try {
      const stored = name ?? nameOf(operand);
      if (operand === '-' && name === undefined)
        throw new LocalFileError('Standard input needs a name: --name NAME');
      checkName(stored, printable(nameOf(operand)));
      const input = operand === '-' ? await spoolInput(process.stdin) : undefined;
      if (input !== undefined) cleaners.push(input.remove);
      const options = { name: stored, compress, compression, progress: progress.show } as const;
      const task = sendTask(input?.path ?? operand, options);
      await task.check();
      tasks.push({ ...task, file: operand });
    } catch (error) {
      allFit = false;
      console.refused(operand, error as Error);
    }
  }
  return {
    tasks,
    allFit,
    cleanUp: async () => {
      for (const clean of cleaners) await clean();
    },
  };
}

function listTask(name: string, console: Console): Task {
  return {
    file: `--list ${printable(name)}`,
    run: async (client) => {
      for (const each of await client.list(name)) console.print(printable(each));
    },
  };
}

/** What the program says: C2: errors to standard error as `[err] text`, progress to standard output as `[log] text`. */
class Console {
  readonly #values: ClientValues['values'];

  constructor({ values }: ClientValues) {
    this.#values = values;
  }

  readonly print = (line: string): void => {
    process.stdout.write(`${line}\n`);
  };

  readonly log = (message: string): void => {
    if (this.#values.verbose && !this.#values.json) this.print(`[log] ${message}`);
  };

  readonly problem = (message: string): void => {
    if (!this.#values.quiet) process.stderr.write(`[err] ${message}\n`);
  };

  /** A file that was not even tried. */
  refused(file: string, error: Error): void {
    this.#tell({ file, server: undefined, error, ms: 0 });
  }

  outcome({ task, ...rest }: Outcome): void {
    this.#tell({ file: task.file, ...rest });
  }

  /** A bar for what takes over a second, on a terminal; nothing elsewhere. */
  progress(): { readonly show: Progress | undefined; readonly end: () => Promise<void> } {
    const { json, quiet, verbose } = this.#values;
    const nothing = { show: undefined, end: () => Promise.resolve() };
    if (!process.stdout.isTTY || json || quiet || verbose) return nothing;
    // The library is loaded only once a bar is due.
    const bar = import('./progress-bar.ts').then(({ ProgressBar }) => new ProgressBar());
    return {
      show: (moved, total) =>
        void bar.then((shown) => {
          shown.show(moved, total);
        }),
      end: async () => {
        (await bar).end();
      },
    };
  }

  #tell({
    file,
    server,
    error,
    ms,
  }: {
    file: string;
    server: string | undefined;
    error: Error | undefined;
    ms: number;
  }): void {
    if (this.#values.json) {
      const result = { file, ok: error === undefined, ms, server, error: error?.message };
      this.print(JSON.stringify(result));
    }
    if (error === undefined) this.log(this.#values.get || this.#values.move ? 'File received' : 'File sent');
    else this.problem(this.#named(file, error));
  }

  /** The message, with the file's name in front unless it names it already. */
  #named(file: string, error: Error): string {
    const name = printable(Buffer.from(file).toString('latin1'));
    const message = error.message.replaceAll(file, name);
    return message.includes(name) ? message : `${name}: ${message}`;
  }
}

function readConf(path: string): string {
  return readFileSync(path, 'latin1');
}

/** Keeps passwords of the command line out of `ps`. */
function hideSecrets(words: readonly string[]): void {
  const shown = withoutClientSecrets(words);
  if (shown.every((word, index) => word === words[index])) return;
  const [, script = PROGRAM] = process.argv;
  process.title = [process.argv0, script, ...shown].join(' ');
}
