/** Follows the certificates of a file from one to its issuer, as peers will. Pure. */
import type { X509Certificate } from 'node:crypto';
import { issuerText, subjectText } from './certificates.ts';

export interface Chain {
  /** Whether each certificate of the file is signed by the next. */
  readonly complete: boolean;
  /** What peers need beside, or what to do. */
  readonly text: string;
}

/**
 * @param certificates those of a file, from the one that is asked about on; at least one
 * @param trusted the CAs of ssl_ca, of which OpenSSL sends those that a single certificate needs
 */
export function chainOf(
  certificates: readonly X509Certificate[],
  trusted: readonly X509Certificate[],
): Chain {
  const [first, ...others] = certificates;
  if (first === undefined) return { complete: false, text: 'there is no certificate' };
  let last = first;
  for (const [index, next] of others.entries()) {
    if (isSelfSigned(last)) break;
    if (!isIssuer(last, next)) return broken(last, others.slice(index));
    last = next;
  }
  return { complete: true, text: endText(others.length > 0 ? last : followed(last, trusted), first) };
}

/** Where the next one is not the issuer. */
function broken(last: X509Certificate, behind: readonly X509Certificate[]): Chain {
  const issuer = behind.find((each) => isIssuer(last, each));
  const what = `${subjectText(last)} is signed by ${issuerText(last)}`;
  const text =
    issuer === undefined
      ? `broken: ${what}, which is missing in this file: put it behind that one`
      : `out of order: ${what}, which must follow it at once`;
  return { complete: false, text };
}

function endText(last: X509Certificate, first: X509Certificate): string {
  if (!isSelfSigned(last)) return `complete up to ${issuerText(last)}, which peers need in their CA file`;
  return last === first
    ? 'self-signed: peers need this certificate itself in their CA file'
    : `complete up to ${subjectText(last)}, which peers need in their CA file`;
}

/** Up to the last that is known; a CA that signs another and is signed by it has no end. */
function followed(certificate: X509Certificate, trusted: readonly X509Certificate[]): X509Certificate {
  let last = certificate;
  for (let steps = 0; steps < trusted.length && !isSelfSigned(last); steps++) {
    const from = last;
    const issuer = trusted.find((each) => isIssuer(from, each));
    if (issuer === undefined) break;
    last = issuer;
  }
  return last;
}

function isSelfSigned(certificate: X509Certificate): boolean {
  return isIssuer(certificate, certificate);
}

/** By name, by what the issuer may do, and by the signature. */
function isIssuer(certificate: X509Certificate, issuer: X509Certificate): boolean {
  try {
    return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
  } catch {
    // Of a kind of key that OpenSSL does not know here.
    return false;
  }
}
