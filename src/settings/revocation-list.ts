/** Reads revocation lists (CRLs) in PEM: whose they are, and from when to when they hold. Pure. */
import { createSecureContext } from 'node:tls';
import { type Der, DER_INTEGER, derSequence, derValues } from './der.ts';
import { nameText } from './distinguished-name.ts';

export interface RevocationList {
  /** The CA that revokes. */
  readonly issuer: string;
  /** In milliseconds since the epoch. */
  readonly fromMs: number;
  /** When the next one is due; undefined: this one holds for ever. */
  readonly untilMs: number | undefined;
}

const PEM_LIST = /-----BEGIN X509 CRL-----[^-]+-----END X509 CRL-----/g;
const UTC_TIME = 0x17;
const GENERALIZED_TIME = 0x18;
/** RFC 5280, 5.1.2.7 and 5.2.4. */
const EXTENSIONS = 0xa0;
const DELTA_INDICATOR = '551d1b';

/** The lists of a file one by one: node:tls takes only the first of a text, and says nothing about the others. */
export function revocationBlocks(pem: Buffer): string[] {
  return pem.toString('latin1').match(PEM_LIST) ?? [];
}

/**
 * The lists of a PEM file.
 * @throws SyntaxError when there is none, or one that does not parse, or a delta CRL: OpenSSL would take it for all of the
 * list, and let in whom only the list that it completes revokes
 */
export function readRevocationLists(pem: Buffer): RevocationList[] {
  const blocks = revocationBlocks(pem);
  const begun = pem.toString('latin1').split('-----BEGIN X509 CRL-----').length - 1;
  if (begun === 0) {
    throw new SyntaxError('holds no CRL in PEM form (openssl crl -inform DER -outform PEM makes it of DER)');
  }
  if (begun !== blocks.length) throw new SyntaxError('does not parse: a CRL has no end');
  return blocks.map(readList);
}

function readList(block: string): RevocationList {
  const der = Buffer.from(block.split('-----')[2] ?? '', 'base64');
  let list: RevocationList;
  try {
    // OpenSSL judges the whole of it.
    createSecureContext({ crl: block });
    list = parseList(der);
  } catch (cause) {
    throw new SyntaxError(`does not parse: ${(cause as Error).message}`, { cause });
  }
  if (!isDelta(der)) return list;
  throw new SyntaxError(`(${list.issuer}) is a delta CRL, which holds only changes: give the full CRL alone`);
}

/** RFC 5280, 5.1. */
function parseList(der: Buffer): RevocationList {
  const fields = fieldsOf(der);
  // The first version does not say which it is.
  const [, issuer, from, until] = fields[0]?.tag === DER_INTEGER ? fields.slice(1) : fields;
  const untilMs = until?.tag === UTC_TIME || until?.tag === GENERALIZED_TIME ? timeOf(until) : undefined;
  return { issuer: nameText(issuer), fromMs: timeOf(from), untilMs };
}

function isDelta(der: Buffer): boolean {
  const last = fieldsOf(der).at(-1);
  if (last?.tag !== EXTENSIONS) return false;
  const extensions = derValues(last.content).flatMap(derSequence);
  return extensions.some((each) => derSequence(each)[0]?.content.toString('hex') === DELTA_INDICATOR);
}

function fieldsOf(der: Buffer): Der[] {
  const [list] = derValues(der);
  const [signed] = derSequence(list);
  return derSequence(signed);
}

function timeOf(value: Der | undefined): number {
  const text = value?.content.toString('latin1') ?? '';
  const parts = /^(\d{2,4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(text)?.slice(1).map(Number);
  if (parts === undefined) throw new SyntaxError('a date is not one of RFC 5280');
  const [year = 0, month = 1, day, hours, minutes, seconds] = parts;
  // RFC 5280, 4.1.2.5.1: years of two digits are those from 1950 to 2049.
  const whole = value?.tag === UTC_TIME ? year + (year < 50 ? 2000 : 1900) : year;
  return Date.UTC(whole, month - 1, day, hours, minutes, seconds);
}
