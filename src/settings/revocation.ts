/** Judges ssl_crl before anything is started with it: what it lacks refuses clients. Pure. */
import type { X509Certificate } from 'node:crypto';
import { error, type Problem, type Source, warning } from './assignment.ts';
import { readCertificates } from './certificates.ts';
import { derSequence, derValues } from './der.ts';
import { isSameName, nameText } from './distinguished-name.ts';
import { readRevocationLists, type RevocationList } from './revocation-list.ts';
import type { TlsSettings } from './settings.ts';

const MS_PER_DAY = 86_400_000;
/** From when on before its end a list is warned about; for one that is made anew every day, a quarter of its life. */
const SOON_MS = 3 * MS_PER_DAY;

/** @param now in milliseconds since the epoch */
export function judgeRevocationLists(
  { ca, crl }: Pick<TlsSettings, 'ca' | 'crl'>,
  source: Source,
  now: number,
): Problem[] {
  if (crl === undefined) return [];
  try {
    const lists = newest(readRevocationLists(crl));
    const missing = subjectsOf(ca).filter((name) => !lists.some(({ issuer }) => isSameName(issuer, name)));
    const about = [
      ...lists.map((list) => judgeDates(list, now)).filter((text) => text !== undefined),
      ...missing.map((name) => `has no CRL of ${name} in ssl_ca: its clients are refused until it is added`),
    ];
    return about.map((text) => warning(source, `ssl_crl ${text}`));
  } catch (cause) {
    return [error(source, `ssl_crl ${(cause as Error).message}`)];
  }
}

/** The latest of each CA: the one that OpenSSL goes by. */
function newest(lists: readonly RevocationList[]): RevocationList[] {
  return lists.filter(
    (list) => !lists.some((other) => other.fromMs > list.fromMs && isSameName(other.issuer, list.issuer)),
  );
}

function judgeDates({ issuer, fromMs, untilMs }: RevocationList, now: number): string | undefined {
  const refused = `clients of this CA are refused`;
  if (fromMs > now) return `(${issuer}) is not valid before ${dateText(fromMs)}: ${refused} until then`;
  if (untilMs === undefined) return undefined;
  if (untilMs <= now) return `(${issuer}) expired on ${dateText(untilMs)}: ${refused} until it is renewed`;
  if (untilMs - now > Math.min(SOON_MS, (untilMs - fromMs) / 4)) return undefined;
  return `(${issuer}) expires on ${dateText(untilMs)}: from then on ${refused}`;
}

function dateText(ms: number): string {
  return new Date(ms).toUTCString();
}

/** What is wrong with ssl_ca is told where that is judged. */
function subjectsOf(ca: Buffer | undefined): string[] {
  try {
    return ca === undefined ? [] : readCertificates(ca).map(subjectOf);
  } catch {
    return [];
  }
}

/** RFC 5280, 4.1: like the issuer of a list, so that the two can be compared. */
function subjectOf({ raw }: X509Certificate): string {
  const [certificate] = derValues(raw);
  const [signed] = derSequence(certificate);
  const fields = derSequence(signed);
  // The first version does not say which it is.
  const [, , , , subject] = fields[0]?.tag === 0xa0 ? fields.slice(1) : fields;
  return nameText(subject);
}
