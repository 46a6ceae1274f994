/** Certificates for tests, made by the real openssl. */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryDirectory } from './temporary.ts';

export interface Issued {
  /** Paths of PEM files. */
  readonly cert: string;
  readonly key: string;
}

function openssl(...args: readonly string[]): void {
  execFileSync('openssl', args, { stdio: ['ignore', 'ignore', 'pipe'] });
}

export class CertificateAuthority {
  readonly #directory: string;
  readonly ca: string;
  readonly #key: string;
  #count = 0;

  /** Makes a CA in a directory that goes with the current test. */
  constructor(name = 'Test CA') {
    this.#directory = temporaryDirectory();
    this.ca = join(this.#directory, 'ca.pem');
    this.#key = join(this.#directory, 'ca.key');
    openssl(
      ...['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '365', '-subj', `/CN=${name}`],
      ...['-keyout', this.#key, '-out', this.ca],
    );
  }

  /** A certificate of this CA. @param days of validity; a negative number makes it expired */
  issue(name: string, options: { readonly days?: number; readonly passphrase?: string } = {}): Issued {
    const base = join(this.#directory, `${name}-${String(this.#count++)}`);
    const cert = `${base}.pem`;
    const key = `${base}.key`;
    const protection =
      options.passphrase === undefined ? ['-nodes'] : ['-passout', `pass:${options.passphrase}`];
    openssl(
      'req',
      '-newkey',
      'rsa:2048',
      ...protection,
      '-subj',
      `/CN=${name}`,
      '-keyout',
      key,
      '-out',
      `${base}.csr`,
    );
    writeFileSync(`${base}.ext`, `subjectAltName=DNS:${name},DNS:localhost,IP:127.0.0.1\n`);
    openssl(
      ...['x509', '-req', '-in', `${base}.csr`, '-CA', this.ca, '-CAkey', this.#key, '-CAcreateserial'],
      ...['-days', String(options.days ?? 365), '-extfile', `${base}.ext`, '-out', cert],
    );
    return { cert, key };
  }
}
