/** What the certificate of a client says about it, after it was verified. */
import type { PeerCertificate, TLSSocket } from 'node:tls';
import type { Peer } from './peer.ts';
import { printable } from '../log/printable.ts';
import { bytesOf } from '../settings/assignment.ts';

export interface CertificateName {
  readonly kind: 'CN' | 'DNS' | 'IP' | 'email' | 'URI';
  readonly text: string;
}

/** How node:tls calls the alternative names that can name a client. */
const KINDS: Readonly<Record<string, CertificateName['kind']>> = {
  DNS: 'DNS',
  'IP Address': 'IP',
  email: 'email',
  URI: 'URI',
};

/** `DNS:a, IP Address:1.2.3.4, URI:"a, b"`: what could be mistaken is quoted as in JSON. */
const ALTERNATIVE_NAME = /([^:,]+):("(?:[^"\\]|\\.)*"|[^,]*)(?:, |$)/gy;

/** A subject as `CN=agent, O=Example`; undefined when the client showed no certificate. */
export function subjectOf(secure: TLSSocket): string | undefined {
  const { subject } = certificateOf(secure);
  if (subject === undefined) return undefined;
  return Object.entries(subject)
    .map(([key, value]) => `${key}=${[value].flat().join('+')}`)
    .join(', ');
}

/** The client as the log and ssl_client_files know it; of several CNs, none is its name. */
export function identityOf(secure: TLSSocket): Pick<Peer, 'subject' | 'commonName'> {
  const subject = subjectOf(secure);
  const [commonName, ...others] = commonNamesOf(secure);
  return {
    subject: subject === undefined ? undefined : printable(bytesOf(subject)),
    commonName: commonName === undefined || others.length > 0 ? undefined : bytesOf(commonName),
  };
}

/** All that the certificate is for: its CNs and its alternative names. */
export function namesOf(secure: TLSSocket): CertificateName[] {
  const common = commonNamesOf(secure).map((text) => ({ kind: 'CN', text }) as const);
  return [...common, ...alternativeNames(certificateOf(secure).subjectaltname ?? '')];
}

/** Names of other kinds are left out. */
export function alternativeNames(text: string): CertificateName[] {
  return [...text.matchAll(ALTERNATIVE_NAME)].flatMap(([, label = '', value = '']) => {
    const kind = KINDS[label];
    return kind === undefined ? [] : [{ kind, text: unquoted(value) }];
  });
}

function commonNamesOf(secure: TLSSocket): string[] {
  const { subject } = certificateOf(secure);
  // Several of a kind come as an array, whatever the type says.
  return [(subject as { readonly CN?: string | string[] } | undefined)?.CN ?? []].flat();
}

function certificateOf(secure: TLSSocket): Partial<PeerCertificate> {
  return secure.getPeerCertificate();
}

function unquoted(value: string): string {
  return value.startsWith('"') ? (JSON.parse(value) as string) : value;
}
