/** Says what was made, and the lines that put it to use, ready to paste. Pure. */
import { isIP } from 'node:net';
import type { Made } from './maker.ts';
import { printable } from '../log/printable.ts';
import { bytesOf } from '../settings/assignment.ts';
import { subjectNames } from '../settings/certificate-report.ts';
import { subjectText } from '../settings/certificates.ts';

const PORT = 41_121;
const SERVER_HOME = '/etc/tentacle';
const AGENT_HOME = '/etc/pandora';
const SECRET = 'SECRET';

/** A set-up of the security guide. */
interface SetUp {
  readonly title: string;
  /** Lines of tentacle_server.conf. */
  readonly server: readonly string[];
  /** Options of tentacle_client. */
  readonly client: string;
  /** Lines of pandora_agent.conf. */
  readonly agent: readonly string[];
  /** Options of s_client; undefined: there is no TLS, but a password always. */
  readonly openssl: string | undefined;
  readonly note?: string;
}

/** The whole text. @param program what this program is called */
export function adviceOn(made: Made, program: string): string {
  const setUps = setUpsOf(made).map((each) => setUpText(each, addressOf(made)));
  return `${[...inventory(made), ...nextTime(made, program), ...installation(made), ...setUps.flat(), ...proxy()].join('\n')}\n`;
}

function inventory({ directory, authority, isNewAuthority, isNewServer, server, clients }: Made): string[] {
  const names =
    isNewServer && server !== undefined
      ? ([['server', subjectNames(server).join(', '), server]] as const)
      : [];
  const rows = [
    ...(isNewAuthority ? [['ca', subjectText(authority), authority] as const] : []),
    ...names,
    ...clients.map(
      ({ stem, name, certificate }) => [stem, `CN=${printable(bytesOf(name))}`, certificate] as const,
    ),
  ];
  const width = Math.max(...rows.map(([stem]) => stem.length));
  const lines = rows.map(([stem, what, { validTo }]) => {
    const files = `${`${stem}.pem`.padEnd(width + 4)}  ${`${stem}.key`.padEnd(width + 4)}`;
    return `  ${files}  until ${dayOf(validTo)}  ${what}`;
  });
  const kind = authority.publicKey.asymmetricKeyType === 'rsa' ? 'RSA' : 'ECDSA';
  const signed = isNewAuthority ? 'a new CA' : `the CA there, ${subjectText(authority)}`;
  return [`Made in ${directory} with ${signed} (${kind}):`, '', ...lines, ''];
}

function nextTime({ directory }: Made, program: string): string[] {
  return [
    'Whoever has ca.key can pose as the server and as every agent: it stays here. Further agents, also next year:',
    '',
    `  ${program} --make-certificates ${quoted(directory)} --client NAME`,
    '',
  ];
}

function installation({ directory, server, clients }: Made): string[] {
  const [client] = clients;
  const here = (...names: readonly string[]): string =>
    names.map((name) => quoted(`${directory}/${name}`)).join(' ');
  return [
    ...(server === undefined
      ? []
      : [
          'On the server, as root; its user reads them by its group:',
          '',
          `  install -m 640 -g pandora ${here('server.pem', 'server.key', 'ca.pem')} ${SERVER_HOME}/`,
          '',
        ]),
    ...(client === undefined
      ? [`To each agent, into ${AGENT_HOME}/: ca.pem`, '']
      : [
          `To each agent, into ${AGENT_HOME}/, for its user: its own two files, and ca.pem; for the first one`,
          '',
          `  install -m 600 ${here(`${client.stem}.pem`, `${client.stem}.key`, 'ca.pem')} ${AGENT_HOME}/`,
          '',
        ]),
    `Below, ${SECRET} stands for a password of your own. Windows agents have the same lines with their own paths.`,
    '',
  ];
}

function setUpsOf(made: Made): SetUp[] {
  const [client] = made.clients;
  const stem = client?.stem ?? 'NAME';
  const note = client === undefined ? { note: 'NAME: an agent that has a certificate (--client).' } : {};
  const own = `${AGENT_HOME}/${stem}`;
  const ca = `${AGENT_HOME}/ca.pem`;
  const tls = [`ssl_cert ${SERVER_HOME}/server.pem`, `ssl_key ${SERVER_HOME}/server.key`];
  const both = [...tls, `ssl_ca ${SERVER_HOME}/ca.pem`];
  const verified = `-verify_return_error -CAfile ${ca} ${identity(addressOf(made))}`;
  const shown = `-cert ${own}.pem -key ${own}.key`;
  const by = (options: string): Pick<SetUp, 'client' | 'agent'> => ({
    client: options,
    agent: [`server_opts ${options}`],
  });
  return [
    { title: 'S1: password, no TLS', server: [], client: '', agent: [], openssl: undefined },
    {
      ...{
        title: 'S2: encrypted, nobody verified',
        server: tls,
        openssl: '',
        client: '-c',
        agent: ['server_ssl yes'],
      },
      note: `Debian's Perl client verifies even so: it needs SSL_CERT_FILE=${ca} in its environment.`,
    },
    { title: 'S3: server verified', server: tls, ...by(`-c -f ${ca}`), openssl: verified },
    {
      ...{
        title: 'S4: client certificate',
        server: both,
        ...by(`-e ${own}.pem -k ${own}.key`),
        openssl: shown,
      },
      ...note,
    },
    {
      ...{ title: 'S5: both verified', server: both, ...by(`-e ${own}.pem -k ${own}.key -f ${ca}`) },
      ...{ openssl: `${verified} ${shown}`, ...note },
    },
  ];
}

function setUpText({ title, server, client, agent, openssl, note }: SetUp, address: string): string[] {
  const check = (options: string): string => `tentacle_client --check ${words(`-a ${address}`, options)}`;
  const where = `server_ip ${address}`;
  const [serverSecret, agentSecret, secret] = [`password ${SECRET}`, `server_pwd ${SECRET}`, `-x ${SECRET}`];
  const heading = [`== ${title} ==`, ...(note === undefined ? [] : [note])];
  if (openssl === undefined) {
    return [
      ...heading,
      ...block('tentacle_server.conf', [serverSecret]),
      ...block('pandora_agent.conf', [where, agentSecret]),
      ...block('satellite_server.conf', [where, `server_opts ${secret}`]),
      ...block('by hand', [check(secret)]),
      '',
    ];
  }
  return [
    ...heading,
    ...block('tentacle_server.conf', server),
    ...block('pandora_agent.conf', [where, ...agent]),
    ...block('satellite_server.conf', [where, `server_opts ${client}`]),
    ...block('by hand', [
      check(client),
      `openssl s_client -brief ${words(`-connect ${target(address)}`, openssl)} </dev/null`,
    ]),
    ...block('with a password, also in tentacle_server.conf', [serverSecret]),
    ...block('with a password, also in pandora_agent.conf', [agentSecret]),
    ...block('with a password, instead in satellite_server.conf', [`server_opts ${words(secret, client)}`]),
    ...block('with a password, instead by hand', [check(words(secret, client))]),
    '',
  ];
}

/** The server's certificate is one for a client, too. */
function proxy(): string[] {
  return [
    '== The server as a proxy for CENTRE, with S5 on both sides; its certificate is shown to both ==',
    ...block('tentacle_server.conf', [
      ...[
        `ssl_cert ${SERVER_HOME}/server.pem`,
        `ssl_key ${SERVER_HOME}/server.key`,
        `ssl_ca ${SERVER_HOME}/ca.pem`,
      ],
      ...['proxy_ip CENTRE', 'proxy_ssl 1', `proxy_ssl_ca ${SERVER_HOME}/ca.pem`],
      ...[`proxy_ssl_cert ${SERVER_HOME}/server.pem`, `proxy_ssl_key ${SERVER_HOME}/server.key`],
    ]),
  ];
}

function block(name: string, lines: readonly string[]): string[] {
  return [`${name}:`, ...lines.map((line) => `    ${line}`)];
}

/** What agents call the server. */
function addressOf({ server }: Made): string {
  const names = server === undefined ? [] : subjectNames(server).map((name) => name.replace(/^[^:]*:/, ''));
  const first = names.find((name) => !name.startsWith('*')) ?? names[0] ?? 'SERVER';
  return first.replace('*', 'NAME');
}

function target(address: string): string {
  return isIP(address) === 6 ? `[${address}]:${String(PORT)}` : `${address}:${String(PORT)}`;
}

function identity(address: string): string {
  return isIP(address) === 0 ? `-verify_hostname ${address}` : `-verify_ip ${address}`;
}

function words(...parts: readonly string[]): string {
  return parts.filter((part) => part !== '').join(' ');
}

/** For a shell. */
function quoted(path: string): string {
  return /^[\w./@-]+$/.test(path) ? path : `'${path.replaceAll("'", String.raw`'\''`)}'`;
}

function dayOf(date: string): string {
  return new Date(date).toISOString().slice(0, 10);
}
