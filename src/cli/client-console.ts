/** What tentacle_client says, and where. */
import { LocalFileError } from '../client/errors.ts';
import type { Progress } from '../client/tasks.ts';
import type { Outcome } from '../client/transfer.ts';
import { printable } from '../log/printable.ts';
import type { ClientValues } from '../settings/client-options.ts';

/** What the program says: C2: errors to standard error as `[err] text`, progress to standard output as `[log] text`. */
export class Console {
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
    // Local errors name their file; in others its name would be found by chance.
    return error instanceof LocalFileError
      ? error.message.replaceAll(file, () => name)
      : `${name}: ${error.message}`;
  }
}
