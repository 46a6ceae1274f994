/** The digest that stands for a password on the wire (W10), and its comparison. */
import { createHash, timingSafeEqual } from 'node:crypto';

/** W10: lower-case hex of md5(raw md5(password)); the password is bytes. */
export function passwordDigest(password: Uint8Array): string {
  const inner = createHash('md5').update(password).digest();
  return createHash('md5').update(inner).digest('hex');
}

/** Whether a client's digest is that of the password, in a time that does not depend on where they differ. */
export function digestMatches(digest: string, expected: string): boolean {
  const given = Buffer.from(digest, 'latin1');
  const wanted = Buffer.from(expected, 'latin1');
  return given.length === wanted.length && timingSafeEqual(given, wanted);
}
