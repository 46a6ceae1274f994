/** Reads the name of a CA, as certificates and revocation lists hold it. Pure. */
import { type Der, derSequence, derValues } from './der.ts';

/** Attributes by their object identifier in DER, as OpenSSL abbreviates them. */
const LABELS: Readonly<Record<string, string>> = {
  '550403': 'CN',
  '550406': 'C',
  '550407': 'L',
  '550408': 'ST',
  '55040a': 'O',
  '55040b': 'OU',
};
const UTF8_STRING = 0x0c;
const BMP_STRING = 0x1e;

/**
 * A name as `O=Example, CN=Example CA`.
 * @throws SyntaxError
 */
export function nameText(name: Der | undefined): string {
  const attributes = derSequence(name).flatMap((relative) => derValues(relative.content));
  return attributes.map(attributeText).join(', ');
}

/** Whether two such texts name the same CA, whatever the case and the blanks: RFC 5280, 7.1. */
export function isSameName(one: string, other: string): boolean {
  return canonical(one) === canonical(other);
}

function canonical(name: string): string {
  return name.toLowerCase().trim().replace(/\s+/g, ' ');
}

function attributeText(attribute: Der): string {
  const [type, value] = derSequence(attribute);
  if (type === undefined || value === undefined) throw new SyntaxError('a name has an empty attribute');
  const id = type.content.toString('hex');
  return `${LABELS[id] ?? id}=${stringOf(value)}`;
}

function stringOf({ tag, content }: Der): string {
  if (tag === UTF8_STRING) return content.toString('utf8');
  if (tag !== BMP_STRING || content.length % 2 !== 0) return content.toString('latin1');
  return Buffer.from(content).swap16().toString('utf16le');
}
