/** What a row of an option table says, for whichever program. */
import type { Secret } from './secret.ts';

interface CommonRow {
  /** The token of the configuration file; with dashes, the long flag. */
  readonly token: string;
  /** The getopt letter. */
  readonly flag?: string;
  /** Letters that stand for a value, such as -V for `verbose 2`. */
  readonly letters?: Readonly<Record<string, string>>;
  /** What it means, in one sentence for help, the shipped configuration and the README. */
  readonly help: string;
}

/** True only for `1`. */
interface BooleanRow extends CommonRow {
  readonly type: 'boolean';
  readonly default: boolean;
}

interface NumberRow extends CommonRow {
  /** `octal` is written in base 8. */
  readonly type: 'integer' | 'octal';
  readonly default: number;
  readonly min: number;
  readonly max: number;
}

interface TextRow extends CommonRow {
  /** `absolute path`: a relative one is refused outside the command line. `bytes` is kept as it is. */
  readonly type: 'text' | 'path' | 'absolute path' | 'bytes';
  readonly default?: string;
  /** What to call the value in help. */
  readonly value: string;
  readonly choices?: readonly string[];
  /** What the long flag alone stands for; without it, a value must follow. */
  readonly bare?: string;
}

/** Never shown to anyone. */
interface SecretRow extends CommonRow {
  readonly type: 'secret';
  readonly default?: undefined;
  readonly value: string;
}

export type OptionRow = BooleanRow | NumberRow | TextRow | SecretRow;

/** What only the command line can ask for. */
export interface ActionRow {
  readonly name: string;
  readonly flag?: string;
  /** What to call the value in help; without it the option takes none. */
  readonly value?: string;
  readonly help: string;
}

type ValueOf<R extends OptionRow> = R extends BooleanRow
  ? boolean
  : R extends NumberRow
    ? number
    : R extends SecretRow
      ? Secret | undefined
      : R extends { readonly default: string }
        ? string
        : string | undefined;

/** The checked value of every token of a table, as its row says. Text is bytes: latin-1, one character each. */
export type ValuesOf<R extends OptionRow> = { readonly [Row in R as Row['token']]: ValueOf<Row> };

/** The long flag of a token: `ssl_cert` is `--ssl-cert`. */
export function longFlag(token: string): string {
  return token.replaceAll('_', '-');
}

/** The default of an option as it is written in a configuration file; '' for none. */
export function defaultText(row: OptionRow): string {
  if (row.default === undefined) return '';
  if (row.type === 'octal') return row.default.toString(8).padStart(3, '0');
  return row.type === 'boolean' ? String(Number(row.default)) : String(row.default);
}
