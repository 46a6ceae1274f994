/** Finds TENTACLE_EXT_OPTS in a file such as /etc/default/tentacle_serverd. Pure. */
import { error, type Problem, type Source, textOf, warning } from './assignment.ts';
import { EXT_OPTS } from './ext-opts.ts';

export interface DefaultsFile {
  /** The last value given, even an empty one; as text, which the environment would be too. */
  readonly extOpts: { readonly value: string; readonly source: Source } | undefined;
  readonly problems: readonly Problem[];
}

/** What stands behind `NAME=`, without its quotes. */
interface Reading {
  readonly value: string;
  /** What keeps it from being what was written. */
  readonly wrong?: string;
  /** Whether a shell would put something else in. */
  readonly expands?: boolean;
}

const ASSIGNMENT = /^[ \t]*(?:export[ \t]+)?([A-Za-z_]\w*)=(.*)$/s;
const NO_ASSIGNMENT = /^[ \t]*(?:#|$|export[ \t]+[\w \t]+$)/;
const UNQUOTED = /^[^ \t'"\\$`;&|<>()]*/;
/** Inside double quotes a backslash before one of these is removed, as sh and systemd do. */
const ESCAPED = /\\(["\\$`])/g;
const EXPANDED = /`|\$[\w{(@*#?!$-]/;
const BLANKS_OR_COMMENT = /^(?:[ \t]*|[ \t]+#.*)$/;

const NEVER_CLOSED = 'a quote is never closed on this line';
const TO_BE_QUOTED = `${EXT_OPTS}: put the whole value in one pair of quotes`;
const NOT_UTF8 = `${EXT_OPTS} is not UTF-8: put such a password into the file that password_file names`;

/**
 * Lines are `NAME=value`, with or without `export`, or comments (`#`). The whole value may stand in '...', where
 * everything is literal, or in "...", where a backslash before `"`, `\`, `$` or a backtick is removed; a value without
 * quotes ends at the first blank, behind which there may only be a comment. So each value means what it means to sh.
 * @param content the bytes of the file, as latin-1
 * @param name what to call the file in messages
 */
export function parseDefaultsFile(content: string, name: string): DefaultsFile {
  let extOpts: DefaultsFile['extOpts'];
  const problems: Problem[] = [];
  content.split('\n').forEach((raw, index) => {
    const line = raw.replace(/\r$/, '');
    const source = `${name}:${String(index + 1)}`;
    const [, variable, text = ''] = ASSIGNMENT.exec(line) ?? [];
    if (variable === undefined) {
      if (!NO_ASSIGNMENT.test(line)) problems.push(warning(source, 'ignored: not NAME=value'));
      return;
    }
    const { value, wrong, expands = false } = readValue(text);
    // An open quote of any variable takes the next lines with it; otherwise the others are not our business.
    if (wrong === NEVER_CLOSED) problems.push(error(source, wrong));
    if (variable !== EXT_OPTS) return;
    if (wrong === undefined) {
      extOpts = { value: textOf(value), source };
      if (textOf(value).includes('\ufffd')) problems.push(error(source, NOT_UTF8));
    } else if (wrong !== NEVER_CLOSED) problems.push(error(source, wrong));
    if (expands) {
      problems.push(warning(source, 'a shell would expand the $ or ` in it; here it stands for itself'));
    }
  });
  return { extOpts, problems };
}

function readValue(text: string): Reading {
  const quote = text.charAt(0);
  if (quote !== "'" && quote !== '"') {
    const [value = ''] = UNQUOTED.exec(text) ?? [];
    return BLANKS_OR_COMMENT.test(text.slice(value.length)) ? { value } : { value, wrong: TO_BE_QUOTED };
  }
  const closing = (quote === "'" ? /^'[^']*'/ : /^"(?:[^"\\]|\\.)*"/s).exec(text)?.[0];
  if (closing === undefined) return { value: '', wrong: NEVER_CLOSED };
  if (!BLANKS_OR_COMMENT.test(text.slice(closing.length))) return { value: '', wrong: TO_BE_QUOTED };
  const inside = closing.slice(1, -1);
  if (quote === "'") return { value: inside };
  return { value: inside.replace(ESCAPED, '$1'), expands: EXPANDED.test(inside.replace(ESCAPED, '')) };
}
