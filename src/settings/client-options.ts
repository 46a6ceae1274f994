/** THE option table of the client: every option of tentacle_client is one row. */
import type { Merged } from './merge.ts';
import type { ActionRow, OptionRow } from './option-row.ts';

/** The reference's options first (C1), by letter; then ours. */
export const CLIENT_OPTIONS = [
  {
    token: 'address',
    flag: 'a',
    type: 'text',
    value: 'ADDR[,ADDR...]',
    default: '127.0.0.1',
    help: 'Server address; of several, separated by "," or "/", the first that answers is used.',
  },
  {
    token: 'local_address',
    flag: 'b',
    type: 'text',
    value: 'ADDR',
    help: 'Local address to connect from.',
  },
  {
    token: 'ssl',
    flag: 'c',
    type: 'boolean',
    default: false,
    help: 'Use TLS without a client certificate.',
  },
  {
    token: 'ssl_cert',
    flag: 'e',
    type: 'path',
    value: 'FILE',
    help: 'Client certificate (PEM). Turns TLS on.',
  },
  {
    token: 'ssl_ca',
    flag: 'f',
    type: 'path',
    value: 'FILE',
    help: "CA certificates (PEM): verify the server's certificate, and that it is for ADDR. Turns TLS on.",
  },
  {
    token: 'get',
    flag: 'g',
    type: 'boolean',
    default: false,
    help: 'Fetch the files named, into the current directory.',
  },
  {
    token: 'ssl_key',
    flag: 'k',
    type: 'path',
    value: 'FILE',
    help: 'Private key of the client certificate (PEM); without it, the one in the file of -e.',
  },
  {
    token: 'port',
    flag: 'p',
    type: 'integer',
    default: 41121,
    min: 1,
    max: 65535,
    help: 'Server port.',
  },
  { token: 'quiet', flag: 'q', type: 'boolean', default: false, help: 'Show no errors.' },
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
    token: 'timeout',
    flag: 't',
    type: 'integer',
    default: 1,
    min: 1,
    max: 86_400,
    help: 'Seconds that a network operation may take, see retries.',
  },
  { token: 'verbose', flag: 'v', type: 'boolean', default: false, help: 'Say what happens.' },
  {
    token: 'ssl_password',
    flag: 'w',
    type: 'boolean',
    default: false,
    help: 'Ask on the terminal for the passphrase of the private key.',
  },
  {
    token: 'password',
    flag: 'x',
    type: 'secret',
    value: 'PASSWORD',
    help: 'Server password; --password-file and the variable TENTACLE_PASSWORD keep it out of the process list.',
  },
  {
    token: 'proxy',
    flag: 'y',
    type: 'secret',
    value: '[USER:PASSWORD@]HOST:PORT',
    help: 'Connect through this HTTP proxy.',
  },
  {
    token: 'compress',
    letters: { z: '1', Z: 'auto' },
    bare: '1',
    type: 'text',
    value: '1|auto',
    default: '0',
    choices: ['0', '1', 'auto'],
    help: 'Compress (-z); "auto" (-Z) falls back to plain where the server does not know how.',
  },
  {
    token: 'password_file',
    type: 'path',
    value: 'FILE',
    help: 'File whose first line is the server password.',
  },
  {
    token: 'name',
    type: 'text',
    value: 'NAME',
    help: 'Store the one file sent, or fetched, under this name.',
  },
  {
    token: 'list',
    type: 'bytes',
    value: 'NAME',
    help: 'List the directory of the server where a file NAME would be (needs insecure mode there).',
  },
  {
    token: 'move',
    type: 'boolean',
    default: false,
    help: 'Fetch the files named, and delete them from the server (needs insecure mode there).',
  },
  {
    token: 'stop_on_error',
    type: 'boolean',
    default: false,
    help: 'Of several files, give up at the first one that fails.',
  },
  {
    token: 'retry',
    type: 'integer',
    default: 0,
    min: 0,
    max: 1000,
    help: 'Try again this many times, with growing pauses, what was not confirmed for want of a connection.',
  },
  { token: 'json', type: 'boolean', default: false, help: 'Print one JSON object for each file.' },
  {
    token: 'check',
    type: 'boolean',
    default: false,
    help: 'Connect, authenticate, have a command answered, say what was negotiated, and quit; nothing is sent.',
  },
  {
    token: 'conf',
    type: 'path',
    value: 'FILE',
    help: 'Take server and options from this pandora_agent.conf or satellite_server.conf, as the agent does.',
  },
] as const satisfies readonly OptionRow[];

export const CLIENT_ACTIONS = [
  { name: 'help', flag: 'h', help: 'Show this help.' },
  { name: 'version', help: 'Show the version.' },
] as const satisfies readonly ActionRow[];

export type ClientToken = (typeof CLIENT_OPTIONS)[number]['token'];
export type ClientActionName = (typeof CLIENT_ACTIONS)[number]['name'];
/** The client's options as they were given, before they are judged together. */
export type ClientValues = Merged<(typeof CLIENT_OPTIONS)[number]>;
