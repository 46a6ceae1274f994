/** The digest that stands for a password on the wire (W10), and its comparison. */
import { createHash, timingSafeEqual } from 'node:crypto';

/** W10: lower-case hex of md5(raw md5(password)); the password is bytes. */
export function passwordDigest(password: Uint8Array): string {
  const inner = createHash('md5').update(password).digest();
  return createHash('md5').update(inner).digest('hex');
}

/**
 * Whether a client's digest is that of one of the passwords, in a time that does not depend on which, nor on where they
 * differ.
 */
export function digestMatches(digest: string, expected: readonly string[]): boolean {
  const given = Buffer.from(digest, 'latin1');
  let matches = false;
  for (const each of expected) {
    const wanted = Buffer.from(each, 'latin1');
    if (given.length === wanted.length && timingSafeEqual(given, wanted)) matches = true;
  }
  return matches;
}
