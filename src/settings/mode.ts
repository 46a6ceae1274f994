/** Makes the mode of the settings: what the server is there for. Pure. */
import { isLoopback } from './addresses.ts';
import { error, type Problem, textOf, warning } from './assignment.ts';
import { holdsPrivateKey, judgeTlsFiles } from './certificates.ts';
import { parseFilters } from './filters.ts';
import { jetStreamSettings, uselessWithoutJetStream } from './jetstream.ts';
import { optionRow, type ServerValues, type Token } from './options.ts';
import type {
  DeliverMode,
  Mode,
  PublishMode,
  ReceiveMode,
  ServerAddress,
  SpoolSettings,
  SyncMode,
  TransferRules,
  UpstreamSettings,
  UpstreamTls,
} from './settings.ts';
import { parseServers } from './upstreams.ts';
import type { Material } from './validate.ts';

const MS = 1000;

interface Given extends Pick<ServerValues, 'values' | 'sources'> {
  readonly material: Material;
  /** Parsed from invalid_chars. */
  readonly invalidChars: RegExp;
  /** In milliseconds since the epoch. */
  readonly now: number;
}

/** Whether there is somebody to listen to. */
export function takesClients(mode: Mode): boolean {
  return mode.kind !== 'deliver' && mode.kind !== 'sync';
}

export function modeOf(given: Given, problems: Problem[]): Mode | undefined {
  const { values } = given;
  const usesJetStream = values.mode !== 'receive' || values.store === 'jetstream';
  if (!usesJetStream) problems.push(...uselessWithoutJetStream(given));
  if (values.proxy_ip === undefined) problems.push(...uselessWithoutProxy(given));
  if (usesJetStream) return jetStreamMode(given, problems);
  return values.proxy_ip === undefined ? receiveMode(given, problems) : proxyMode(given, problems);
}

function jetStreamMode(given: Given, problems: Problem[]): Mode | undefined {
  const { values, sources } = given;
  if (values.proxy_ip !== undefined) {
    const text =
      'proxy_ip: a proxy keeps nothing on JetStream: remove it, or store jetstream and mode; the servers of proxy_ip may have them';
    problems.push(error(sources.proxy_ip, text));
  }
  switch (values.mode) {
    case 'deliver':
      return deliverMode(given, problems);
    case 'sync':
      return syncMode(given, problems);
    default:
      return publishMode(given, problems);
  }
}

function publishMode(given: Given, problems: Problem[]): PublishMode | undefined {
  const { values, sources } = given;
  const { filters, problems: found } = parseFilters(values.filters ?? '', sources.filters);
  problems.push(...found);
  const jetstream = jetStreamSettings(given, problems);
  if (jetstream === undefined) return undefined;
  if (values.directory === undefined) {
    const text =
      'store jetstream without directory: while JetStream is away, files are refused; with it they wait there';
    problems.push(warning(sources.store, text));
  } else if (!values.fsync) {
    const text =
      'fsync 0: files that wait in directory while JetStream is away, and that agents believe delivered, do not survive a power cut';
    problems.push(warning(sources.fsync, text));
  }
  // What waits is one directory, where what was confirmed stays until it is sent.
  const spool =
    values.directory === undefined ? undefined : { ...spoolOf(given, []), overwrite: false as const };
  return {
    kind: 'publish',
    jetstream,
    filters,
    overwrite: values.overwrite,
    rules: rulesOf(given),
    spool,
  };
}

function deliverMode(given: Given, problems: Problem[]): DeliverMode | undefined {
  const jetstream = jetStreamSettings(given, problems);
  if (!hasDirectory(given, 'the spool of the data server beside', problems)) return undefined;
  return jetstream && { kind: 'deliver', jetstream, spool: spoolOf(given, []) };
}

function syncMode(given: Given, problems: Problem[]): SyncMode | undefined {
  const { values, sources } = given;
  const { filters, problems: found } = parseFilters(values.filters ?? '', sources.filters);
  problems.push(...found);
  const jetstream = jetStreamSettings(given, problems);
  if (!hasDirectory(given, 'where the sub-directories of the console are', problems)) return undefined;
  const directories = values.sync_directories
    .split(',')
    .map((name) => name.trim().replace(/\/+$/, ''))
    .filter((name) => name !== '');
  const unknown = directories.filter((name) => filters.every(({ directory }) => directory !== name));
  for (const name of unknown) {
    const text = `sync_directories: no filter names ${textOf(name)}, so receivers keep nothing there: give the same filters here as there`;
    problems.push(error(sources.sync_directories, text));
  }
  if (directories.length === 0)
    problems.push(error(sources.sync_directories, 'sync_directories: there is nothing to keep equal'));
  const kept = filters.filter(({ directory }) => directories.includes(directory));
  const { invalidChars } = given;
  return jetstream && { kind: 'sync', jetstream, spool: spoolOf(given, kept), directories, invalidChars };
}

function hasDirectory({ values, sources }: Given, what: string, problems: Problem[]): boolean {
  if (values.directory !== undefined) return true;
  problems.push(error(sources.mode, `mode ${values.mode} needs directory (-s DIR): ${what}`));
  return false;
}

/** A relay needs no directory, and filters are not even checked. */
function proxyMode(given: Given, problems: Problem[]): Mode | undefined {
  const { values, sources } = given;
  problems.push(...unkeptPermissions(given));
  const upstream = upstreamSettings(given, problems);
  if (upstream === undefined) return undefined;
  if (values.proxy_mode !== 'store') {
    if (values.ssl_client_files) {
      const text =
        'ssl_client_files needs the names of files, which a relay does not see: set proxy_mode store, or leave it to the servers of proxy_ip';
      problems.push(error(sources.ssl_client_files, text));
    }
    return { kind: 'relay', upstream, relayTimeoutMs: values.relay_timeout * MS };
  }
  if (values.directory === undefined) {
    const text = 'proxy_mode store needs directory (-s DIR): where files wait until they are sent on';
    problems.push(error(sources.proxy_mode, text));
    return undefined;
  }
  if (!values.fsync) {
    const text = 'fsync 0 with proxy_mode store: a power cut loses files that agents believe delivered';
    problems.push(warning(sources.fsync, text));
  }
  if (values.overwrite) {
    const text = 'overwrite has no effect with proxy_mode store: set it at the servers of proxy_ip';
    problems.push(warning(sources.overwrite, text));
  }
  // The queue is one directory, where what was confirmed stays until it is sent: the rest is the upstream's business.
  const spool = { ...spoolOf(given, []), overwrite: false };
  return { kind: 'store', upstream, spool, rules: rulesOf(given), connections: values.proxy_connections };
}

function receiveMode(given: Given, problems: Problem[]): ReceiveMode | undefined {
  const { values, sources } = given;
  const { filters, problems: found } = parseFilters(values.filters ?? '', sources.filters);
  problems.push(...found);
  if (values.directory === undefined) {
    problems.push(error('', 'directory is required (-s DIR): where received files go'));
    return undefined;
  }
  return { kind: 'receive', rules: rulesOf(given), spool: spoolOf(given, filters) };
}

function spoolOf({ values }: Given, filters: SpoolSettings['filters']): SpoolSettings {
  return {
    directory: textOf(values.directory ?? ''),
    filters,
    overwrite: values.overwrite,
    fsync: values.fsync,
    minFreeSpace: values.min_free_space,
    maxFiles: values.max_files,
  };
}

function rulesOf({ values, invalidChars }: Given): TransferRules {
  return {
    maxSize: values.max_size,
    invalidChars,
    insecure: values.insecure,
    clientFiles: values.ssl_client_files,
  };
}

/** The servers of proxy_ip choose the directories, and what may be done there; other filters do no harm. */
function unkeptPermissions({ values, sources }: Given): Problem[] {
  const { filters } = parseFilters(values.filters ?? '', sources.filters);
  if (filters.every(({ permissions }) => permissions === 'rw')) return [];
  const text =
    'filters: a proxy keeps no directories, so =r and =w would protect nothing: set them at the servers of proxy_ip';
  return [error(sources.filters, text)];
}

/** Whoever wrote these relies on something that does not happen. */
function uselessWithoutProxy({ values, sources }: Given): Problem[] {
  const problems: Problem[] = [];
  if (values.proxy_mode === 'store') {
    problems.push(error(sources.proxy_mode, 'proxy_mode store without proxy_ip: send files on to where?'));
  }
  const tokens: readonly Token[] = [
    ...(['proxy_ssl', 'proxy_ssl_ca', 'proxy_ssl_cert', 'proxy_ssl_key'] as const),
    ...(['proxy_password', 'proxy_password_file', 'proxy_protocol_send'] as const),
  ];
  for (const token of tokens) {
    // Written out, a default relies on nothing.
    if (values[token] === optionRow(token)?.default) continue;
    problems.push(warning(sources[token], `${token} without proxy_ip has no effect`));
  }
  return problems;
}

function upstreamSettings(given: Given, problems: Problem[]): UpstreamSettings | undefined {
  const { values, sources, material } = given;
  const tls = upstreamTls(given, problems);
  let servers: readonly ServerAddress[];
  try {
    servers = parseServers(textOf(values.proxy_ip ?? ''), values.proxy_port);
  } catch (cause) {
    problems.push(error(sources.proxy_ip, `proxy_ip: ${(cause as Error).message}`));
    return undefined;
  }
  problems.push(...judgeSecrecyOnTheWay(given, servers));
  return {
    servers,
    policy: values.proxy_policy === 'balance' ? 'balance' : 'failover',
    tls,
    password: material.proxyPassword,
    proxyProtocol: proxyProtocolOf(values.proxy_protocol_send),
  };
}

function proxyProtocolOf(text: string): UpstreamSettings['proxyProtocol'] {
  return text === 'v1' || text === 'v2' ? text : undefined;
}

function upstreamTls(
  { values, sources, material, now }: Given,
  problems: Problem[],
): UpstreamTls | undefined {
  const { proxyCa: ca, proxyCert: cert } = material;
  if (!values.proxy_ssl) {
    for (const token of ['proxy_ssl_ca', 'proxy_ssl_cert', 'proxy_ssl_key'] as const) {
      if (values[token] === undefined) continue;
      problems.push(error(sources[token], `${token} does nothing without proxy_ssl 1: TLS is off`));
    }
    return undefined;
  }
  const inCert = cert !== undefined && holdsPrivateKey(cert) ? cert : undefined;
  const key = values.proxy_ssl_key === undefined ? inCert : material.proxyKey;
  if (cert !== undefined && values.proxy_ssl_key === undefined && inCert === undefined) {
    const text = 'proxy_ssl_key is required: the file of proxy_ssl_cert holds no private key';
    problems.push(error(sources.proxy_ssl_cert, text));
  }
  // A file name with a problem of its own is told already.
  if (values.proxy_ssl_key !== undefined && sources.proxy_ssl_cert === 'default') {
    problems.push(error(sources.proxy_ssl_key, 'proxy_ssl_key is the key of what? Set proxy_ssl_cert'));
  }
  const tokens = {
    cert: ['proxy_ssl_cert', sources.proxy_ssl_cert],
    key: ['proxy_ssl_key', sources.proxy_ssl_key],
    ca: ['proxy_ssl_ca', sources.proxy_ssl_ca],
    encrypted: 'store it without a passphrase, readable only for the user of this server',
  } as const;
  problems.push(...judgeTlsFiles({ cert, key, ca, passphrase: undefined }, tokens, now));
  if (sources.proxy_ssl_ca === 'default') {
    const text = 'proxy_ssl without proxy_ssl_ca: anybody could pose as the server of proxy_ip';
    problems.push(warning(sources.proxy_ssl, text));
  }
  return { ca, cert, key };
}

/** What clients entrust to TLS, or a password, should not go on in clear. */
function judgeSecrecyOnTheWay(
  { values, sources, material }: Given,
  servers: readonly ServerAddress[],
): Problem[] {
  const far = servers.find(({ host }) => !isLoopback(host));
  if (values.proxy_ssl || far === undefined) return [];
  const problems: Problem[] = [];
  if (values.ssl_cert !== undefined) {
    const text = `proxy_ip: what comes over TLS goes on to ${far.host} in clear: set proxy_ssl 1`;
    problems.push(warning(sources.proxy_ip, text));
  }
  if (material.proxyPassword !== undefined) {
    const token = values.proxy_password_file === undefined ? 'proxy_password' : 'proxy_password_file';
    const text = `${token}: a password without TLS can be overheard and replayed: set proxy_ssl 1`;
    problems.push(warning(sources[token], text));
  }
  return problems;
}
