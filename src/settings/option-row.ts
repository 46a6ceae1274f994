/** What a row of an option table says, for whichever program. */
import type { Secret } from './secret.ts';

interface CommonRow {
  /** The token of the configuration file; with dashes, the long flag. */
  readonly token: string;
  /** The getopt letter. */
  readonly flag?: string;
  /** Letters that stand for a value, such as -V for `verbose 2`. */
  readonly letters?: Readonly<Record<string, string>>;
  /** Long flags that stand for a value, such as --deliver for `mode deliver`. */
  readonly words?: readonly string[];
  /** What it means, in one sentence for help, the shipped configuration and the README. */
  readonly help: string;
}

/** True only for `1`. */
interface BooleanRow extends CommonRow {
  readonly type: 'boolean';
  readonly default: boolean;
}

interface NumberRow extends CommonRow {
  /** `octal` is written in base 8; `size` is bytes, written with k, m or g for powers of 1024. */
  readonly type: 'integer' | 'octal' | 'size';
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
  /** It keeps somebody out: an empty value, of an unset variable most likely, must not let everybody in. */
  readonly guards?: true;
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
  if (row.type === 'size') return sizeText(row.default);
  return row.type === 'boolean' ? String(Number(row.default)) : String(row.default);
}

const SIZE_UNITS = { g: 1024 ** 3, m: 1024 ** 2, k: 1024 } as const;

/** Bytes as they are written in a configuration file: `10m`. */
export function sizeText(bytes: number): string {
  for (const [unit, factor] of Object.entries(SIZE_UNITS)) {
    if (bytes >= factor && bytes % factor === 0) return `${String(bytes / factor)}${unit}`;
  }
  return String(bytes);
}

/** Bytes that a text such as `10m` or `2048` means; undefined when it is none. */
export function parseSize(text: string): number | undefined {
  const [, digits, unit = ''] = /^([0-9]+)([kmg]?)b?$/i.exec(text) ?? [];
  if (digits === undefined) return undefined;
  return Number(digits) * (unit === '' ? 1 : SIZE_UNITS[unit.toLowerCase() as keyof typeof SIZE_UNITS]);
}
