/** Keeps secrets of the command line out of the list of processes. */
import { readFileSync } from 'node:fs';

/**
 * Shows other words in place of the last ones of this process's command line; does nothing where they are the same.
 * @param words the arguments behind the program's name
 * @param shown the same, with secrets blanked
 */
export function showInstead(words: readonly string[], shown: readonly string[]): void {
  if (shown.every((word, index) => word === words[index])) return;
  process.title = [...invocation(words.length), ...shown].join(' ');
}

/** How the program was called, word for word: a longer spelling would be cut off behind the original's length. */
function invocation(wordCount: number): string[] {
  try {
    return readFileSync('/proc/self/cmdline', 'utf8')
      .split('\0')
      .slice(0, -1 - wordCount);
  } catch {
    return [process.argv0, ...process.argv.slice(1, 2)];
  }
}
