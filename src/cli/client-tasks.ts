/** Makes the tasks of what was asked for; what can be refused without the server is refused here. */
import type { Console } from './client-console.ts';
import type { StandardInput } from './standard-input.ts';
import { LocalFileError } from '../client/errors.ts';
import { nameOf } from '../client/local-files.ts';
import { checkName, Compression, fetchTask, sendTask } from '../client/tasks.ts';
import type { Task } from '../client/transfer.ts';
import { printable } from '../log/printable.ts';
import type { ClientValues } from '../settings/client-options.ts';

/** What runs share: the same input is sent to every target, and one signal ends all. */
export interface Surroundings {
  readonly console: Console;
  readonly input: StandardInput;
  readonly signal: AbortSignal;
  /** The bytes of words of the command line that are not UTF-8. */
  readonly raw: ReadonlyMap<string, Buffer>;
}

export interface Prepared {
  readonly tasks: readonly Task[];
  /** Operands that were refused before anything was sent. */
  readonly unfit: readonly string[];
  readonly cleanUp: () => Promise<void>;
}

/** @throws LocalFileError when the whole request makes no sense */
export async function prepare(
  operands: readonly string[],
  values: ClientValues['values'],
  { console, input, signal, raw }: Surroundings,
): Promise<Prepared> {
  const name = values.name;
  if (name !== undefined && operands.length > 1) throw new LocalFileError('--name takes one file only');
  const progress = console.progress();
  if (values.list !== undefined) {
    return { tasks: [listTask(values.list, console)], unfit: [], cleanUp: progress.end };
  }
  if (values.get || values.move) {
    const options = { name, progress: progress.show, move: values.move, compress: values.compress !== '0' };
    const fit = fitting(operands, console, (operand) => {
      checkName(nameOf(operand), operand, 'fetch');
      if (name !== undefined) checkName(name, operand, 'fetch');
    });
    const tasks = fit.map((operand) => fetchTask(operand, process.cwd(), options));
    return { tasks, unfit: operands.filter((operand) => !fit.includes(operand)), cleanUp: progress.end };
  }
  const compression = new Compression();
  const compress = values.compress === '1' ? 'yes' : values.compress === 'auto' ? 'auto' : 'no';
  const tasks: Task[] = [];
  const unfit: string[] = [];
  for (const operand of operands) {
    try {
      const path = raw.get(operand) ?? operand;
      const stored = name ?? nameOf(path);
      if (operand === '-' && name === undefined)
        throw new LocalFileError('Standard input needs a name: --name NAME');
      checkName(stored, operand);
      const alone = operands.length === 1;
      const options = { name: stored, compress, compression, progress: progress.show, alone } as const;
      const task = sendTask(operand === '-' ? await input.path() : path, options);
      await task.check();
      tasks.push({ ...task, file: operand });
    } catch (error) {
      signal.throwIfAborted();
      unfit.push(operand);
      console.refused(operand, error as Error);
    }
  }
  return { tasks, unfit, cleanUp: progress.end };
}

/** The operands that pass; the others are told. */
function fitting(operands: readonly string[], console: Console, check: (operand: string) => void): string[] {
  return operands.filter((operand) => {
    try {
      check(operand);
      return true;
    } catch (error) {
      console.refused(operand, error as Error);
      return false;
    }
  });
}

function listTask(name: string, console: Console): Task {
  return {
    file: `--list ${printable(name)}`,
    run: async (client) => {
      for (const each of await client.list(name)) console.print(printable(each));
    },
  };
}
