/** The client's side of TLS: what is shown, what is verified, and what a failure means. */
import { isIP, type Socket } from 'node:net';
import { checkServerIdentity, connect, type PeerCertificate, type TLSSocket } from 'node:tls';
import { endpointText, type HostPort } from './endpoint.ts';
import { TimeoutError, TlsError } from './errors.ts';
import { FLAG_NAMES, type SettingNames } from './names.ts';
import { printable } from '../log/printable.ts';
import { timerMs } from '../protocol/timer.ts';

/** PEM contents. The five set-ups are combinations of them (S2-S5). */
export interface TlsOptions {
  /** The client's own certificate. */
  readonly cert?: Buffer | undefined;
  /** Its private key, without a passphrase. */
  readonly key?: Buffer | string | undefined;
  /** With it, the server's certificate and name are verified; without it, nothing is. */
  readonly ca?: Buffer | undefined;
}

interface Handshake extends HostPort {
  readonly tls: TlsOptions;
  readonly idleMs: number;
  readonly names?: SettingNames | undefined;
}

/**
 * Does the handshake over a connected socket.
 * @throws TlsError, TimeoutError
 */
export function startTls(socket: Socket, { tls, idleMs, ...server }: Handshake): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const secure = open(socket, server, tls);
    const timer = setTimeout(() => {
      secure.destroy(new TimeoutError(`TLS handshake with ${endpointText(server)} timed out`));
    }, timerMs(idleMs));
    const failed = (error: Error): void => {
      clearTimeout(timer);
      reject(error instanceof TimeoutError ? error : new TlsError(explain(error, server), { cause: error }));
    };
    const closed = (): void => {
      failed(new Error('closed'));
    };
    secure.once('error', failed);
    secure.once('close', closed);
    secure.once('secureConnect', () => {
      clearTimeout(timer);
      secure.off('error', failed).off('close', closed);
      secure.on('error', () => undefined);
      resolve(secure);
    });
  });
}

/** @throws TlsError for a certificate or key that OpenSSL does not take */
function open(socket: Socket, { host }: HostPort, { cert, key, ca }: TlsOptions): TLSSocket {
  try {
    return connect({
      socket,
      host,
      ...(isIP(host) === 0 ? { servername: host } : {}),
      // Nothing is verified without a CA; the built-in roots would only cost 20 ms of every start.
      ca: ca ?? [],
      rejectUnauthorized: ca !== undefined,
      checkServerIdentity: identityProblem,
      ...(cert !== undefined && key !== undefined ? { cert, key } : {}),
    });
  } catch (cause) {
    throw new TlsError(`TLS cannot be set up: ${(cause as Error).message}`, { cause });
  }
}

/** S6: a SAN or else the CN must be the name that was connected to; Perl also takes an address as a CN. */
function identityProblem(host: string, certificate: PeerCertificate): Error | undefined {
  const problem = checkServerIdentity(host, certificate);
  const bareCommonName = certificate.subjectaltname === undefined && isIP(host) !== 0;
  return bareCommonName && certificate.subject.CN === host ? undefined : problem;
}

/** What went wrong in a handshake, and what to do about it. */
export function explain(error: Error, server: Pick<Handshake, 'host' | 'port' | 'names'>): string {
  const { code = '', message } = error as NodeJS.ErrnoException;
  const { host, names = FLAG_NAMES } = server;
  const about = `TLS with ${endpointText(server)} failed: `;
  switch (code) {
    case 'ERR_TLS_CERT_ALTNAME_INVALID': {
      const issuedTo = certificateNames((error as { cert?: PeerCertificate }).cert);
      return `${about}the certificate is for ${issuedTo}, not for ${host}: use ${names.address} with that name, or issue it for ${host}`;
    }
    case 'CERT_HAS_EXPIRED':
      return `${about}the certificate of the server has expired: renew it`;
    case 'CERT_NOT_YET_VALID':
      return `${about}the certificate of the server is not valid yet: compare the clocks`;
    case 'DEPTH_ZERO_SELF_SIGNED_CERT':
    case 'SELF_SIGNED_CERT_IN_CHAIN':
    case 'UNABLE_TO_VERIFY_LEAF_SIGNATURE':
    case 'UNABLE_TO_GET_ISSUER_CERT':
    case 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY':
      return `${about}no CA of the ${names.ca} file signed the certificate of the server (${code})`;
    case 'ERR_SSL_WRONG_VERSION_NUMBER':
    case 'ERR_SSL_PACKET_LENGTH_TOO_LONG':
      return `${about}the server does not speak TLS there: leave out ${names.tls} and ${names.ca}, or turn TLS on at the server`;
    case 'ECONNRESET':
    case '':
      return `${about}the server closed the connection: perhaps it does not speak TLS, wants another version of it, or refuses the client certificate`;
    default:
      return about + alert(code, message, names);
  }
}

/** What the server complained of. */
function alert(code: string, message: string, names: SettingNames): string {
  if (/ALERT_(CERTIFICATE_REQUIRED|HANDSHAKE_FAILURE)/.test(code)) {
    return `the server wants a client certificate (${names.certificate}), or has no cipher in common (${code})`;
  }
  if (
    /ALERT_(UNKNOWN_CA|BAD_CERTIFICATE|CERTIFICATE_UNKNOWN|CERTIFICATE_EXPIRED|CERTIFICATE_REVOKED)/.test(
      code,
    )
  ) {
    return `the server refuses the client certificate (${code})`;
  }
  if (/PROTOCOL_VERSION|UNSUPPORTED_PROTOCOL/.test(code)) return `no TLS version in common (${code})`;
  return message.trim();
}

function certificateNames(certificate: Partial<PeerCertificate> | undefined): string {
  const names = certificate?.subjectaltname?.replaceAll(/(?:DNS|IP Address):/g, '');
  const common = certificate?.subject?.CN;
  const all = names ?? (Array.isArray(common) ? common.join(', ') : common) ?? 'nobody';
  return printable(Buffer.from(all).toString('latin1'));
}
