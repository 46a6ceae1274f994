/** Judges the file names that peers send (N1). Names are latin-1 strings that stand for bytes. */

/** N1: the reference's refused characters, as the inside of a character class. */
export const DEFAULT_INVALID_CHARS = String.raw`\?\[\]\/\\\=\+\<\>\:\;\'\,\*\~`;

const LONGEST_NAME = 255;
// A path component can hold neither, whatever invalid_chars says; control characters only harm logs and consoles.
// eslint-disable-next-line no-control-regex -- control characters are what it looks for
const NEVER = /[\x00-\x1f\x7f/]/;

/**
 * Compiles the token `invalid_chars`.
 * @throws SyntaxError when the text is not the inside of a character class
 */
export function compileInvalidChars(characterClass: string): RegExp {
  return new RegExp(`[${characterClass}]`);
}

/** Whether a name holds a refused character; all that LS asks of its name, which only chooses a directory. */
export function hasInvalidChars(name: string, invalidChars: RegExp): boolean {
  return NEVER.test(name) || invalidChars.test(name);
}

/** N1: whether a name may be the name of a file in the spool. */
export function isValidName(name: string, invalidChars: RegExp): boolean {
  // A leading dot also covers "." and "..", and the names of staged files.
  if (name === '' || name.length > LONGEST_NAME || name.startsWith('.')) return false;
  if (name.startsWith(' ') || name.endsWith(' ')) return false;
  return !hasInvalidChars(name, invalidChars);
}
