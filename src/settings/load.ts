/** Loads the settings of a start or a reload: command line, TENTACLE_EXT_OPTS, files, then all that these name. */
import { resolve } from 'node:path';
import { type Assignment, bytesOf, textOf } from './assignment.ts';
import { type CommandLine, parseCommandLine } from './command-line.ts';
import {
  type AskPassphrase,
  judgeLibwrap,
  judgeLimits,
  judgeLogFile,
  judgeQueue,
  judgeSpool,
  readMaterial,
} from './files.ts';
import { judgeLoop } from './loop.ts';
import { mergeAssignments } from './merge.ts';
import { defaultConfFile, readConfFile, readExtOpts, type Start } from './option-files.ts';
import { optionRow, OPTIONS, type ServerValues } from './options.ts';
import { type Material, validate, type Validated } from './validate.ts';

export { DEFAULT_CONF_FILE, DEFAULTS_FILE, type Start } from './option-files.ts';

const STANDARD_OUTPUT = '-';

/** Tokens that name a file which is read when settings are loaded. */
const NAMING_FILES = [
  ...(['ssl_cert', 'ssl_key', 'ssl_ca', 'ssl_crl', 'password_file', 'ssl_password_file'] as const),
  ...(['proxy_ssl_cert', 'proxy_ssl_key', 'proxy_ssl_ca', 'proxy_password_file'] as const),
  ...(['nats_credentials', 'nats_tls_ca', 'nats_tls_cert', 'nats_tls_key'] as const),
] as const;

/** What somebody asked for, before any file that it names is read. */
export interface Request extends ServerValues {
  readonly actions: CommandLine['actions'];
  /** The configuration file that was read. */
  readonly confFile: string | undefined;
  /** Whether a configuration file was to be read and could not be. */
  readonly unreadable: boolean;
  /** Whether nothing at all was asked for, by nobody. */
  readonly empty: boolean;
  /** Every file whose content counts or would count if it were there, absolute: what to watch. */
  readonly files: readonly string[];
}

export interface Loaded extends Validated {
  /** What was read: with the request's values it is all that settings are made of. */
  readonly material: Material;
}

/** Reads options and configuration file. Command line > TENTACLE_EXT_OPTS > file > default. */
export async function readRequest(start: Start): Promise<Request> {
  const { words, directory } = start;
  const commandLine = parseCommandLine(words);
  const ext = await readExtOpts(start, commandLine);
  const named = commandLine.actions.get('config-file')?.at(-1) ?? ext.actions.get('config-file')?.at(-1);
  const path = named ?? defaultConfFile(commandLine);
  const file = path === undefined ? undefined : await readConfFile(resolve(directory, path));
  // The default file need not be there.
  const conf = named === undefined && file?.found === 'missing' ? undefined : file;
  const assignments = [...(conf?.assignments ?? []), ...ext.assignments, ...commandLine.assignments];
  const merged = mergeAssignments(
    OPTIONS,
    assignments.map((assignment) => absolute(assignment, directory)),
  );
  const problems = [commandLine, ext, ...(conf === undefined ? [] : [conf]), merged];
  return {
    ...merged,
    problems: problems.flatMap((part) => part.problems),
    actions: commandLine.actions,
    confFile: conf?.path,
    unreadable: conf !== undefined && conf.found !== 'read',
    empty: words.length === 0 && conf === undefined && ext.text.trim() === '',
    files: [...new Set([...ext.files, ...(file === undefined ? [] : [file.path]), ...filesOf(merged)])],
  };
}

/**
 * Reads everything that the request names, and makes settings of it; all problems of all steps come together.
 * @param ask how to get a passphrase: from a person, or at a reload the one that was typed at the start
 */
export async function loadSettings(request: Request, ask: AskPassphrase): Promise<Loaded> {
  const { material, problems } = await readMaterial(request, ask);
  const validated = validate(request, material, Date.now());
  const all = [...request.problems, ...problems, ...validated.problems];
  const { values, sources } = request;
  const { mode } = validated;
  if (mode !== undefined && 'spool' in mode && mode.spool !== undefined)
    all.push(...(await judgeSpool(mode.spool, request)));
  if ((mode?.kind === 'store' || mode?.kind === 'publish') && mode.spool !== undefined)
    all.push(...(await judgeQueue(mode.spool, request)));
  if (mode !== undefined && 'upstream' in mode) all.push(...(await judgeLoop(mode.upstream, request)));
  if (values.log_file !== undefined && values.log_file !== STANDARD_OUTPUT) {
    all.push(...(await judgeLogFile(textOf(values.log_file), sources.log_file)));
  }
  if (values.use_libwrap) all.push(...(await judgeLibwrap(sources.use_libwrap)));
  if (validated.settings !== undefined) all.push(...judgeLimits(validated.settings));
  const failed = all.some(({ severity }) => severity === 'error');
  return { ...validated, material, settings: failed ? undefined : validated.settings, problems: all };
}

/** A relative path as one that holds wherever the process is; `absolute path` tokens only where a person typed them. */
function absolute(assignment: Assignment, directory: string): Assignment {
  const { token, value, typed } = assignment;
  const type = optionRow(token)?.type;
  const isPath = type === 'path' || (type === 'absolute path' && typed);
  if (!isPath || value === '' || value === STANDARD_OUTPUT || value.startsWith('/')) return assignment;
  return { ...assignment, value: resolve(bytesOf(directory), value) };
}

function filesOf({ values }: ServerValues): string[] {
  return NAMING_FILES.map((token) => values[token])
    .filter((path) => path !== undefined)
    .map(textOf);
}
