/** Makes of words, environment and an agent's configuration what the client is asked to do. */
import { parseAgentConf } from './agent-conf.ts';
import { type Assignment, bytesOf, error, type Problem, textOf, warning } from './assignment.ts';
import {
  CLIENT_ACTIONS,
  CLIENT_OPTIONS,
  type ClientActionName,
  type ClientValues,
} from './client-options.ts';
import { EXT_OPTS, splitExtOpts } from './ext-opts.ts';
import { flagsOf, takeApart } from './getopt.ts';
import { mergeAssignments } from './merge.ts';
import { longFlag, type OptionRow } from './option-row.ts';

// A file may be called 0 or 1: a bare switch takes no such word for its value.
const FLAGS = flagsOf(CLIENT_OPTIONS, CLIENT_ACTIONS, { switchesTakeWords: false });
const ROWS: ReadonlyMap<string, OptionRow> = new Map(CLIENT_OPTIONS.map((row) => [row.token, row]));
const PATHS = CLIENT_OPTIONS.filter(({ type }) => type === 'path').map(({ token }) => token);

export interface ClientEnvironment {
  readonly TENTACLE_EXT_OPTS?: string | undefined;
  readonly TENTACLE_PASSWORD?: string | undefined;
}

export interface ClientRequest {
  readonly actions: ReadonlySet<ClientActionName>;
  /** Paths and names behind the options, as they were typed. */
  readonly operands: readonly string[];
  /** One for each server of an agent's configuration; else just one. */
  readonly targets: readonly ClientValues[];
  /** Whether the second target is used besides the first, or when that one fails. */
  readonly secondary: 'on_error' | 'always';
  readonly problems: readonly Problem[];
}

interface Given {
  readonly actions: ReadonlySet<ClientActionName>;
  readonly assignments: readonly Assignment[];
  readonly operands: readonly string[];
  readonly problems: readonly Problem[];
}

/**
 * Command line > TENTACLE_EXT_OPTS > the agent's configuration > TENTACLE_PASSWORD > default.
 * @param readConf gives the content of `--conf FILE`, as latin-1; it may throw
 */
export function readClientRequest(
  words: readonly string[],
  environment: ClientEnvironment,
  readConf: (path: string) => string,
): ClientRequest {
  const typed = parseWords(words, '');
  const ext = parseExtOpts(environment.TENTACLE_EXT_OPTS ?? '');
  const own = [...ext.assignments, ...typed.assignments];
  const conf = confOf(own, readConf);
  const password = environment.TENTACLE_PASSWORD ?? '';
  const base: Assignment[] =
    password === ''
      ? []
      : [{ token: 'password', value: bytesOf(password), source: 'TENTACLE_PASSWORD', typed: true }];
  const targets = conf.targets.map((given) => mergeAssignments(CLIENT_OPTIONS, [...base, ...given, ...own]));
  return {
    actions: typed.actions,
    operands: [...ext.operands, ...typed.operands],
    targets,
    secondary: conf.secondary,
    problems: [
      ...typed.problems,
      ...ext.problems,
      ...conf.problems,
      ...targets.flatMap((target) => [...target.problems, ...judge(target)]),
      ...strayFiles(targets, [...ext.operands, ...typed.operands]),
    ],
  };
}

/** The words with every secret blanked, for the list of processes. */
export function withoutClientSecrets(words: readonly string[]): readonly string[] {
  return takeApart(words, FLAGS, '').shown;
}

/** @param toBytes how a value becomes bytes: what is typed is UTF-8 */
function parseWords(words: readonly string[], origin: string, toBytes = bytesOf): Given {
  const { given, rest, problems } = takeApart(words, FLAGS, origin);
  const actions = new Set<ClientActionName>();
  const assignments: Assignment[] = [];
  for (const { name, value } of given) {
    const row = ROWS.get(name);
    if (row === undefined) actions.add(name as ClientActionName);
    else assignments.push({ token: name, value: toBytes(value), source: sourceOf(row, origin), typed: true });
  }
  return { actions, assignments, operands: rest, problems };
}

function sourceOf(row: OptionRow, origin: string): string {
  const written = row.flag === undefined ? `--${longFlag(row.token)}` : `-${row.flag}`;
  return origin === '' ? written : `${origin} ${written}`;
}

function parseExtOpts(text: string): Given {
  try {
    return parseWords(splitExtOpts(text), EXT_OPTS);
  } catch (cause) {
    const problems = [error(EXT_OPTS, (cause as Error).message)];
    return { actions: new Set(), assignments: [], operands: [], problems };
  }
}

interface ConfTargets {
  readonly targets: readonly (readonly Assignment[])[];
  readonly secondary: ClientRequest['secondary'];
  readonly problems: readonly Problem[];
}

/** The servers of `--conf`; an address given elsewhere wins over both of them. */
function confOf(own: readonly Assignment[], readConf: (path: string) => string): ConfTargets {
  const path = own.findLast(({ token }) => token === 'conf')?.value ?? '';
  const none: ConfTargets = { targets: [[]], secondary: 'on_error', problems: [] };
  if (path === '') return none;
  const name = textOf(path);
  try {
    const { primary, secondary } = parseAgentConf(readConf(name));
    const both = [parseConfWords(primary.words, name)];
    const addressed = own.some(({ token }) => token === 'address');
    if (secondary !== undefined && !addressed) both.push(parseConfWords(secondary.words, name));
    return {
      targets: both.map(({ assignments }) => assignments),
      secondary: secondary?.mode ?? 'on_error',
      problems: both.flatMap(({ problems }) => problems),
    };
  } catch (cause) {
    return { ...none, problems: [error(name, (cause as Error).message)] };
  }
}

function parseConfWords(words: readonly string[], name: string): Given {
  const given = parseWords(words, name, (bytes) => bytes);
  const relative = given.assignments.filter(
    ({ token, value }) => (PATHS as readonly string[]).includes(token) && !value.startsWith('/'),
  );
  const problems = relative.map(({ source, value }) =>
    warning(source, `the path ${textOf(value)} is not absolute: the agent runs in another directory`),
  );
  return { ...given, problems: [...given.problems, ...problems] };
}

/** What cannot be asked for together. */
function judge({ values, sources }: ClientValues): Problem[] {
  const problems: Problem[] = [];
  const modes = [
    ...(values.get ? ['-g'] : []),
    ...(values.move ? ['--move'] : []),
    ...(values.list === undefined ? [] : ['--list']),
    ...(values.check ? ['--check'] : []),
  ];
  // Neither is about files, which --json has an object for each of.
  if (values.json && (values.check || values.list !== undefined)) modes.push('--json');
  if (modes.length > 1) problems.push(error('', `${modes.join(' and ')} cannot be used together`));
  if (values.ssl_key !== undefined && values.ssl_cert === undefined) {
    problems.push(error(sources.ssl_key, 'a private key needs its certificate (-e)'));
  }
  if (values.ssl && values.ssl_cert !== undefined) {
    problems.push(error(sources.ssl, '-c means no client certificate: leave out -c or -e'));
  }
  return problems;
}

function strayFiles(targets: readonly ClientValues[], operands: readonly string[]): Problem[] {
  const check = targets.some(({ values }) => values.check);
  return check && operands.length > 0 ? [error('--check', 'sends nothing: leave the files out')] : [];
}
