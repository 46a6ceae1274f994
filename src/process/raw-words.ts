/** Finds the bytes of command-line words that Node could not decode. */
import { readFileSync } from 'node:fs';

const UNDECODABLE = '\ufffd';

/**
 * W1: a file's name is bytes, but Node gives words as UTF-8. To be asked before the process title is changed.
 * @param words the arguments behind the program's name
 * @returns the bytes of each word that is not UTF-8; none for words that look the same once decoded
 */
export function rawWords(words: readonly string[]): ReadonlyMap<string, Buffer> {
  const found = new Map<string, Buffer>();
  const twice = new Set<string>();
  if (!words.some((word) => word.includes(UNDECODABLE))) return found;
  const bytes = commandLine().slice(-words.length);
  words.forEach((word, index) => {
    const raw = bytes[index];
    if (raw === undefined || !word.includes(UNDECODABLE)) return;
    if (found.get(word)?.equals(raw) === false) twice.add(word);
    found.set(word, raw);
  });
  // Sending one file for another would be worse than not finding it.
  for (const word of twice) found.delete(word);
  return found;
}

function commandLine(): Buffer[] {
  try {
    const line = readFileSync('/proc/self/cmdline', 'latin1');
    return line
      .split('\0')
      .slice(0, -1)
      .map((word) => Buffer.from(word, 'latin1'));
  } catch {
    return [];
  }
}
