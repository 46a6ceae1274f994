/** Writes the manual pages of the programs, from their option tables. Pure. */
import { allowedValues } from './allowed.ts';
import { CLIENT_ACTIONS, CLIENT_OPTIONS } from './client-options.ts';
import { type ActionRow, defaultText, longFlag, type OptionRow } from './option-row.ts';
import { ACTIONS, OPTIONS } from './options.ts';
import { bold, example, italic, item, literal, paragraph, section, title } from './roff.ts';

/** What a page says of the release it belongs to. */
export interface Release {
  readonly version: string;
  /** `YYYY-MM-DD` */
  readonly date: string;
}

const SWITCHES =
  'An option without a value is a switch: it is on for 1, off for 0, and --option=0 takes it back. Letters may be bundled.';

/** tentacle_server.1 */
export function serverPage({ version, date }: Release): string {
  return page(
    title('tentacle_server', date, version),
    section('NAME', literal('tentacle_server - receive the files of Pandora FMS agents')),
    section(
      'SYNOPSIS',
      `${bold('tentacle_server')} [${bold('-F')} ${italic('FILE')}] [${bold('-s')} ${italic('DIR')}] [${italic('option')} ...]`,
    ),
    section(
      'DESCRIPTION',
      prose(
        'Receives files over the Tentacle protocol, TCP port 41121, and stores each whole, once and durably in the spool directory of the data server. With proxy_ip it is a proxy: it passes every connection on to another server, or keeps the files and sends them on. With store jetstream several servers keep files together on a NATS cluster, from where mode deliver and mode sync take them.',
      ),
      prose(
        'A setting is taken from the command line, else from TENTACLE_EXT_OPTS, else from the configuration file, else it has its default. Where the command line sets nothing, the server reads the configuration file named under FILES; so do --check, --queue and --status.',
      ),
    ),
    section('OPTIONS', prose(SWITCHES), ...ACTIONS.map(actionItem), ...OPTIONS.map(optionItem)),
    ...files(),
    section(
      'SIGNALS',
      item(
        bold('SIGHUP'),
        literal('Read all settings again. If anything is wrong with them, nothing changes.'),
      ),
      item(
        `${bold('SIGTERM')}, ${bold('SIGINT')}`,
        literal(
          'Finish what is in progress, for at most drain_timeout seconds, and stop. The second one stops at once.',
        ),
      ),
      item(bold('SIGUSR1'), literal('Open the log file anew, after it was renamed.')),
      item(bold('SIGUSR2'), literal('Write a line about the state of the server to the log.')),
    ),
    section(
      'EXIT STATUS',
      item(
        bold('0'),
        literal(
          'Stopped when asked to; or, with --check, the server would start; with --queue, the queue could be read; with --status, the running server is ready; with --make-certificates, they are made; with --setup-jetstream, all is as it should be.',
        ),
      ),
      item(
        bold('1'),
        literal(
          'Could not start, for the reasons on standard error; or stopped at once. With --status, the server runs and is not ready: the first line says why.',
        ),
      ),
      item(bold('2'), literal('With --status: there is no answer, or nobody who could be asked.')),
    ),
    section(
      'ENVIRONMENT',
      item(
        bold('TENTACLE_EXT_OPTS'),
        literal('Options, as on the command line; \'...\' and "..." group words.'),
      ),
      item(bold('TENTACLE_DEFAULTS_FILE'), literal('The defaults file of a second server on one host.')),
      item(bold('NO_COLOR'), literal('If set, --status shows no colours on a terminal.')),
    ),
    section(
      'FILES',
      item(italic('/etc/tentacle/tentacle_server.conf'), literal('The configuration file of the service.')),
      item(italic('/etc/default/tentacle_serverd'), literal('The defaults file of the service.')),
      item(italic('/var/spool/pandora/data_in'), literal('The spool of the service.')),
    ),
    section('SEE ALSO', `${bold('tentacle_client')}(1)`),
  );
}

/** How its two files are written. */
function files(): string[] {
  return [
    section(
      'CONFIGURATION FILE',
      prose(
        'A line that starts with a letter is a token and its value, separated by a blank. A token is a long option with underscores, and a switch is on only for 1. Every other line is a comment; there are none at the end of a line, since a password may hold a #. Of several lines for a token the last one counts.',
      ),
      example('# Port to listen on.', 'port 41122', 'ssl_cert /etc/tentacle/server.pem'),
      prose(
        'When this file changes, or one that it names (certificate, key, CA, password), the server reads its settings again.',
      ),
    ),
    section(
      'DEFAULTS FILE',
      prose(
        'The service takes TENTACLE_EXT_OPTS from the defaults file, if it is set there, even to nothing; that wins over the environment. A server that is started without this variable in its environment, and with another configuration file or only with options, does not read it.',
      ),
      prose(
        'Lines are NAME=value, also with export before them, or comments, which start with a #. A value with blanks stands in one pair of quotes, with nothing but a comment behind it: between \'...\' every character is itself; between "..." a backslash before ", \\, $ or ` is removed. A shell reads the same from it.',
      ),
      example(`TENTACLE_EXT_OPTS="-p 41122 -x 'two words'"`),
    ),
  ];
}

/** tentacle_client.1 */
export function clientPage({ version, date }: Release): string {
  const options = `[${italic('option')} ...]`;
  return page(
    title('tentacle_client', date, version),
    section('NAME', literal('tentacle_client - send files to a Tentacle server, or fetch them')),
    section(
      'SYNOPSIS',
      `${bold('tentacle_client')} ${options} ${italic('FILE')} ...`,
      '.br',
      `${bold('tentacle_client -g')} ${options} ${italic('NAME')} ...`,
    ),
    section(
      'DESCRIPTION',
      prose(
        'Sends files over the Tentacle protocol, or fetches them into the current directory. A file is taken as sent only when the server has confirmed it. The file - is standard input.',
      ),
    ),
    section('OPTIONS', prose(SWITCHES), ...CLIENT_OPTIONS.map(optionItem), ...CLIENT_ACTIONS.map(actionItem)),
    section(
      'EXIT STATUS',
      item(bold('0'), literal('Every file was confirmed.')),
      item(bold('1'), literal('Anything else; the reasons are on standard error.')),
    ),
    section(
      'ENVIRONMENT',
      item(bold('TENTACLE_EXT_OPTS'), literal('Options that those of the command line win over.')),
      item(bold('TENTACLE_PASSWORD'), literal('The server password, unless an option gives it.')),
    ),
    section('SEE ALSO', `${bold('tentacle_server')}(1)`),
  );
}

function page(...parts: readonly string[]): string {
  return `${parts.join('\n')}\n`;
}

function prose(text: string): string {
  return paragraph(literal(text));
}

function actionItem({ name, flag, value, help }: ActionRow): string {
  return item(flags([flag], name, value), literal(help));
}

function optionItem(row: OptionRow): string {
  const value = 'value' in row ? row.value : row.type === 'boolean' ? undefined : 'NUMBER';
  // A switch is explained once, above all options.
  const allowed = row.type === 'boolean' ? '' : allowedValues(row);
  const details = [
    ...(allowed === '' ? [] : [`Values: ${literal(allowed)}.`]),
    ...(defaultText(row) === '' ? [] : [`Default: ${bold(defaultText(row))}`]),
  ];
  const term = [
    flags([row.flag, ...Object.keys(row.letters ?? {})], longFlag(row.token), value),
    ...(row.words ?? []).map((word) => bold(`--${word}`)),
  ].join(', ');
  return item(term, [literal(row.help), ...details].join(' '));
}

/** `-p, --port NUMBER` */
function flags(letters: readonly (string | undefined)[], long: string, value: string | undefined): string {
  const short = letters.filter((letter) => letter !== undefined).map((letter) => bold(`-${letter}`));
  const written = [...short, bold(`--${long}`)].join(', ');
  return value === undefined ? written : `${written} ${italic(value)}`;
}
