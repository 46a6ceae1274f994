/** Splits the variable TENTACLE_EXT_OPTS into command-line words. Pure. */

export const EXT_OPTS = 'TENTACLE_EXT_OPTS';

/**
 * Words separated by white space; '...' and "..." group; a backslash is an ordinary character, as it was in the
 * old init script.
 * @throws SyntaxError for a quote that is never closed
 */
export function splitExtOpts(text: string): string[] {
  const words: string[] = [];
  let word: string | undefined;
  let quote = '';
  for (const character of text) {
    if (quote !== '') {
      if (character === quote) quote = '';
      else word = (word ?? '') + character;
    } else if (character === '"' || character === "'") {
      quote = character;
      word ??= '';
    } else if (/[ \t\r\n\f\v]/.test(character)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else {
      word = (word ?? '') + character;
    }
  }
  if (quote !== '') throw new SyntaxError(`a ${quote} is never closed`);
  if (word !== undefined) words.push(word);
  return words;
}
