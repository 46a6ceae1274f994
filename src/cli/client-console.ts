/** What tentacle_client says, and where. */
import { fstatSync, statSync } from 'node:fs';
import { LocalFileError } from '../client/errors.ts';
import type { Progress } from '../client/tasks.ts';
import type { Outcome } from '../client/transfer.ts';
import { printable } from '../log/printable.ts';
import type { ClientValues } from '../settings/client-options.ts';

/** Opening them takes a millisecond or two, so it is done by who has something to say. */
const opened = new Set<'stdout' | 'stderr'>();

/** Whoever stops listening to what is told does not stop the transfer. */
function write(name: 'stdout' | 'stderr', line: string): void {
  const stream = process[name];
  if (!opened.has(name)) stream.on('error', () => undefined);
  opened.add(name);
  stream.write(`${line}\n`);
}

/** Saves most starts from asking the stream, which would open it. */
function mayBeTerminal(): boolean {
  try {
    const output = fstatSync(1);
    return output.isCharacterDevice() && output.rdev !== statSync('/dev/null').rdev;
  } catch {
    return false;
  }
}

/** What the program says: C2: errors to standard error as `[err] text`, progress to standard output as `[log] text`. */
export class Console {
  readonly #values: ClientValues['values'];

  constructor({ values }: ClientValues) {
    this.#values = values;
    if (values.verbose && !values.json) {
      this.log = (message) => {
        this.print(`[log] ${message}`);
      };
    }
  }

  readonly print = (line: string): void => {
    write('stdout', line);
  };

  /** Undefined when nobody wants to hear: then nobody need put it in words. */
  readonly log: ((message: string) => void) | undefined;

  readonly problem = (message: string): void => {
    if (!this.#values.quiet) write('stderr', `[err] ${message}`);
  };

  /** A file that was not even tried. */
  refused(file: string, error: Error): void {
    this.#tell({ file, server: undefined, error, ms: 0 });
  }

  /** Files of a run that did not come about; why was told already, but a program wants an object for each. */
  untried(files: readonly string[], why: string): void {
    if (!this.#values.json) return;
    for (const file of files) this.print(JSON.stringify({ file, ok: false, ms: 0, error: why }));
  }

  outcome({ task, ...rest }: Outcome): void {
    this.#tell({ file: task.file, ...rest });
  }

  /** A bar for what takes over a second, on a terminal; nothing elsewhere. */
  progress(): { readonly show: Progress | undefined; readonly end: () => Promise<void> } {
    const { json, quiet, verbose } = this.#values;
    const nothing = { show: undefined, end: () => Promise.resolve() };
    if (json || quiet || verbose || !mayBeTerminal() || !process.stdout.isTTY) return nothing;
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
    if (error === undefined)
      this.log?.(this.#values.get || this.#values.move ? 'File received' : 'File sent');
    else this.problem(this.#named(file, error));
  }

  /** The message, with the file's name in front unless it names it already. */
  #named(file: string, error: Error): string {
    const name = printable(Buffer.from(file).toString('latin1'));
    // Local errors name their file; in others its name would be found by chance.
    return error instanceof LocalFileError
      ? error.message.replaceAll(file, () => name)
      : `${name}: ${error.message}`;
  }
}
