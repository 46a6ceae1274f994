/** Says of every certificate in use what a person would ask of it. Pure. */
import type { X509Certificate } from 'node:crypto';
import ipaddr from 'ipaddr.js';
import { printable } from '../log/printable.ts';
import { alternativeNames, type CertificateName } from './alternative-names.ts';
import { bytesOf, textOf } from './assignment.ts';
import type { Blueprint } from './blueprint.ts';
import { chainOf } from './certificate-chain.ts';
import { issuerText, readCertificates, subjectText } from './certificates.ts';
import type { Token } from './options.ts';

/** One certificate: the first of a file is what is shown to peers, or trusted. */
export interface CertificateReport {
  readonly token: Token;
  /** Where it was read. */
  readonly file: string;
  /** `CN=..., O=...`, printable. */
  readonly subject: string;
  /** As `DNS:tentacle.example`, `IP:10.0.0.1`, printable. */
  readonly names: readonly string[];
  readonly issuer: string;
  /** In milliseconds since the epoch, as the next one. */
  readonly validFrom: number;
  readonly validTo: number;
  /** What peers need beside what the file holds, in words; and whether every certificate in it is signed by the next. */
  readonly chain: { readonly complete: boolean; readonly text: string };
}

type Shown = 'ssl_cert' | 'proxy_ssl_cert' | 'nats_tls_cert';
type Trusted = 'ssl_ca' | 'proxy_ssl_ca' | 'nats_tls_ca';

/** Whether it is shown to peers; others are those that peers are verified with. */
export function isShown(token: Token): boolean {
  return token === 'ssl_cert' || token === 'proxy_ssl_cert' || token === 'nats_tls_cert';
}

/** Those of what settings are made of, file by file in their order. A file that could not be read or parsed has none. */
export function certificatesOf({
  values,
  material,
}: Pick<Blueprint, 'values' | 'material'>): CertificateReport[] {
  const inUse: [token: Shown | Trusted, pem: Buffer | undefined][] = [];
  if (values.ssl_cert !== undefined) inUse.push(['ssl_cert', material.cert], ['ssl_ca', material.ca]);
  if (values.proxy_ip !== undefined && values.proxy_ssl)
    inUse.push(['proxy_ssl_cert', material.proxyCert], ['proxy_ssl_ca', material.proxyCa]);
  if (values.mode !== 'receive' || values.store === 'jetstream')
    inUse.push(['nats_tls_cert', material.natsCert], ['nats_tls_ca', material.natsCa]);
  const trusted = certificatesIn(material.ca);
  return inUse.flatMap(([token, pem]) => {
    const certificates = certificatesIn(pem);
    return certificates.map((certificate, index) => ({
      token,
      file: textOf(values[token] ?? ''),
      subject: subjectText(certificate),
      names: subjectNames(certificate),
      issuer: issuerText(certificate),
      validFrom: Date.parse(certificate.validFrom),
      validTo: Date.parse(certificate.validTo),
      chain: isShown(token)
        ? chainOf(certificates.slice(index), token === 'ssl_cert' ? trusted : [])
        : { complete: true, text: 'trusted' },
    }));
  });
}

/** As `DNS:tentacle.example`, `IP:10.0.0.1`, printable. */
export function subjectNames({ subjectAltName }: Pick<X509Certificate, 'subjectAltName'>): string[] {
  return alternativeNames(subjectAltName ?? '').map(nameText);
}

function nameText({ kind, text }: CertificateName): string {
  const shown = kind === 'IP' && ipaddr.isValid(text) ? ipaddr.parse(text).toString() : text;
  return `${kind}:${printable(bytesOf(shown))}`;
}

/** What is wrong with a file is told where it is judged. */
function certificatesIn(pem: Buffer | undefined): X509Certificate[] {
  try {
    return pem === undefined ? [] : readCertificates(pem);
  } catch {
    return [];
  }
}
