/** What the certificate of a client says about it, after it was verified. */
import type { PeerCertificate, TLSSocket } from 'node:tls';
import type { Peer } from './peer.ts';
import { printable } from '../log/printable.ts';
import { alternativeNames, type CertificateName } from '../settings/alternative-names.ts';
import { bytesOf } from '../settings/assignment.ts';

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

function commonNamesOf(secure: TLSSocket): string[] {
  const { subject } = certificateOf(secure);
  // Several of a kind come as an array, whatever the type says.
  return [(subject as { readonly CN?: string | string[] } | undefined)?.CN ?? []].flat();
}

function certificateOf(secure: TLSSocket): Partial<PeerCertificate> {
  return secure.getPeerCertificate();
}
