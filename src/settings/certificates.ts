/** Judges certificates, keys and CAs before anything is started with them. Pure: it is given their bytes. */
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import { printable } from '../log/printable.ts';
import { bytesOf, error, type Problem, type Source, warning } from './assignment.ts';
import { expiryText } from './expiry.ts';
import { revocationBlocks } from './revocation-list.ts';
import type { Secret } from './secret.ts';
import type { TlsSettings } from './settings.ts';

const PEM_CERTIFICATE = /-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----[^-]+-----END [^-]+-----/g;
const PEM_ENCRYPTED = /-----BEGIN ENCRYPTED PRIVATE KEY-----|Proc-Type: 4,ENCRYPTED/;

/** Whether a PEM file's private key needs a passphrase. */
export function isEncryptedKey(pem: Buffer): boolean {
  return PEM_ENCRYPTED.test(pem.toString('latin1'));
}

/** Whether a PEM file holds a private key at all. */
export function holdsPrivateKey(pem: Buffer): boolean {
  return /-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(pem.toString('latin1'));
}

/** What the files of the TLS tokens hold; undefined where one could not be read, or is not asked for. */
export interface TlsMaterial {
  readonly cert: Buffer | undefined;
  readonly key: Buffer | undefined;
  readonly ca: Buffer | undefined;
  readonly passphrase: Secret | undefined;
}

/** The tokens that TLS files are named by, where each comes from, and how a passphrase can be given. */
export interface TlsTokens {
  readonly cert: readonly [token: string, source: Source];
  readonly key: readonly [token: string, source: Source];
  readonly ca: readonly [token: string, source: Source];
  /** What to do about a key that is encrypted. */
  readonly encrypted: string;
}

/** What is wrong with these files; each is judged as far as it was read. @param now in milliseconds since the epoch */
export function judgeTlsFiles(material: TlsMaterial, tokens: TlsTokens, now: number): Problem[] {
  const problems: Problem[] = [];
  const judge = (part: 'cert' | 'ca'): X509Certificate[] => {
    const pem = material[part];
    return pem === undefined ? [] : judgeCertificates(pem, tokens[part], now, problems);
  };
  const [leaf] = judge('cert');
  const key = material.key && readKey(material.key, material.passphrase, tokens, problems);
  if (leaf !== undefined && key !== undefined && !leaf.checkPrivateKey(key)) {
    const [token, source] = tokens.key;
    problems.push(error(source, `${token} is not the private key of ${tokens.cert[0]}`));
  }
  judge('ca');
  return problems;
}

/**
 * Refuses a cipher list that names no cipher.
 * @throws SyntaxError
 */
export function checkCiphers(list: string): string {
  try {
    createSecureContext({ ciphers: list });
    return list;
  } catch (cause) {
    throw new SyntaxError('names no cipher that OpenSSL knows', { cause });
  }
}

/** The settings in the words of node:tls. */
export function contextOptions(tls: TlsSettings): Parameters<typeof createSecureContext>[0] {
  return {
    cert: tls.cert,
    key: tls.passphrase === undefined ? tls.key : openedKey(tls),
    ...tls.versions,
    ...(tls.ca === undefined ? {} : { ca: tls.ca }),
    ...(tls.crl === undefined ? {} : { crl: revocationBlocks(tls.crl) }),
    ...(tls.ciphers === undefined ? {} : { ciphers: tls.ciphers }),
  };
}

function judgeCertificates(
  pem: Buffer,
  [token, source]: TlsTokens['cert'],
  now: number,
  problems: Problem[],
): X509Certificate[] {
  try {
    const certificates = readCertificates(pem);
    for (const certificate of certificates) {
      const about = judgeDates(certificate, now);
      if (about === undefined) continue;
      const key = [token, certificate.fingerprint256].join(' ');
      problems.push({ ...warning(source, `${token} ${about}`), key });
    }
    return certificates;
  } catch (cause) {
    problems.push(error(source, `${token} ${(cause as Error).message}`));
    return [];
  }
}

/**
 * The certificates of a PEM file.
 * @throws SyntaxError when there is none, or one that does not parse
 */
export function readCertificates(pem: Buffer): X509Certificate[] {
  const blocks = pem.toString('latin1').match(PEM_CERTIFICATE) ?? [];
  if (blocks.length === 0) throw new SyntaxError('holds no certificate in PEM form');
  return blocks.map((block) => {
    try {
      return new X509Certificate(block);
    } catch (cause) {
      throw new SyntaxError(`does not parse: ${(cause as Error).message}`, { cause });
    }
  });
}

function judgeDates(certificate: X509Certificate, now: number): string | undefined {
  const subject = subjectText(certificate);
  if (Date.parse(certificate.validFrom) > now)
    return `(${subject}) is not valid before ${certificate.validFrom}`;
  return expiryText({ subject, validTo: Date.parse(certificate.validTo) }, now);
}

/** A subject as `CN=..., O=...`, printable; X509Certificate gives one part a line. */
export function subjectText({ subject }: Pick<X509Certificate, 'subject'>): string {
  return nameText(subject);
}

export function issuerText({ issuer }: Pick<X509Certificate, 'issuer'>): string {
  return nameText(issuer);
}

/** Node has none for an empty name, whatever its types say. */
function nameText(name: string | undefined): string {
  return printable(bytesOf((name ?? 'no name').replaceAll('\n', ', ')));
}

/** The key without its passphrase: node:tls would take that for UTF-8, but it is bytes. */
function openedKey({ key, passphrase }: TlsSettings): string {
  const opened = createPrivateKey({ key, ...(passphrase && { passphrase: passphrase.reveal() }) });
  return opened.export({ type: 'pkcs8', format: 'pem' }).toString();
}

function readKey(
  key: Buffer,
  passphrase: Secret | undefined,
  { key: [token, source], encrypted }: TlsTokens,
  problems: Problem[],
): KeyObject | undefined {
  try {
    return openKey(key, passphrase?.reveal(), encrypted);
  } catch (cause) {
    problems.push(error(source, `${token} ${(cause as Error).message}`));
    return undefined;
  }
}

/**
 * A private key, opened with its passphrase where it has one.
 * @param encrypted what to do about a missing passphrase, for the message
 * @throws SyntaxError
 */
export function openKey(pem: Buffer, passphrase: Uint8Array | undefined, encrypted: string): KeyObject {
  try {
    return createPrivateKey({ key: pem, ...(passphrase && { passphrase: Buffer.from(passphrase) }) });
  } catch (cause) {
    const text = !holdsPrivateKey(pem)
      ? 'holds no private key in PEM form (are certificate and key swapped?)'
      : !isEncryptedKey(pem)
        ? `does not parse: ${(cause as Error).message}`
        : passphrase === undefined
          ? `is encrypted: ${encrypted}`
          : 'does not open with this passphrase';
    throw new SyntaxError(text, { cause });
  }
}
