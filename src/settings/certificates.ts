/** Judges certificates, keys and CAs before anything is started with them. Pure: it is given their bytes. */
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import { error, type Problem, type Source, warning } from './assignment.ts';
import type { TlsSettings } from './settings.ts';

/** Days before its end from which a certificate is warned about. */
const SOON_DAYS = 30;
const MS_PER_DAY = 86_400_000;
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

/** What is wrong with the certificates of these TLS settings. @param now in milliseconds since the epoch */
export function judgeTls(
  tls: TlsSettings,
  sources: { readonly cert: Source; readonly key: Source; readonly ca: Source; readonly cipher: Source },
  now: number,
): Problem[] {
  const problems: Problem[] = [];
  const leaf = judgeCertificates(tls.cert, 'ssl_cert', sources.cert, now, problems)[0];
  const key = readKey(tls, sources.key, problems);
  if (leaf !== undefined && key !== undefined && !leaf.checkPrivateKey(key)) {
    problems.push(error(sources.key, 'ssl_key is not the private key of ssl_cert'));
  }
  if (tls.ca !== undefined) judgeCertificates(tls.ca, 'ssl_ca', sources.ca, now, problems);
  if (problems.some(({ severity }) => severity === 'error')) return problems;
  try {
    createSecureContext(contextOptions(tls));
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    const about =
      code === 'ERR_SSL_NO_CIPHER_MATCH' ? 'ssl_cipher names no cipher that OpenSSL knows' : message;
    problems.push(error(code === 'ERR_SSL_NO_CIPHER_MATCH' ? sources.cipher : sources.cert, about));
  }
  return problems;
}

/** The settings in the words of node:tls. */
export function contextOptions(tls: TlsSettings): Parameters<typeof createSecureContext>[0] {
  return {
    cert: tls.cert,
    key: tls.key,
    ...tls.versions,
    ...(tls.passphrase === undefined ? {} : { passphrase: tls.passphrase.reveal().toString('latin1') }),
    ...(tls.ca === undefined ? {} : { ca: tls.ca }),
    ...(tls.ciphers === undefined ? {} : { ciphers: tls.ciphers }),
  };
}

function judgeCertificates(
  pem: Buffer,
  token: string,
  source: Source,
  now: number,
  problems: Problem[],
): X509Certificate[] {
  const blocks = pem.toString('latin1').match(PEM_CERTIFICATE) ?? [];
  if (blocks.length === 0) {
    problems.push(error(source, `${token} holds no certificate in PEM form`));
    return [];
  }
  const certificates: X509Certificate[] = [];
  for (const block of blocks) {
    try {
      const certificate = new X509Certificate(block);
      certificates.push(certificate);
      const about = judgeDates(certificate, now);
      if (about !== undefined) problems.push(warning(source, `${token} ${about}`));
    } catch (cause) {
      problems.push(error(source, `${token} does not parse: ${(cause as Error).message}`));
    }
  }
  return certificates;
}

function judgeDates(certificate: X509Certificate, now: number): string | undefined {
  const name = `(${oneLine(certificate.subject)})`;
  if (Date.parse(certificate.validFrom) > now) return `${name} is not valid before ${certificate.validFrom}`;
  const days = Math.floor((Date.parse(certificate.validTo) - now) / MS_PER_DAY);
  if (days < 0) return `${name} expired on ${certificate.validTo}`;
  return days < SOON_DAYS ? `${name} expires in ${String(days)} days, on ${certificate.validTo}` : undefined;
}

/** A subject as `CN=..., O=...`; X509Certificate gives one part a line. */
function oneLine(subject: string | undefined): string {
  return (subject ?? 'no subject').replaceAll('\n', ', ');
}

function readKey(tls: TlsSettings, source: Source, problems: Problem[]): KeyObject | undefined {
  const passphrase = tls.passphrase?.reveal();
  try {
    return createPrivateKey({ key: tls.key, ...(passphrase === undefined ? {} : { passphrase }) });
  } catch (cause) {
    const text = !isEncryptedKey(tls.key)
      ? `does not parse: ${(cause as Error).message}`
      : passphrase === undefined
        ? 'is encrypted: give its passphrase with ssl_password_file, or ssl_password 1 to be asked'
        : 'does not open with this passphrase';
    problems.push(error(source, `ssl_key ${text}`));
    return undefined;
  }
}
