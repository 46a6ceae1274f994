/** Writes the configuration file that is installed, from the option table. Pure. */
import { allowedValues } from './allowed.ts';
import { defaultText, type OptionRow } from './option-row.ts';
import { OPTIONS, type Token } from './options.ts';

/** What the packaged service needs; all else has a good default. The vendor's installers edit these lines with sed. */
const ACTIVE: Readonly<Partial<Record<Token, string>>> = {
  user: 'pandora',
  directory: '/var/spool/pandora/data_in',
  filters: String.raw`.*\.conf:conf;.*\.md5:md5;.*\.zip:collections;.*\.lock:trans;.*\.rcmd:commands`,
};

const HEAD = `# Settings of tentacle_server, which receives the files of Pandora FMS agents: see tentacle_server(1).
#
# A line that starts with a letter is a token and its value, separated by a blank. Every other line is a comment; there
# are none at the end of a line, since a password may hold a #. Of several lines for a token the last one counts. Lines
# that are commented out below show the default, or in capitals what to put there. Options of the command line, and of
# TENTACLE_EXT_OPTS in /etc/default/tentacle_serverd, win over this file.
#
# Try a change first:  tentacle_server -F /etc/tentacle/tentacle_server.conf --check
# A running server reads this file again when it changes; a mistake changes nothing, and the log says where it is.
`;

/** The text of etc/tentacle_server.conf. */
export function shippedConf(): string {
  return [HEAD, ...OPTIONS.map(entry)].join('\n');
}

function entry(row: (typeof OPTIONS)[number]): string {
  const value = ACTIVE[row.token];
  const line =
    value === undefined ? `# ${row.token} ${defaultText(row) || placeholder(row)}` : `${row.token} ${value}`;
  return `# ${row.help}${remark(row)}\n${line}\n`;
}

/** What else there is to know: ` (-p; 1 to 65535)`. */
function remark(row: OptionRow): string {
  const letters = [row.flag, ...Object.keys(row.letters ?? {})].filter((letter) => letter !== undefined);
  const flags = [...letters.map((letter) => `-${letter}`), ...(row.words ?? []).map((word) => `--${word}`)];
  const parts = [flags.join(', '), allowedValues(row)];
  const told = parts.filter((part) => part !== '').join('; ');
  return told === '' ? '' : ` (${told})`;
}

function placeholder(row: OptionRow): string {
  return 'value' in row ? row.value : '';
}
