/** THE option table: every setting of the server is one row, from which everything else about it is made. */
import type { Merged } from './merge.ts';
import { type ActionRow, type OptionRow } from './option-row.ts';
import { DEFAULT_INVALID_CHARS } from '../protocol/file-name.ts';

const SECONDS_PER_DAY = 86_400;

/** The reference's tokens first, in the order of its configuration file; then ours. */
export const OPTIONS = [
  {
    token: 'addresses',
    flag: 'a',
    type: 'text',
    value: 'ADDR[,ADDR...]',
    help: 'Addresses to listen on; without it all, IPv4 and IPv6.',
  },
  {
    token: 'port',
    flag: 'p',
    type: 'integer',
    default: 41121,
    min: 1,
    max: 65535,
    help: 'Port to listen on.',
  },
  {
    token: 'max_connections',
    flag: 'c',
    type: 'integer',
    default: 1000,
    min: 1,
    max: 1_000_000,
    help: 'Connections served at the same time, over all workers; further ones wait.',
  },
  {
    token: 'daemon',
    flag: 'd',
    type: 'boolean',
    default: false,
    help: 'Run in the background: the command returns once the server listens, or has failed.',
  },
  {
    token: 'insecure',
    flag: 'I',
    type: 'boolean',
    default: false,
    help: 'Also serve LS and MV: peers may list the spool and take files out of it.',
  },
  {
    token: 'filters',
    flag: 'i',
    type: 'bytes',
    value: 'REGEXP:DIR;...',
    help: 'Files whose name matches REGEXP live in the sub-directory DIR; the first match wins.',
  },
  {
    token: 'max_size',
    flag: 'm',
    type: 'integer',
    default: 2_000_000,
    min: 1,
    max: Number.MAX_SAFE_INTEGER,
    help: 'Largest file accepted, in bytes, packed and unpacked.',
  },
  {
    token: 'overwrite',
    flag: 'o',
    type: 'boolean',
    default: false,
    help: 'Accept a file whose name exists already, and replace it.',
  },
  {
    token: 'quiet',
    flag: 'q',
    type: 'boolean',
    default: false,
    help: 'Log nothing.',
  },
  {
    token: 'retries',
    flag: 'r',
    type: 'integer',
    default: 3,
    min: 0,
    max: 1000,
    help: 'Network operations may take timeout * (retries + 1) seconds.',
  },
  {
    token: 'directory',
    flag: 's',
    type: 'path',
    value: 'DIR',
    help: 'The spool: where received files go. Required unless proxy_ip is set.',
  },
  {
    token: 'proxy_ip',
    flag: 'b',
    type: 'text',
    value: 'ADDR',
    help: 'Relay every connection to this server instead of storing files. Not available yet.',
  },
  {
    token: 'proxy_port',
    flag: 'g',
    type: 'integer',
    default: 41121,
    min: 1,
    max: 65535,
    help: 'Port of the server that proxy_ip names.',
  },
  {
    token: 'timeout',
    flag: 't',
    type: 'integer',
    default: 1,
    min: 1,
    max: SECONDS_PER_DAY,
    help: 'Seconds that a network operation may take, see retries.',
  },
  {
    token: 'verbose',
    type: 'integer',
    default: 0,
    min: 0,
    max: 2,
    letters: { v: '1', V: '2' },
    help: '0: start, stop, warnings and errors; 1 (-v): also files and refused connections; 2 (-V): everything.',
  },
  {
    token: 'log_file',
    flag: 'l',
    type: 'path',
    value: 'FILE',
    help: 'Where the log goes, rotated as the log_ settings say; without it, standard output.',
  },
  {
    token: 'password',
    flag: 'x',
    type: 'secret',
    value: 'PASSWORD',
    help: 'Password that clients must give. password_file keeps it out of the process list.',
  },
  {
    token: 'ssl_cert',
    flag: 'e',
    type: 'absolute path',
    value: 'FILE',
    help: 'Certificate (PEM, with its chain). Turns TLS on.',
  },
  {
    token: 'ssl_ca',
    flag: 'f',
    type: 'absolute path',
    value: 'FILE',
    help: 'CA certificates (PEM): clients must show a certificate signed by one of them.',
  },
  {
    token: 'ssl_key',
    flag: 'k',
    type: 'absolute path',
    value: 'FILE',
    help: 'Private key of ssl_cert (PEM).',
  },
  {
    token: 'ssl_password',
    flag: 'w',
    type: 'boolean',
    default: false,
    help: 'Ask on the terminal for the passphrase of ssl_key. For a service use ssl_password_file.',
  },
  {
    token: 'use_libwrap',
    flag: 'T',
    type: 'boolean',
    default: false,
    help: 'Let hosts.allow and hosts.deny decide who may connect. Not available yet.',
  },
  {
    token: 'ssl_version',
    flag: 'z',
    type: 'text',
    value: 'VERSIONS',
    help: 'TLS versions in the words of IO::Socket::SSL, such as TLSv1_3; without it TLS 1.2 and 1.3.',
  },
  {
    token: 'ssl_cipher',
    flag: 'u',
    type: 'text',
    value: 'LIST',
    help: "Ciphers as an OpenSSL cipher list; without it, Node's.",
  },
  {
    token: 'block_size',
    type: 'integer',
    default: 8192,
    min: 64,
    max: 1_048_576,
    help: 'Longest command line accepted, in bytes.',
  },
  {
    token: 'invalid_chars',
    type: 'bytes',
    value: 'CHARS',
    default: DEFAULT_INVALID_CHARS,
    help: 'Characters refused in file names: the inside of a regular expression character class.',
  },
  {
    token: 'fsync',
    type: 'boolean',
    default: true,
    help: 'Confirm a file only when its bytes and its name are on the disk.',
  },
  {
    token: 'user',
    flag: 'U',
    type: 'text',
    value: 'USER',
    help: 'Started as root, become this user before anything is read or bound.',
  },
  {
    token: 'allow_root',
    type: 'boolean',
    default: false,
    help: 'Run as root although no user is set.',
  },
  {
    token: 'password_file',
    type: 'absolute path',
    value: 'FILE',
    help: 'File whose first line is the password.',
  },
  {
    token: 'ssl_password_file',
    type: 'absolute path',
    value: 'FILE',
    help: 'File whose first line is the passphrase of ssl_key.',
  },
  {
    token: 'min_free_space',
    type: 'integer',
    default: 0,
    min: 0,
    max: Number.MAX_SAFE_INTEGER,
    help: "Bytes that must stay free on the spool's file system; 0 refuses only what cannot fit.",
  },
  {
    token: 'umask',
    type: 'octal',
    default: 0o007,
    min: 0,
    max: 0o777,
    help: 'Permission bits that stored files do not get, in octal; 007 gives files of mode 0660.',
  },
  {
    token: 'drain_timeout',
    type: 'integer',
    default: 60,
    min: 0,
    max: SECONDS_PER_DAY,
    help: 'Seconds that transfers in progress may take to finish when the server stops or reloads.',
  },
  {
    token: 'log_format',
    type: 'text',
    value: 'FORMAT',
    default: 'text',
    choices: ['text', 'json'],
    help: 'text: lines as the Perl server wrote them; json: one object a line.',
  },
  {
    token: 'log_max_size',
    type: 'size',
    default: 10 * 1024 * 1024,
    min: 0,
    max: Number.MAX_SAFE_INTEGER,
    help: 'Size from which log_file is rotated, such as 500k, 10m or 1g; 0: never.',
  },
  {
    token: 'log_frequency',
    type: 'text',
    value: 'FREQUENCY',
    default: 'daily',
    choices: ['daily', 'hourly', 'off'],
    help: 'How often log_file is rotated whatever its size.',
  },
  {
    token: 'log_keep',
    type: 'integer',
    default: 14,
    min: 1,
    max: 10_000,
    help: 'Rotated log files that are kept, beside the live one.',
  },
  {
    token: 'workers',
    type: 'integer',
    default: 1,
    min: 1,
    max: 64,
    help: 'Processes that serve connections; more than one pays where TLS keeps a whole processor busy.',
  },
  {
    token: 'pid_file',
    type: 'absolute path',
    value: 'FILE',
    help: 'File that holds the process id while the server runs, and keeps a second one from starting.',
  },
] as const satisfies readonly OptionRow[];

/** What only the command line can ask for. */
export const ACTIONS = [
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

export type Token = (typeof OPTIONS)[number]['token'];
export type ActionName = (typeof ACTIONS)[number]['name'];
/** The server's settings as they were given, before they are judged together. */
export type ServerValues = Merged<(typeof OPTIONS)[number]>;

const BY_TOKEN: ReadonlyMap<string, OptionRow> = new Map(OPTIONS.map((row) => [row.token, row]));

/** The row of a token, or undefined for a word that is none. */
export function optionRow(token: string): OptionRow | undefined {
  return BY_TOKEN.get(token);
}
