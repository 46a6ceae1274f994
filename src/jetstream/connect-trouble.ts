/** Says why a NATS server cannot be connected to, and what to do about it. Pure. */
import { printable } from '../log/printable.ts';
import type { JetStreamSettings } from '../settings/settings.ts';

export const SILENT = 'does not answer in time: is it a NATS server, and does a firewall let us through?';

/** How a server that judges certificates ends a connection: by an alert, or before that can be read. */
const ENDED = /^(ERR_SSL_\w*ALERT\w*|ECONNRESET|EPIPE)$/;
/** Of the same trouble always the same: what changes from one attempt to the next would be told as news. */
const CERTIFICATES: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'its certificate has expired: renew it',
  CERT_NOT_YET_VALID: 'its certificate is not valid yet: compare the clocks',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'no CA of nats_tls_ca signed its certificate',
  SELF_SIGNED_CERT_IN_CHAIN: 'no CA of nats_tls_ca signed its certificate',
  UNABLE_TO_GET_ISSUER_CERT: 'no CA of nats_tls_ca signed its certificate',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'no CA of nats_tls_ca signed its certificate',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'no CA of nats_tls_ca signed its certificate',
  ERR_TLS_CERT_ALTNAME_INVALID:
    'its certificate is for other names than nats_servers gives: issue it for that one',
};

type Identity = Pick<JetStreamSettings, 'credentials' | 'tls'>;

/** Printable. */
export function troubleOf(error: Error, identity: Identity): string {
  const reason = printable(reasonOfConnect(error));
  const { credentials, tls } = identity;
  if (error.name === 'AuthorizationError' || /authorization violation/i.test(reason))
    return credentials === undefined
      ? `wants credentials (${reason}): set nats_credentials`
      : `does not accept the credentials (${reason}): see nats_credentials`;
  if (error.name === 'TimeoutError') return SILENT;
  if (tls !== undefined) return tlsTrouble(error, tls) ?? reason;
  return /tls|certificate/i.test(reason) ? `wants TLS (${reason}): set nats_tls_ca` : reason;
}

function tlsTrouble(error: Error, tls: NonNullable<Identity['tls']>): string | undefined {
  const codes = [error, error.cause].map((each) => (each as NodeJS.ErrnoException | undefined)?.code ?? '');
  const known = codes.map((code) => CERTIFICATES[code]).find((text) => text !== undefined);
  if (known !== undefined) return known;
  if (!codes.some((code) => ENDED.test(code))) return undefined;
  return tls.cert === undefined
    ? 'ends the TLS connection: it wants a certificate, so set nats_tls_cert and nats_tls_key'
    : 'ends the TLS connection: it may not accept the certificate of nats_tls_cert';
}

/** Why there is no connection, with what is behind it. */
export function reasonOfConnect({ message, cause }: Error): string {
  const deeper = (cause as Error | undefined)?.message;
  return deeper === undefined || message.includes(deeper) ? message : `${message}: ${deeper}`;
}
