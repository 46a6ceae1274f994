/** Writes the reference of all options from the table, for the README. Pure. */
import { longFlag, type OptionRow, OPTIONS } from './options.ts';

/** A Markdown table with a row for each option. */
export function optionTable(): string {
  const head = ['| token | flags | default | meaning |', '|---|---|---|---|'];
  return [...head, ...OPTIONS.map(tableRow), ''].join('\n');
}

/** The default of an option as it is written in a configuration file; '' for none. */
export function defaultText(row: OptionRow): string {
  if (row.default === undefined) return '';
  if (row.type === 'octal') return row.default.toString(8).padStart(3, '0');
  return row.type === 'boolean' ? String(Number(row.default)) : String(row.default);
}

function tableRow(row: OptionRow): string {
  const letters = row.type === 'integer' ? Object.keys(row.letters ?? {}) : [];
  const flags = [row.flag, ...letters].filter((letter) => letter !== undefined).map((letter) => `-${letter}`);
  const written = [...flags, `--${longFlag(row.token)}`].map(code).join(' ');
  return `| ${[code(row.token), written, code(defaultText(row)), cell(row.help)].join(' | ')} |`;
}

function code(text: string): string {
  return text === '' ? '' : `\`${cell(text)}\``;
}

/** A bar would end the cell. */
function cell(text: string): string {
  return text.replaceAll('|', '\\|');
}
