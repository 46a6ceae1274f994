/** Makes the settings of the NATS cluster, and judges them. Pure. */
import { isLoopback } from './addresses.ts';
import { error, type Problem, textOf, warning } from './assignment.ts';
import { judgeTlsFiles } from './certificates.ts';
import type { ServerValues, Token } from './options.ts';
import type { JetStreamSettings, ServerAddress, UpstreamTls } from './settings.ts';
import { parseServers } from './upstreams.ts';
import type { Material } from './validate.ts';

const MS = 1000;
const NATS_PORT = 4222;
/** Buckets are called by it, and NATS takes no more than 255 characters. */
const STREAM = /^[A-Za-z0-9_-]{1,64}$/;

export interface Given extends Pick<ServerValues, 'values' | 'sources'> {
  readonly material: Material;
  /** In milliseconds since the epoch. */
  readonly now: number;
}

/** Undefined where something is wrong. */
export function jetStreamSettings(given: Given, problems: Problem[]): JetStreamSettings | undefined {
  const { values, sources, material } = given;
  const tls = natsTls(given, problems);
  if (!STREAM.test(values.nats_stream)) {
    const text = `nats_stream "${textOf(values.nats_stream)}": give up to 64 letters, digits, - and _`;
    problems.push(error(sources.nats_stream, text));
  }
  if (values.nats_servers === undefined) {
    // With a problem of its own it is told already.
    if (sources.nats_servers === 'default') {
      const about = values.store === 'jetstream' ? (['store', 'store jetstream'] as const) : modeName(given);
      const text = `${about[1]} needs nats_servers: where JetStream is`;
      problems.push(error(sources[about[0]], text));
    }
    return undefined;
  }
  let servers: readonly ServerAddress[];
  try {
    servers = parseServers(textOf(values.nats_servers), NATS_PORT);
  } catch (cause) {
    problems.push(error(sources.nats_servers, `nats_servers: ${(cause as Error).message}`));
    return undefined;
  }
  const far = servers.find(({ host }) => !isLoopback(host));
  if (tls === undefined && far !== undefined) {
    const secret = material.natsCredentials === undefined ? '' : ', nats_credentials among them';
    const text = `nats_servers: all goes to ${far.host} in clear${secret}: set nats_tls_ca, or keep that network to yourself`;
    problems.push(warning(sources.nats_servers, text));
  }
  return {
    servers,
    credentials: material.natsCredentials,
    tls,
    stream: values.nats_stream,
    replicas: values.nats_replicas,
    duplicateWindowMs: values.nats_duplicate_window * MS,
  };
}

function modeName({ values }: Given): readonly [Token, string] {
  return ['mode', `mode ${values.mode}`];
}

function natsTls({ values, sources, material, now }: Given, problems: Problem[]): UpstreamTls | undefined {
  const { natsCa: ca, natsCert: cert, natsKey: key } = material;
  if (sources.nats_tls_ca === 'default') {
    for (const token of ['nats_tls_cert', 'nats_tls_key'] as const) {
      if (values[token] === undefined) continue;
      const text = `${token} does nothing without nats_tls_ca, which turns TLS on`;
      problems.push(error(sources[token], text));
    }
    return undefined;
  }
  if ((cert === undefined) !== (key === undefined)) {
    const [there, missing] =
      cert === undefined
        ? (['nats_tls_key', 'nats_tls_cert'] as const)
        : (['nats_tls_cert', 'nats_tls_key'] as const);
    if (sources[missing] === 'default')
      problems.push(error(sources[there], `${there} needs ${missing} beside it`));
  }
  const tokens = {
    cert: ['nats_tls_cert', sources.nats_tls_cert],
    key: ['nats_tls_key', sources.nats_tls_key],
    ca: ['nats_tls_ca', sources.nats_tls_ca],
    encrypted: 'store it without a passphrase, readable only for the user of this server',
  } as const;
  problems.push(...judgeTlsFiles({ cert, key, ca, passphrase: undefined }, tokens, now));
  return { ca, cert, key };
}

/** Whoever wrote these relies on something that does not happen. */
export function uselessWithoutJetStream({ values, sources }: Given): Problem[] {
  const tokens = [
    ...(['nats_servers', 'nats_credentials', 'nats_tls_ca', 'nats_tls_cert', 'nats_tls_key'] as const),
  ];
  return tokens
    .filter((token) => values[token] !== undefined)
    .map((token) => warning(sources[token], `${token} without store jetstream has no effect`));
}
