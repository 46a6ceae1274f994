/** Loads the settings of a start: command line, TENTACLE_EXT_OPTS and file, then everything these name. */
import { error, type Problem, textOf } from './assignment.ts';
import { type CommandLine, ignoredActions, parseCommandLine } from './command-line.ts';
import { parseConfFile, type Parsed } from './conf-file.ts';
import { splitExtOpts } from './ext-opts.ts';
import {
  type AskPassphrase,
  ifPresent,
  judgeLimits,
  judgeLogFile,
  judgeSecrecy,
  judgeSpool,
  read,
  readMaterial,
} from './files.ts';
import { mergeAssignments } from './merge.ts';
import { OPTIONS, type ServerValues } from './options.ts';
import { validate, type Validated } from './validate.ts';

/** Read when the program is started with no option at all, if it is there. */
export const DEFAULT_CONF_FILE = '/etc/tentacle/tentacle_server.conf';

const EXT_OPTS = 'TENTACLE_EXT_OPTS';

const NO_FILE: Parsed & { readonly unreadable?: boolean } = { assignments: [], problems: [] };

/** What somebody asked for, before any file that it names is read. */
export interface Request extends ServerValues {
  readonly actions: CommandLine['actions'];
  /** The configuration file that was read. */
  readonly confFile: string | undefined;
  /** Whether a configuration file was to be read and could not be. */
  readonly unreadable: boolean;
  /** Whether nothing at all was asked for, by nobody. */
  readonly empty: boolean;
}

/**
 * Reads options and configuration file. Command line > TENTACLE_EXT_OPTS > file > default.
 * @param words the arguments behind the program's name
 * @param extOpts the value of TENTACLE_EXT_OPTS
 */
export async function readRequest(words: readonly string[], extOpts: string | undefined): Promise<Request> {
  const commandLine = parseCommandLine(words);
  const ext = parseExtOpts(extOpts ?? '');
  const named = commandLine.actions.get('config-file') ?? ext.actions.get('config-file');
  const confFile = named ?? (words.length === 0 ? await ifPresent(DEFAULT_CONF_FILE) : undefined);
  const file = confFile === undefined ? NO_FILE : await readConfFile(confFile);
  const assignments = [...file.assignments, ...ext.assignments, ...commandLine.assignments];
  const merged = mergeAssignments(OPTIONS, assignments);
  return {
    ...merged,
    problems: [...commandLine.problems, ...ext.problems, ...file.problems, ...merged.problems],
    actions: commandLine.actions,
    confFile,
    unreadable: file.unreadable === true,
    empty: words.length === 0 && confFile === undefined && (extOpts ?? '').trim() === '',
  };
}

/** Reads everything that the request names, and makes settings of it; all problems of all steps come together. */
export async function loadSettings(request: Request, ask: AskPassphrase): Promise<Validated> {
  const { material, problems } = await readMaterial(request, ask);
  const validated = validate(request, material, Date.now());
  const all = [...request.problems, ...problems, ...validated.problems];
  const { values, sources } = request;
  if (validated.mode?.kind === 'receive') all.push(...(await judgeSpool(validated.mode.spool, request)));
  if (values.log_file !== undefined) {
    all.push(...(await judgeLogFile(textOf(values.log_file), sources.log_file)));
  }
  if (validated.settings !== undefined) all.push(...judgeLimits(validated.settings));
  const failed = all.some(({ severity }) => severity === 'error');
  return { ...validated, settings: failed ? undefined : validated.settings, problems: all };
}

function parseExtOpts(text: string): CommandLine {
  try {
    const parsed = parseCommandLine(splitExtOpts(text), EXT_OPTS);
    return { ...parsed, problems: [...parsed.problems, ...ignoredActions(parsed, EXT_OPTS)] };
  } catch (cause) {
    const problems = [error(EXT_OPTS, (cause as Error).message)];
    return { actions: new Map(), assignments: [], problems };
  }
}

async function readConfFile(path: string): Promise<Parsed & { readonly unreadable?: boolean }> {
  const result = await read(path);
  if ('reason' in result) {
    return {
      assignments: [],
      problems: [error(path, `cannot read the configuration file: ${result.reason}`)],
      unreadable: true,
    };
  }
  const parsed = parseConfFile(result.bytes.toString('latin1'), path);
  const holdsPassword = parsed.assignments.some(({ token }) => token === 'password');
  const open: Problem[] = holdsPassword ? await judgeSecrecy(path, 'a password', path) : [];
  return { ...parsed, problems: [...parsed.problems, ...open] };
}
