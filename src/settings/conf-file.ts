/** Parses the text of a tentacle_server.conf. Pure. */
import { type Assignment, type Problem, trimBlanks, warning } from './assignment.ts';
import { nearest } from './nearest.ts';
import { OPTIONS, optionRow } from './options.ts';

const TOKEN_LINE = /^([A-Za-z][\w.-]*)(.*)$/s;
const BLANK = /^[ \t\f\v]/;

export interface Parsed {
  readonly assignments: readonly Assignment[];
  readonly problems: readonly Problem[];
}

/**
 * A line that starts with a letter is `token value`; all others are comments. There are no inline comments,
 * since a password may hold a `#`. An empty value is no value; the last line of a token wins.
 * @param content the bytes of the file, as latin-1
 * @param name what to call the file in messages
 */
export function parseConfFile(content: string, name: string): Parsed {
  const assignments: Assignment[] = [];
  const problems: Problem[] = [];
  content.split('\n').forEach((line, index) => {
    const match = TOKEN_LINE.exec(line.replace(/\r$/, ''));
    if (match === null) return;
    const [, word = '', raw = ''] = match;
    const source = `${name}:${String(index + 1)}`;
    if (raw !== '' && !BLANK.test(raw)) {
      // The rest of the line is not shown: it may be a password.
      problems.push(warning(source, `ignored: write "${word} VALUE", separated by a blank`));
      return;
    }
    const row = optionRow(word);
    if (row === undefined) {
      problems.push(unknownToken(word, source));
      return;
    }
    const token = word;
    const trimmed = trimBlanks(raw);
    if (trimmed === '') {
      problems.push(warning(source, `"${word}" has no value: the line has no effect`));
      return;
    }
    if (row.type !== 'secret') {
      assignments.push({ token, value: trimmed, source, typed: false });
      return;
    }
    // The reference keeps trailing blanks; those of any other value never mean anything.
    const value = raw.replace(/^[ \t\f\v]+/, '');
    if (value !== trimmed)
      problems.push(warning(source, `the ${token} ends in blanks, which are part of it`));
    assignments.push({ token, value, source, typed: false });
  });
  return { assignments, problems };
}

function unknownToken(word: string, source: string): Problem {
  const near = nearest(
    word,
    OPTIONS.map((row) => row.token),
  );
  const hint = near === undefined ? '' : `; did you mean "${near}"?`;
  return warning(source, `unknown token "${word}"${hint}`);
}
