/** Makes frozen Settings of merged values and of the files they name; finds all problems at once. Pure. */
import type { Level } from '../log/levels.ts';
import type { LogRotation } from '../log/logger.ts';
import { compileInvalidChars } from '../protocol/file-name.ts';
import { isLoopback, parseAddresses } from './addresses.ts';
import { error, type Problem, textOf, warning } from './assignment.ts';
import { checkCiphers, holdsPrivateKey, judgeTlsFiles } from './certificates.ts';
import { modeOf, takesClients } from './mode.ts';
import { type Network, parseNetworks } from './networks.ts';
import type { ServerValues, Token } from './options.ts';
import { judgeRevocationLists } from './revocation.ts';
import { Secret } from './secret.ts';
import type { Mode, Settings, TlsSettings } from './settings.ts';
import { statusSettings } from './status-address.ts';
import { DEFAULT_TLS_VERSIONS, parseTlsVersions } from './tls-versions.ts';
import { workersOf } from './workers.ts';

/** What load found at the paths that the values name; undefined where none is named or nothing could be read. */
export interface Material {
  readonly cert: Buffer | undefined;
  readonly key: Buffer | undefined;
  readonly ca: Buffer | undefined;
  /** One a line. */
  readonly password: Secret | undefined;
  readonly crl: Buffer | undefined;
  readonly passphrase: Secret | undefined;
  readonly proxyCa: Buffer | undefined;
  readonly proxyCert: Buffer | undefined;
  readonly proxyKey: Buffer | undefined;
  readonly proxyPassword: Secret | undefined;
  readonly natsCredentials: Secret | undefined;
  readonly natsCa: Buffer | undefined;
  readonly natsCert: Buffer | undefined;
  readonly natsKey: Buffer | undefined;
}

export interface Validated {
  /** Known even when something else is wrong, so that the spool can be judged all the same. */
  readonly mode: Mode | undefined;
  /** Undefined when a problem is an error. */
  readonly settings: Settings | undefined;
  readonly problems: readonly Problem[];
}

const MS = 1000;
const LEVELS: readonly Level[] = ['notice', 'event', 'detail'];

/** @param now in milliseconds since the epoch, for the dates of certificates */
export function validate(merged: ServerValues, material: Material, now: number): Validated {
  const { values, sources } = merged;
  const problems: Problem[] = [];
  const attempt = <T>(token: Token, parse: (value: string) => T, otherwise: T): T => {
    const value = values[token];
    if (typeof value !== 'string') return otherwise;
    try {
      return parse(value);
    } catch (cause) {
      problems.push(error(sources[token], `${token}: ${(cause as Error).message}`));
      return otherwise;
    }
  };

  const addresses = attempt('addresses', (value) => parseAddresses(textOf(value)), []);
  const versions = attempt('ssl_version', parseTlsVersions, DEFAULT_TLS_VERSIONS);
  const invalidChars = attempt('invalid_chars', compileInvalidChars, /[^]/);
  const ciphers = attempt<string | undefined>('ssl_cipher', checkCiphers, undefined);
  const proxyProtocolFrom = attempt<readonly Network[]>(
    'proxy_protocol_accept',
    (value) => parseNetworks(textOf(value)),
    [],
  );
  const allowFrom = attempt<readonly Network[] | undefined>(
    'allow_from',
    (value) => parseNetworks(textOf(value)),
    undefined,
  );
  const clientNames = attempt<readonly string[] | undefined>('ssl_client_names', parseNames, undefined);
  const tls = tlsSettings(merged, material, { versions, ciphers, clientNames }, problems);
  if (values.ssl_cert !== undefined) {
    const tokens = {
      cert: ['ssl_cert', sources.ssl_cert],
      key: ['ssl_key', sources.ssl_key],
      ca: ['ssl_ca', sources.ssl_ca],
      encrypted: 'give its passphrase with ssl_password_file, or ssl_password 1 to be asked',
    } as const;
    problems.push(...judgeTlsFiles({ ...material, key: keyOf(merged, material) }, tokens, now));
    problems.push(...judgeRevocationLists(material, sources.ssl_crl, now));
  }
  const passwords = passwordsOf(values, material);
  const open = addresses.length === 0 || !addresses.every(isLoopback);
  if (passwords.length > 0 && sources.ssl_cert === 'default' && open) {
    const source = sources[values.password_file === undefined ? 'password' : 'password_file'];
    problems.push(warning(source, 'a password without TLS can be overheard and replayed: set ssl_cert'));
  }
  const mode = modeOf({ ...merged, material, invalidChars, now }, problems);
  problems.push(...judgeTlsPromises(merged), ...judgeBytes(merged, mode));
  const status = statusSettings(merged, problems);
  if (mode === undefined || problems.some(({ severity }) => severity === 'error')) {
    return { mode, settings: undefined, problems };
  }
  const settings: Settings = {
    mode,
    listen: { addresses, port: values.port },
    maxConnections: values.max_connections,
    idleMs: values.timeout * (values.retries + 1) * MS,
    drainMs: values.drain_timeout * MS,
    lineLimit: values.block_size,
    passwords,
    access: {
      allowFrom,
      libwrap: values.use_libwrap,
      perAddress: {
        connections: values.max_connections_per_ip,
        rate: values.max_rate_per_ip,
        bytes: values.max_bytes_per_ip,
      },
    },
    tls,
    proxyProtocolFrom,
    log: {
      level: values.quiet ? 'silent' : (LEVELS[values.verbose] ?? 'detail'),
      format: values.log_format === 'json' ? 'json' : 'text',
      file: values.log_file === undefined ? undefined : textOf(values.log_file),
      rotation: {
        maxSize: values.log_max_size,
        frequency: values.log_frequency as LogRotation['frequency'],
        keep: values.log_keep,
      },
    },
    status,
    // What only one may do at a time is all that there is.
    workers: takesClients(mode) ? workersOf(values) : 1,
    daemon: values.daemon,
    pidFile: values.pid_file === undefined ? undefined : textOf(values.pid_file),
    umask: values.umask,
  };
  return { mode, settings: deepFreeze(settings), problems };
}

function tlsSettings(
  { values, sources }: ServerValues,
  material: Material,
  choice: Pick<TlsSettings, 'versions' | 'ciphers' | 'clientNames'>,
  problems: Problem[],
): TlsSettings | undefined {
  // A certificate with a problem of its own is told already.
  if (values.ssl_cert === undefined && sources.ssl_cert !== 'default') return undefined;
  if (values.ssl_cert === undefined) {
    if (values.ssl_key !== undefined) {
      problems.push(warning(sources.ssl_key, 'ssl_key without ssl_cert has no effect: TLS is off'));
    }
    // Whoever wrote this relies on clients being verified.
    if (values.ssl_ca !== undefined) {
      problems.push(error(sources.ssl_ca, 'ssl_ca verifies nobody without ssl_cert: TLS is off'));
    }
    return undefined;
  }
  const { cert, ca, crl, passphrase } = material;
  if (cert !== undefined && values.ssl_key === undefined && !holdsPrivateKey(cert)) {
    problems.push(error(sources.ssl_cert, 'ssl_key is required: the file of ssl_cert holds no private key'));
  }
  const key = keyOf({ values }, material);
  return cert && key && { cert, key, ca, crl, passphrase, ...choice };
}

/**
 * Names divided by commas, in which `*` stands for any characters.
 * @throws SyntaxError when there is none
 */
function parseNames(text: string): string[] {
  const names = textOf(text)
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
  if (names.length === 0) throw new SyntaxError('there is no name, and nobody would be let in');
  return names;
}

/** A file has one a line; what is given otherwise is one, whatever it holds: a mere LF must not open the server. */
function passwordsOf(values: ServerValues['values'], { password }: Material): readonly Secret[] {
  if (password === undefined) return [];
  if (values.password_file === undefined) return [password];
  const lines = password.reveal().toString('latin1').split('\n');
  return lines.map((line) => new Secret(line));
}

/** What clients are to be asked for by TLS happens only with TLS, and with a CA. */
function judgeTlsPromises({ values, sources }: ServerValues): Problem[] {
  const problems: Problem[] = [];
  if (values.require_ssl && sources.ssl_cert === 'default') {
    const relayed =
      values.proxy_ip === undefined ? '' : '; whether clients of a relay speak TLS, only they know';
    problems.push(error(sources.require_ssl, `require_ssl: there is no TLS without ssl_cert${relayed}`));
  }
  const needCa: readonly Token[] = [
    'ssl_client_names',
    'ssl_crl',
    ...(values.ssl_client_files ? (['ssl_client_files'] as const) : []),
  ];
  for (const token of needCa) {
    if (sources[token] === 'default' || values.ssl_ca !== undefined) continue;
    problems.push(
      error(sources[token], `${token} needs ssl_ca: without it no client certificate is asked for`),
    );
  }
  return problems;
}

/** Whoever is cut off in the middle of a file sends all of it again, and is cut off again. */
function judgeBytes({ values, sources }: ServerValues, mode: Mode | undefined): Problem[] {
  const { max_bytes_per_ip: bytes, max_size: size } = values;
  const workers = workersOf(values);
  const share = Math.ceil(bytes / workers);
  if (bytes === 0 || share > size || mode?.kind === 'relay') return [];
  const has = workers === 1 ? `allows ${String(share)} bytes` : `leaves each worker ${String(share)} bytes`;
  const text = `max_bytes_per_ip ${has}: a file of max_size (${String(size)}) would never arrive; allow more`;
  return [warning(sources.max_bytes_per_ip, text)];
}

/** The private key: in a file of its own, or beside the certificate. */
function keyOf({ values }: Pick<ServerValues, 'values'>, { cert, key }: Material): Buffer | undefined {
  if (values.ssl_key !== undefined) return key;
  return cert !== undefined && holdsPrivateKey(cert) ? cert : undefined;
}

/** Freezes plain objects and arrays all the way down; Buffers cannot be frozen, and secrets need not. */
function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return value;
  for (const part of Object.values(value)) deepFreeze(part);
  return Object.freeze(value);
}
