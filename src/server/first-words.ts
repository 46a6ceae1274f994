/** Tells when a client has said enough to be let in: a whole line, or the whole of its part of a TLS handshake. */

const LF = 0x0a;
const TLS_HANDSHAKE_RECORD = 0x16;
/** Type, version, length. */
const RECORD_HEADER_BYTES = 5;
const RECORD_LENGTH_AT = 3;
/** RFC 8446, 5.1. */
const LONGEST_RECORD = 2 ** 14;

/** A whole command line, or what can become none. @param limit the longest line allowed, in bytes (W2) */
export function isFirstLine(bytes: Buffer, limit: number): boolean {
  return bytes[0] === TLS_HANDSHAKE_RECORD || bytes.length >= limit || bytes.includes(LF);
}

/** A whole ClientHello, or what can become none; one that takes several records has been begun seriously. */
export function isClientHello(bytes: Buffer): boolean {
  if (bytes[0] !== TLS_HANDSHAKE_RECORD) return true;
  if (bytes.length < RECORD_HEADER_BYTES) return false;
  const length = bytes.readUInt16BE(RECORD_LENGTH_AT);
  return length > LONGEST_RECORD || bytes.length >= RECORD_HEADER_BYTES + length;
}
