/** Takes DER apart, the encoding of certificates and revocation lists. Pure. */

export interface Der {
  readonly tag: number;
  readonly content: Buffer;
}

export const DER_INTEGER = 0x02;
export const DER_SEQUENCE = 0x30;

/**
 * The values that follow each other in these bytes; their contents are not looked into.
 * @throws SyntaxError
 */
export function derValues(bytes: Buffer): Der[] {
  const values: Der[] = [];
  for (let at = 0; at < bytes.length;) {
    const { tag, start, end } = derHeader(bytes, at);
    values.push({ tag, content: bytes.subarray(start, end) });
    at = end;
  }
  return values;
}

/**
 * The values inside a sequence.
 * @throws SyntaxError for anything else
 */
export function derSequence(value: Der | undefined): Der[] {
  if (value?.tag !== DER_SEQUENCE) throw new SyntaxError('a sequence is missing');
  return derValues(value.content);
}

function derHeader(bytes: Buffer, at: number): { tag: number; start: number; end: number } {
  const [tag = 0, first = 0] = bytes.subarray(at, at + 2);
  // X.690: from 0x80 on, the first byte says in how many bytes the length follows.
  const count = first < 0x80 ? 0 : first - 0x80;
  const start = at + 2 + count;
  if (first === 0x80 || count > 4 || start > bytes.length)
    throw new SyntaxError('a length is not one of DER');
  const end = start + (count === 0 ? first & 0x7f : bytes.readUIntBE(at + 2, count));
  if (end > bytes.length) throw new SyntaxError('it ends too early');
  return { tag, start, end };
}
