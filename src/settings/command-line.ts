/** Parses command-line words, as getopt takes them or as long flags, into assignments. Pure. */
import yargs from 'yargs';
import { type Assignment, bytesOf, error, type Problem } from './assignment.ts';
import { nearest } from './nearest.ts';
import { longFlag, type OptionRow, OPTIONS, type Token } from './options.ts';
import { defaultText } from './reference.ts';

/** Stands before every value handed to yargs, which would strip quotes and make numbers of bare ones. */
const GUARD = '=';

/** What only the command line can ask for. */
interface ActionRow {
  readonly name: string;
  readonly flag?: string;
  /** What to call the value in help; without it the option takes none. */
  readonly value?: string;
  readonly help: string;
}

const ACTIONS = [
  {
    name: 'config-file',
    flag: 'F',
    value: 'FILE',
    help: 'Read this configuration file; command-line options win over it.',
  },
  { name: 'check', help: 'Check the settings, print each with its source, and exit.' },
  { name: 'help', flag: 'h', help: 'Show this help.' },
  { name: 'version', help: 'Show the version.' },
  { name: 'service', flag: 'S', value: 'ACTION', help: 'Windows services: not supported.' },
] as const satisfies readonly ActionRow[];

type ActionName = (typeof ACTIONS)[number]['name'];

export interface CommandLine {
  /** The value given to each action, `1` where it takes none. */
  readonly actions: ReadonlyMap<ActionName, string>;
  readonly assignments: readonly Assignment[];
  readonly problems: readonly Problem[];
}

/** One way to write an option: a letter or a long name. */
interface Flag {
  readonly long: string;
  readonly takesValue: boolean;
  /** What the bare flag stands for. */
  readonly bare: string;
}

const FLAGS = knownFlags();

function knownFlags(): ReadonlyMap<string, Flag> {
  const flags = new Map<string, Flag>();
  for (const row of OPTIONS as readonly OptionRow[]) {
    const long = longFlag(row.token);
    const flag = { long, takesValue: row.type !== 'boolean', bare: '1' };
    flags.set(`--${long}`, flag);
    if (row.flag !== undefined) flags.set(`-${row.flag}`, flag);
    if (row.type !== 'integer') continue;
    for (const [letter, bare] of Object.entries(row.letters ?? {})) {
      flags.set(`-${letter}`, { long, takesValue: false, bare });
    }
  }
  for (const row of ACTIONS as readonly ActionRow[]) {
    const flag = { long: row.name, takesValue: row.value !== undefined, bare: '1' };
    flags.set(`--${row.name}`, flag);
    if (row.flag !== undefined) flags.set(`-${row.flag}`, flag);
  }
  return flags;
}

/**
 * @param words the arguments behind the program's name
 * @param origin where they stand: '' for the command line itself, else its name, for messages
 */
export function parseCommandLine(words: readonly string[], origin = ''): CommandLine {
  const { normal, problems } = normalise(words, origin);
  const parsed = parser().parseSync(normal) as Readonly<Record<string, unknown>>;
  const actions = new Map<ActionName, string>();
  for (const { name } of ACTIONS) {
    const value = parsed[name];
    if (typeof value === 'string') actions.set(name, value.slice(GUARD.length));
  }
  const assignments: Assignment[] = [];
  for (const row of OPTIONS) {
    const value = parsed[longFlag(row.token)];
    if (typeof value !== 'string') continue;
    const source = [origin, names(row)].filter(Boolean).join(' ');
    const token: Token = row.token;
    assignments.push({ token, value: bytesOf(value.slice(GUARD.length)), source, typed: origin === '' });
  }
  return { actions, assignments, problems };
}

/** The help text, from the option table. */
export async function helpText(program: string): Promise<string> {
  const help = parser().scriptName(program).usage(`Usage: ${program} [-F FILE] [-s DIR] [option ...]`);
  return help.getHelp();
}

/** `-p, --port`: how an option is written, for messages. */
function names(row: OptionRow): string {
  const letter = row.flag === undefined ? '' : `-${row.flag}, `;
  return `${letter}--${longFlag(row.token)}`;
}

/**
 * Rewrites words as `--long=value`, one an option, which yargs reads without guessing: it takes `-a1.2.3.4`,
 * `-x -secret` and `-vV` otherwise than getopt does.
 */
function normalise(words: readonly string[], origin: string): { normal: string[]; problems: Problem[] } {
  const normal: string[] = [];
  const problems: Problem[] = [];
  const queue = [...words];
  const fail = (text: string): void => {
    problems.push(error(origin, text));
  };
  const take = (flag: Flag, written: string, attached: string | undefined): void => {
    const value = attached ?? queue.shift();
    if (value === undefined) fail(`option ${written} needs a value`);
    else normal.push(`--${flag.long}=${GUARD}${value}`);
  };
  for (let word = queue.shift(); word !== undefined; word = queue.shift()) {
    if (word.startsWith('--') && word !== '--') {
      const [, name = word, value] = /^(--[^=]*)=(.*)$/s.exec(word) ?? [];
      const flag = FLAGS.get(name.replaceAll('_', '-'));
      if (flag === undefined) fail(unknownOption(name));
      else if (flag.takesValue) take(flag, name, value);
      else if (value === undefined && (queue[0] === '0' || queue[0] === '1')) take(flag, name, undefined);
      else normal.push(`--${flag.long}=${GUARD}${value ?? flag.bare}`);
    } else if (word.startsWith('-') && word.length > 1 && word !== '--') {
      letters(word.slice(1));
    } else {
      fail(`unexpected argument "${word}"`);
    }
  }
  return { normal, problems };

  /** A bundle such as `-vdp41121`: the first letter that takes a value takes the rest, or the next word. */
  function letters(bundle: string): void {
    for (let i = 0; i < bundle.length; i++) {
      const written = `-${bundle.charAt(i)}`;
      const flag = FLAGS.get(written);
      if (flag === undefined) {
        fail(unknownOption(written));
        return;
      }
      if (flag.takesValue) {
        const rest = bundle.slice(i + 1);
        take(flag, written, rest === '' ? undefined : rest);
        return;
      }
      normal.push(`--${flag.long}=${GUARD}${flag.bare}`);
    }
  }
}

function unknownOption(written: string): string {
  const near = written.startsWith('--') ? nearest(written, FLAGS.keys()) : undefined;
  return `unknown option ${written}${near === undefined ? '' : `; did you mean ${near}?`}`;
}

/** yargs, told everything the table knows. */
function parser(): ReturnType<typeof yargs> {
  const built = yargs([])
    .locale('en')
    .help(false)
    .version(false)
    .exitProcess(false)
    .parserConfiguration({
      'boolean-negation': false,
      'camel-case-expansion': false,
      'dot-notation': false,
      'duplicate-arguments-array': false,
      'parse-numbers': false,
      'parse-positional-numbers': false,
      'short-option-groups': false,
    })
    .wrap(110);
  for (const row of ACTIONS as readonly ActionRow[]) describe(row.name, [row.flag], row.help);
  for (const row of OPTIONS as readonly OptionRow[]) {
    const letters = row.type === 'integer' ? Object.keys(row.letters ?? {}) : [];
    describe(longFlag(row.token), [row.flag, ...letters], `${row.help}${hint(row)}`);
  }
  return built;

  function describe(long: string, letters: readonly (string | undefined)[], description: string): void {
    built.option(long, { alias: letters.filter((letter) => letter !== undefined), description });
  }
}

function hint(row: OptionRow): string {
  const text = defaultText(row);
  return text === '' ? '' : ` (default ${text})`;
}
