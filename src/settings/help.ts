/** Writes the help of a program from its option table. To be imported only by who needs it: yargs takes its time. */
import yargs from 'yargs';
import { type ActionRow, defaultText, longFlag, type OptionRow } from './option-row.ts';

const WIDTH = 110;

/** @param usage its first line, such as `Usage: tentacle_server [-F FILE] [option ...]` */
export async function helpText(
  usage: string,
  options: readonly OptionRow[],
  actions: readonly ActionRow[],
): Promise<string> {
  const help = yargs([]).locale('en').help(false).version(false).exitProcess(false).usage(usage).wrap(WIDTH);
  for (const { name, flag, value, help: text } of actions) describe(name, [flag], hint(value, text, ''));
  for (const row of options) {
    const value = 'value' in row ? row.value : row.type === 'boolean' ? undefined : 'NUMBER';
    const others = [row.flag, ...Object.keys(row.letters ?? {}), ...(row.words ?? [])];
    describe(longFlag(row.token), others, hint(value, row.help, defaultText(row)));
  }
  return help.getHelp();

  function describe(long: string, others: readonly (string | undefined)[], description: string): void {
    help.option(long, { alias: others.filter((other) => other !== undefined), description });
  }
}

/** `FILE: what it means (default this)` */
function hint(value: string | undefined, text: string, standard: string): string {
  const before = value === undefined ? '' : `${value}: `;
  return `${before}${text}${standard === '' ? '' : ` (default ${standard})`}`;
}
