/** Writes a checked value as it would stand in a configuration file. Pure. */
import { textOf } from './assignment.ts';
import { type OptionRow, sizeText } from './option-row.ts';
import type { Secret } from './secret.ts';

/** The value for people: a secret is redacted, and what could move a cursor is a question mark; '' for none. */
export function shownValue(row: OptionRow, value: string | number | boolean | Secret | undefined): string {
  if (value === undefined) return '';
  if (typeof value === 'boolean') return value ? '1' : '0';
  if (typeof value === 'string') return textOf(value).replaceAll(/\p{C}/gu, '?');
  if (typeof value !== 'number') return String(value);
  if (row.type === 'octal') return value.toString(8).padStart(3, '0');
  return row.type === 'size' ? sizeText(value) : String(value);
}
