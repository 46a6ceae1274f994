/** Reads the files that options come from: the configuration file, and the service's defaults file. */
import { resolve } from 'node:path';
import { type Assignment, error, type Problem, warning } from './assignment.ts';
import { type CommandLine, ignoredActions, parseCommandLine } from './command-line.ts';
import { parseConfFile } from './conf-file.ts';
import { type DefaultsFile, parseDefaultsFile } from './defaults-file.ts';
import { EXT_OPTS, splitExtOpts } from './ext-opts.ts';
import { judgeSecrecy, read } from './files.ts';
import { optionRow } from './options.ts';

/** Read when the command line sets nothing, if it is there. */
export const DEFAULT_CONF_FILE = '/etc/tentacle/tentacle_server.conf';

/** Options for the service, where a package manager leaves them alone. */
export const DEFAULTS_FILE = '/etc/default/tentacle_serverd';

/** What a start was given; kept for each reload. */
export interface Start {
  /** The arguments behind the program's name. */
  readonly words: readonly string[];
  /** TENTACLE_EXT_OPTS as it was inherited. */
  readonly extOpts: string | undefined;
  /** The directory of the start, from which relative paths count: a daemon leaves it. */
  readonly directory: string;
  /** Where TENTACLE_EXT_OPTS may be given for the service, see DEFAULTS_FILE. */
  readonly defaultsFile: string;
}

/** A configuration file, as far as it could be read. */
export interface ConfFile {
  /** Absolute. */
  readonly path: string;
  readonly assignments: readonly Assignment[];
  readonly problems: readonly Problem[];
  readonly found: 'read' | 'missing' | 'unreadable';
}

/** The words of TENTACLE_EXT_OPTS. */
export interface ExtOpts extends CommandLine {
  /** The defaults file, if it was looked at. */
  readonly files: readonly string[];
  /** The variable's value. */
  readonly text: string;
}

/** The default file, for a command line that sets nothing but asks at most: `--check` is about the service then. */
export function defaultConfFile({ assignments }: CommandLine): string | undefined {
  return assignments.length === 0 ? DEFAULT_CONF_FILE : undefined;
}

/** TENTACLE_EXT_OPTS of the defaults file, if it has one and this is the service; else as it was inherited. */
export async function readExtOpts(start: Start, commandLine: CommandLine): Promise<ExtOpts> {
  const { extOpts = '', directory, defaultsFile } = start;
  const inherited = { ...parseExtOpts(extOpts, EXT_OPTS), files: [], text: extOpts };
  if (!isService(start, commandLine) || defaultsFile === '') return inherited;
  const path = resolve(directory, defaultsFile);
  const { given, problems } = await readDefaultsFile(path);
  const words = given === undefined ? inherited : parseExtOpts(given.value, given.source);
  const open = given === undefined ? [] : await judgeOpenness(path, words.assignments);
  return {
    ...words,
    files: [path],
    text: given?.value ?? extOpts,
    problems: [...problems, ...words.problems, ...open],
  };
}

/**
 * P3: a proxy that an agent starts by hand must not get the options of the service, whose unit and init script hand
 * the variable down, even an empty one.
 */
function isService({ extOpts, directory }: Start, commandLine: CommandLine): boolean {
  const named = commandLine.actions.get('config-file')?.at(-1) ?? defaultConfFile(commandLine);
  return extOpts !== undefined || (named !== undefined && resolve(directory, named) === DEFAULT_CONF_FILE);
}

async function readDefaultsFile(
  path: string,
): Promise<{ given: DefaultsFile['extOpts']; problems: readonly Problem[] }> {
  const result = await read(path);
  if ('bytes' in result) {
    const { extOpts, problems } = parseDefaultsFile(result.bytes.toString('latin1'), path);
    return { given: extOpts, problems };
  }
  const text = `cannot read it: ${result.reason}; the inherited ${EXT_OPTS} counts`;
  return { given: undefined, problems: result.missing ? [] : [warning(path, text)] };
}

function parseExtOpts(text: string, origin: string): CommandLine {
  try {
    const parsed = parseCommandLine(splitExtOpts(text), origin);
    return { ...parsed, problems: [...parsed.problems, ...ignoredActions(parsed, origin)] };
  } catch (cause) {
    const problems = [error(origin, (cause as Error).message)];
    return { actions: new Map(), assignments: [], problems };
  }
}

/** Reads a tentacle_server.conf. @param path absolute */
export async function readConfFile(path: string): Promise<ConfFile> {
  const result = await read(path);
  if ('reason' in result) {
    const problems = [error(path, `cannot read the configuration file: ${result.reason}`)];
    return { path, assignments: [], problems, found: result.missing ? 'missing' : 'unreadable' };
  }
  const { assignments, problems } = parseConfFile(result.bytes.toString('latin1'), path);
  const open = await judgeOpenness(path, assignments);
  return { path, assignments, problems: [...problems, ...open], found: 'read' };
}

function judgeOpenness(path: string, assignments: readonly Assignment[]): Promise<Problem[]> {
  const holdsPassword = assignments.some(({ token }) => optionRow(token)?.type === 'secret');
  return holdsPassword ? judgeSecrecy(path, 'a password', path) : Promise.resolve([]);
}
