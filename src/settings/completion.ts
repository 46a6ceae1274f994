/** Writes what bash needs to complete the command lines of the programs. Pure. */
import { type ActionRow, longFlag, type OptionRow } from './option-row.ts';

/** What may be written behind an option: a file, a directory, one of some words, something else, or nothing. */
type Following = 'FILE' | 'DIR' | readonly string[] | 'other' | 'none';

interface Completed {
  readonly flags: readonly string[];
  /** Those of them that take a value: a letter such as -V of `verbose` is one already. */
  readonly takers: readonly string[];
  readonly following: Following;
}

/**
 * A file for /usr/share/bash-completion/completions.
 * @param operands what stands behind the options: names of files, or nothing
 */
export function bashCompletion(
  program: string,
  rows: readonly (OptionRow | ActionRow)[],
  operands: 'files' | 'none',
): string {
  const options = rows.map(completed);
  const words = options.flatMap(({ flags }) => flags).join(' ');
  return `# Completes the command line of ${program} in bash.
_${program}() {
  local word=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD - 1]}
  COMPREPLY=()
  # --option=value arrives as three words.
  if [[ $word == = ]]; then
    word=
  elif [[ $before == = ]]; then
    before=\${COMP_WORDS[COMP_CWORD - 2]}
  fi
  case $before in
${branches(options)}  esac
  if [[ $word == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W '${words}' -- "$word")
${operands === 'files' ? `  else\n    mapfile -t COMPREPLY < <(compgen -f -- "$word")\n` : ''}  fi
}
complete -o filenames -F _${program} ${program}
`;
}

function completed(row: OptionRow | ActionRow): Completed {
  const long = `--${'token' in row ? longFlag(row.token) : row.name}`;
  const takers = row.flag === undefined ? [long] : [`-${row.flag}`, long];
  const letters = 'letters' in row ? Object.keys(row.letters).map((letter) => `-${letter}`) : [];
  const words = 'words' in row ? row.words.map((word) => `--${word}`) : [];
  return { flags: [...letters, ...takers, ...words], takers, following: followingOf(row) };
}

function followingOf(row: OptionRow | ActionRow): Following {
  const value = 'value' in row ? row.value : undefined;
  if (value === 'FILE' || value === 'DIR') return value;
  if ('choices' in row) return row.choices;
  if ('type' in row && row.type === 'boolean') return 'none';
  return 'type' in row || value !== undefined ? 'other' : 'none';
}

/** The options that take the same, together. */
function branches(options: readonly Completed[]): string {
  const takers = new Map<string, string[]>();
  for (const { takers: flags, following } of options) {
    if (following === 'none') continue;
    const commands = reply(following);
    takers.set(commands, [...(takers.get(commands) ?? []), ...flags]);
  }
  return [...takers]
    .map(([commands, flags]) => `    ${flags.join(' | ')})\n${commands}      return\n      ;;\n`)
    .join('');
}

function reply(following: Exclude<Following, 'none'>): string {
  if (following === 'other') return '';
  const how = following === 'FILE' ? '-f' : following === 'DIR' ? '-d' : `-W '${following.join(' ')}'`;
  return `      mapfile -t COMPREPLY < <(compgen ${how} -- "$word")\n`;
}
