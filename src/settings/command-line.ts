/** Parses the words of tentacle_server's command line into assignments. Pure. */
import { type Assignment, bytesOf, error, type Problem, type Source, warning } from './assignment.ts';
import { flagsOf, takeApart } from './getopt.ts';
import { longFlag } from './option-row.ts';
import { type ActionName, ACTIONS, optionRow, OPTIONS, type Token } from './options.ts';

export interface CommandLine {
  /** The values given to each action, in their order; `1` where it takes none. */
  readonly actions: ReadonlyMap<ActionName, readonly string[]>;
  readonly assignments: readonly Assignment[];
  readonly problems: readonly Problem[];
}

const FLAGS = flagsOf(OPTIONS, ACTIONS);

/**
 * @param words the arguments behind the program's name
 * @param origin where they stand: '' for the command line itself, else its name, for messages
 */
export function parseCommandLine(words: readonly string[], origin = ''): CommandLine {
  const { given, rest, problems } = takeApart(words, FLAGS, origin);
  const actions = new Map<ActionName, string[]>();
  const assignments: Assignment[] = [];
  for (const { name, value } of given) {
    if (optionRow(name) === undefined) {
      const action = name as ActionName;
      actions.set(action, [...(actions.get(action) ?? []), value]);
    } else {
      const token = name as Token;
      assignments.push({
        token,
        value: bytesOf(value),
        source: sourceOf(token, origin),
        typed: origin === '',
      });
    }
  }
  return { actions, assignments, problems: [...problems, ...stray(words, rest, origin)] };
}

/** The words with every password blanked, for the list of processes. */
export function withoutPasswords(words: readonly string[]): readonly string[] {
  return takeApart(words, FLAGS, '').shown;
}

/** What somebody wrote to set a token: `-p, --port`. */
function sourceOf(token: Token, origin: string): Source {
  const letter = optionRow(token)?.flag;
  const names = `${letter === undefined ? '' : `-${letter}, `}--${longFlag(token)}`;
  return origin === '' ? names : `${origin} ${names}`;
}

/** A word that belongs to no option is not shown: it may be the second half of a password. */
function stray(words: readonly string[], rest: readonly string[], origin: string): Problem[] {
  if (rest.length === 0) return [];
  const at = String(words.length - rest.length + 1);
  return [
    error(
      origin,
      `word ${at} belongs to no option: the one before it takes no value, or a value with blanks is not quoted`,
    ),
  ];
}

/** What is asked for in a place where it can have no effect. */
export function ignoredActions({ actions }: CommandLine, origin: string): Problem[] {
  return [...actions.keys()]
    .filter((name) => name !== 'config-file')
    .map((name) => warning(origin, `--${name} has no effect here`));
}

/** What means something only beside another action. */
const COMPANIONS = {
  'make-certificates': ['host', 'client', 'days', 'rsa'],
  status: ['watch', 'json'],
} as const satisfies Partial<Record<ActionName, readonly ActionName[]>>;

/** Complains of companions that are alone. */
export function judgeCompanions(actions: CommandLine['actions']): Problem[] {
  return Object.entries(COMPANIONS).flatMap(([main, companions]) => {
    const alone = actions.has(main as ActionName) ? [] : companions.filter((name) => actions.has(name));
    return alone.map((name) => error(`--${name}`, `does something only with --${main}`));
  });
}
