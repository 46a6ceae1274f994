/** Takes command-line words apart, as getopt does, and long flags too. Pure. */
import { error, type Problem } from './assignment.ts';
import { nearest } from './nearest.ts';
import { type ActionRow, longFlag, type OptionRow } from './option-row.ts';

/** One way to write an option: a letter or a long name. */
interface Flag {
  /** The token, or the name of the action. */
  readonly name: string;
  /** What the bare flag stands for; undefined when it needs a value. */
  readonly bare: string | undefined;
  /** Next words that a bare long flag takes as its value all the same. */
  readonly choices: readonly string[];
  readonly secret: boolean;
}

export type Flags = ReadonlyMap<string, Flag>;

export interface Words {
  /** Options in the order given. */
  readonly given: readonly { readonly name: string; readonly value: string }[];
  /** What is no option: from the first such word on, or behind `--`. */
  readonly rest: readonly string[];
  readonly problems: readonly Problem[];
  /** The same words with every secret blanked. */
  readonly shown: readonly string[];
}

const BLANKED = '********';
const BOOLEAN_WORDS = ['0', '1'];

/**
 * Every way to write the options and actions of a program. `switchesTakeWords`: whether `--fsync 0` is `--fsync=0`.
 */
export function flagsOf(
  options: readonly OptionRow[],
  actions: readonly ActionRow[],
  { switchesTakeWords = true } = {},
): Flags {
  const flags = new Map<string, Flag>();
  for (const row of options) {
    const name = row.token;
    const { bare, choices } = bareForm(row);
    const flag = {
      name,
      bare,
      choices: row.type === 'boolean' && !switchesTakeWords ? [] : choices,
      secret: row.type === 'secret',
    };
    flags.set(`--${longFlag(name)}`, flag);
    if (row.flag !== undefined) flags.set(`-${row.flag}`, flag);
    for (const [letter, bare] of Object.entries(row.letters ?? {}))
      flags.set(`-${letter}`, { ...flag, bare });
    for (const word of row.words ?? []) flags.set(`--${word}`, { ...flag, bare: word, choices: [] });
  }
  for (const { name, flag: letter, value } of actions) {
    const flag = { name, bare: value === undefined ? '1' : undefined, choices: [], secret: false };
    flags.set(`--${name}`, flag);
    if (letter !== undefined) flags.set(`-${letter}`, flag);
  }
  return flags;
}

/** What the flag means without a value, and which next word it takes all the same. */
function bareForm(row: OptionRow): Pick<Flag, 'bare' | 'choices'> {
  if (row.type === 'boolean') return { bare: '1', choices: BOOLEAN_WORDS };
  const { bare, choices = [] } = row as { bare?: string; choices?: readonly string[] };
  return bare === undefined ? { bare, choices: [] } : { bare, choices };
}

/**
 * `-p41121`, `-p 41121`, `-vp41121`, `-x -secret`, `--ssl-cert FILE`, `--fsync=0`, a boolean alone for 1.
 * @param origin where the words stand, for messages
 */
export function takeApart(words: readonly string[], flags: Flags, origin: string): Words {
  const given: { name: string; value: string }[] = [];
  const problems: Problem[] = [];
  const shown = [...words];
  let index = 0;

  const fail = (text: string): void => {
    problems.push(error(origin, text));
  };
  const take = (flag: Flag, value: string): void => {
    given.push({ name: flag.name, value });
  };
  /** The value is the rest of this word from `start` on. */
  const takeAttached = (flag: Flag, start: number): void => {
    const word = words[index] ?? '';
    take(flag, word.slice(start));
    if (flag.secret) shown[index] = `${word.slice(0, start)}${BLANKED}`;
  };
  /** The value is the next word, whatever it looks like. */
  const takeNext = (flag: Flag, written: string): void => {
    const value = words[index + 1];
    if (value === undefined) {
      fail(`option ${written} needs a value`);
      return;
    }
    index++;
    take(flag, value);
    if (flag.secret) shown[index] = BLANKED;
  };

  const long = (word: string): void => {
    const equals = word.indexOf('=');
    const written = equals < 0 ? word : word.slice(0, equals);
    const flag = flags.get(written.replaceAll('_', '-'));
    if (flag === undefined) fail(unknownOption(written, flags));
    else if (equals >= 0) takeAttached(flag, equals + 1);
    else if (flag.bare === undefined || flag.choices.includes(words[index + 1] ?? ''))
      takeNext(flag, written);
    else take(flag, flag.bare);
  };
  /** A bundle: the first letter that takes a value takes what is left of the word, or the next word. */
  const letters = (word: string): void => {
    for (let i = 1; i < word.length; i++) {
      const written = `-${word.charAt(i)}`;
      const flag = flags.get(written);
      if (flag === undefined) {
        fail(unknownOption(written, flags));
        return;
      }
      if (flag.bare === undefined) {
        if (i + 1 < word.length) takeAttached(flag, i + 1);
        else takeNext(flag, written);
        return;
      }
      take(flag, flag.bare);
    }
  };

  for (; index < words.length; index++) {
    const word = words[index] ?? '';
    if (word === '--') {
      index++;
      break;
    }
    if (word.startsWith('--')) long(word);
    else if (word.startsWith('-') && word.length > 1) letters(word);
    else break;
  }
  return { given, rest: words.slice(index), problems, shown };
}

function unknownOption(written: string, flags: Flags): string {
  const near = written.startsWith('--') ? nearest(written, flags.keys()) : undefined;
  return `unknown option ${written}${near === undefined ? '' : `; did you mean ${near}?`}`;
}
