/** Certificates for tests, made by the real openssl. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
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

export interface IssueOptions {
  /** Of validity; a negative number makes it expired. */
  readonly days?: number;
  readonly passphrase?: string;
  /** As `openssl req -subj` takes it, when it is not just the CN. */
  readonly subject?: string;
  /** As `subjectAltName` has them; '' for none. */
  readonly alternativeNames?: string;
}

export interface ListOptions {
  /** As `20260101000000Z`; both or none. */
  readonly from: string;
  readonly until: string;
  /** Whether it is a delta CRL, which says only what changed since the first list. */
  readonly isDelta?: boolean;
}

/** How keys are made: RSA as guides do it, or P-256, which takes a tenth of the time. */
const RSA = ['-newkey', 'rsa:2048'];
const P256 = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'];
/** Base number 1: of the first list that an authority makes. */
const DELTA = '[delta]\n2.5.29.27=critical,ASN1:INTEGER:1\n';

export class CertificateAuthority {
  /** One whose keys are RSA, and those of all that it issues. */
  static rsa(name?: string): CertificateAuthority {
    return new CertificateAuthority(name, undefined, RSA);
  }

  readonly #newKey: readonly string[];
  readonly #directory: string;
  readonly ca: string;
  readonly #key: string;
  #count = 0;

  /** Makes a CA in a directory that goes with the current test. @param parent the CA that signs it; without one, it signs itself */
  constructor(name = 'Test CA', parent?: CertificateAuthority, newKey: readonly string[] = P256) {
    this.#newKey = newKey;
    this.#directory = temporaryDirectory();
    this.ca = join(this.#directory, 'ca.pem');
    this.#key = join(this.#directory, 'ca.key');
    const request = [...newKey, '-nodes', '-subj', `/CN=${name}`, '-keyout', this.#key];
    if (parent === undefined) {
      openssl('req', '-x509', '-days', '365', ...request, '-out', this.ca);
    } else {
      const csr = join(this.#directory, 'ca.csr');
      openssl('req', ...request, '-out', csr);
      parent.#sign(csr, this.ca, { extensions: 'basicConstraints=critical,CA:TRUE\n' });
    }
  }

  /** A certificate of this CA. */
  issue(name: string, options: IssueOptions = {}): Issued {
    const base = join(this.#directory, `issued-${String(this.#count++)}`);
    const { passphrase, subject = `/CN=${name}`, days } = options;
    const protection = passphrase === undefined ? ['-nodes'] : ['-passout', `pass:${passphrase}`];
    const request = [...this.#newKey, ...protection, '-utf8', '-subj', subject];
    openssl('req', ...request, '-keyout', `${base}.key`, '-out', `${base}.csr`);
    const names = options.alternativeNames ?? `DNS:${name},DNS:localhost,IP:127.0.0.1`;
    const extensions = names === '' ? '' : `subjectAltName=${names}\n`;
    this.#sign(`${base}.csr`, `${base}.pem`, { extensions, days });
    return { cert: `${base}.pem`, key: `${base}.key` };
  }

  /** The same with the certificate of this CA behind its own, which a client of an intermediate CA shows. */
  chained({ cert, key }: Issued): Issued {
    const chain = `${cert}.chain`;
    writeFileSync(chain, Buffer.concat([readFileSync(cert), readFileSync(this.ca)]));
    return { cert: chain, key };
  }

  /** What a CRL that is made from now on says of the certificate. */
  revoke(cert: string): void {
    this.#run('-revoke', cert);
  }

  /** A CRL in PEM, of all that were revoked; it holds for 30 days unless told otherwise. */
  revocationList(period?: ListOptions): string {
    const path = join(this.#directory, `crl-${String(this.#count++)}.pem`);
    const dates = period && ['-crl_lastupdate', period.from, '-crl_nextupdate', period.until];
    const delta = period?.isDelta === true ? ['-crlexts', 'delta'] : [];
    this.#run('-gencrl', '-out', path, ...(dates ?? []), ...delta);
    return path;
  }

  /** `openssl ca`, with its database of what was revoked. */
  #run(...args: readonly string[]): void {
    const [conf, database, number] = ['ca.conf', 'index.txt', 'number'].map((file) =>
      join(this.#directory, file),
    ) as [string, string, string];
    const section = `[ca]\ndefault_ca=this\n[this]\ndatabase=${database}\ncrlnumber=${number}\n`;
    writeFileSync(conf, `${section}default_md=sha256\ndefault_crl_days=30\n${DELTA}`);
    writeFileSync(database, '', { flag: 'a' });
    if (!existsSync(number)) writeFileSync(number, '01\n');
    openssl('ca', '-config', conf, '-cert', this.ca, '-keyfile', this.#key, ...args);
  }

  #sign(
    csr: string,
    cert: string,
    { extensions, days = 365 }: { readonly extensions: string; readonly days?: number | undefined },
  ): void {
    writeFileSync(`${csr}.ext`, extensions);
    openssl(
      ...['x509', '-req', '-in', csr, '-CA', this.ca, '-CAkey', this.#key, '-CAcreateserial'],
      ...['-days', String(days), '-extfile', `${csr}.ext`, '-out', cert],
    );
  }
}
