/** Does the server's side of TLS handshakes. */
import { constants } from 'node:crypto';
import type { Socket } from 'node:net';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import { namesOf, subjectOf } from './client-certificate.ts';
import { isAccepted } from './client-names.ts';
import { CertificateRefused, PeerClosed, PeerTimeout, ProtocolError } from '../protocol/errors.ts';
import { timerMs } from '../protocol/timer.ts';
import { bytesOf } from '../settings/assignment.ts';
import { contextOptions } from '../settings/certificates.ts';
import type { TlsSettings } from '../settings/settings.ts';

/** Of what a certificate says; what is wrong with it comes behind that in the log, and must not be cut off. Bytes. */
const MOST_NAMES = 120;
const CLOSED = 'connection closed during the TLS handshake';

interface Pending {
  readonly resolve: (secure: TLSSocket) => void;
  readonly reject: (error: Error) => void;
}

export class TlsAcceptor {
  /** Never listens: connections are handed to it, which node:tls documents for its event `connection`. */
  readonly #server: Server;
  readonly #pending = new Map<string, Pending>();
  readonly #verify: boolean;
  readonly #clientNames: readonly string[] | undefined;

  /** @param handshakeMs how long a handshake may take (W4) */
  constructor(tls: TlsSettings, handshakeMs: number) {
    this.#verify = tls.ca !== undefined;
    this.#clientNames = tls.clientNames;
    const { secureOptions } = tls.versions;
    this.#server = createServer({
      ...contextOptions(tls),
      // A resumed session is not verified again, and could outlive its certificate and the CRL. And no Tentacle client
      // keeps one for its next run: sealing tickets for it was 4 % of the cost of a connection.
      secureOptions: secureOptions | constants.SSL_OP_NO_TICKET,
      // S7: without a CA no certificate is asked for. With one it is judged below, where the reason can be told.
      requestCert: this.#verify,
      rejectUnauthorized: false,
      handshakeTimeout: timerMs(handshakeMs),
    });
    this.#server.on('secureConnection', (secure) => {
      const pending = this.#take(secure);
      // One that was reset behind its last word has no address any more; its plain socket closes with it, and tells.
      if (pending === undefined) secure.destroy();
      else pending.resolve(secure);
    });
    this.#server.on('tlsClientError', (error, secure) => this.#take(secure)?.reject(explain(error)));
  }

  /**
   * Does the handshake on a connected socket, and verifies the client's certificate where a CA is set.
   * @throws ProtocolError, PeerTimeout, PeerClosed, each with what it means
   */
  async handshake(socket: Socket): Promise<TLSSocket> {
    // Read from before, for a PROXY header, it may have told of its end already: nobody would tell node:tls again.
    if (socket.readableEnded || socket.destroyed) throw new PeerClosed(CLOSED);
    const secure = await new Promise<TLSSocket>((resolve, reject) => {
      const key = keyOf(socket);
      const pending = { resolve, reject };
      this.#pending.set(key, pending);
      socket.once('close', () => {
        // The port may be another connection's by now.
        if (this.#pending.get(key) === pending) this.#pending.delete(key);
        reject(new PeerClosed(CLOSED));
      });
      // A peer that closes in mid-handshake is gone; the TLS socket takes this over from the plain one.
      socket.allowHalfOpen = false;
      this.#server.emit('connection', socket);
    });
    secure.allowHalfOpen = true;
    const reason = this.#verify ? this.#whyRefused(secure) : undefined;
    if (reason === undefined) return secure;
    secure.destroy();
    throw new CertificateRefused(bytesOf(reason));
  }

  /** Undefined: the client is welcome. */
  #whyRefused(secure: TLSSocket): string | undefined {
    const subject = subjectOf(secure);
    // A session without a certificate may count as authorized.
    if (subject === undefined) return 'no client certificate was shown, and ssl_ca requires one';
    const code = String(secure.authorizationError);
    if (!secure.authorized) {
      return `the client certificate (${shortened(subject)}) is refused: ${WHY_REFUSED[code] ?? 'it does not verify'} (${code})`;
    }
    const names = namesOf(secure);
    if (this.#clientNames === undefined || isAccepted(names, this.#clientNames)) return undefined;
    const accepted = `ssl_client_names accepts ${this.#clientNames.join(', ')}`;
    const alternatives = names.filter(({ kind }) => kind !== 'CN').map(({ kind, text }) => `${kind}:${text}`);
    return `the client certificate (${shortened([subject, ...alternatives].join(', '))}) is refused: ${accepted}`;
  }

  #take(secure: TLSSocket): Pending | undefined {
    const key = keyOf(secure);
    const pending = this.#pending.get(key);
    this.#pending.delete(key);
    return pending;
  }
}

function shortened(names: string): string {
  const bytes = Buffer.from(names);
  return bytes.length <= MOST_NAMES ? names : `${bytes.subarray(0, MOST_NAMES).toString()}...`;
}

/** One connection in the eyes of both its plain and its TLS socket. */
function keyOf(socket: Socket): string {
  const { remoteAddress, remotePort, localAddress, localPort } = socket;
  return [remoteAddress, remotePort, localAddress, localPort].join(' ');
}

const WHY_REFUSED: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'it has expired',
  CERT_NOT_YET_VALID: 'it is not valid yet',
  CERT_REVOKED: 'its CA has revoked it',
  CRL_HAS_EXPIRED: 'the CRL of its CA in ssl_crl has expired: fetch a new one',
  CRL_NOT_YET_VALID: 'the CRL of its CA in ssl_crl is not valid yet: compare the clocks',
  CRL_SIGNATURE_FAILURE: 'the CRL of its CA in ssl_crl was not signed by that CA: fetch it anew',
  UNABLE_TO_GET_CRL: 'ssl_crl has no CRL of its CA, or of one above: add it',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'no CA in ssl_ca signed it',
  SELF_SIGNED_CERT_IN_CHAIN: 'no CA in ssl_ca signed it',
  UNABLE_TO_GET_ISSUER_CERT: 'no CA in ssl_ca signed it',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'no CA in ssl_ca signed it',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'no CA in ssl_ca signed it',
};

const NOT_TLS = ['ERR_SSL_WRONG_VERSION_NUMBER', 'ERR_SSL_HTTP_REQUEST', 'ERR_SSL_PACKET_LENGTH_TOO_LONG'];
const NOTHING_IN_COMMON = [
  'ERR_SSL_UNSUPPORTED_PROTOCOL',
  'ERR_SSL_NO_SHARED_CIPHER',
  'ERR_SSL_VERSION_TOO_LOW',
  'ERR_SSL_NO_SUITABLE_SIGNATURE_ALGORITHM',
];

/** What a failed handshake means to whoever reads the log. */
function explain(error: Error): Error {
  const { code = '', message } = error as NodeJS.ErrnoException;
  const options = { cause: error };
  if (code === 'ERR_TLS_HANDSHAKE_TIMEOUT') return new PeerTimeout('timed out in the TLS handshake', options);
  if (code === 'ECONNRESET') return new PeerClosed(CLOSED, options);
  if (NOT_TLS.includes(code)) {
    return new ProtocolError('a client without TLS spoke to the TLS port', options);
  }
  if (NOTHING_IN_COMMON.includes(code)) {
    return new ProtocolError('no TLS version or cipher in common: see ssl_version and ssl_cipher', options);
  }
  if (/ALERT_(UNKNOWN_CA|BAD_CERTIFICATE|CERTIFICATE_UNKNOWN|CERTIFICATE_EXPIRED)/.test(code)) {
    return new ProtocolError('the client does not accept the certificate of this server', options);
  }
  return new ProtocolError(`the TLS handshake failed: ${message}`, options);
}
