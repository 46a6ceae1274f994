/** Keeps the password of the command line out of `ps`. */

const HIDDEN = '********';

/**
 * The words of a command line with every password blanked: `-x secret`, `-vxsecret`, `--password=secret`.
 * @param takesValue the letters whose option takes a value, as in getopt
 */
export function withoutPasswords(words: readonly string[], takesValue: string): string[] {
  const shown: string[] = [];
  let hideNext = false;
  for (const word of words) {
    if (hideNext) {
      shown.push(HIDDEN);
      hideNext = false;
      continue;
    }
    const bundle = new RegExp(`^-([^-${takesValue}]*)x(.*)$`, 's').exec(word);
    if (bundle !== null) {
      hideNext = bundle[2] === '';
      shown.push(`-${bundle[1] ?? ''}x${hideNext ? '' : HIDDEN}`);
    } else if (word.startsWith('--password=')) {
      shown.push(`--password=${HIDDEN}`);
    } else {
      hideNext = word === '--password';
      shown.push(word);
    }
  }
  return shown;
}
