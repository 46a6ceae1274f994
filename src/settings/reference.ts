/** Writes the reference of all options from the table, for the README. Pure. */
import { defaultText, longFlag, type OptionRow } from './option-row.ts';
import { OPTIONS } from './options.ts';

/** A Markdown table with a row for each option. */
export function optionTable(): string {
  const head = ['| token | flags | default | meaning |', '|---|---|---|---|'];
  return [...head, ...OPTIONS.map(tableRow), ''].join('\n');
}

function tableRow(row: OptionRow): string {
  const flags = [row.flag, ...Object.keys(row.letters ?? {})]
    .filter((letter) => letter !== undefined)
    .map((letter) => `-${letter}`);
  const words = (row.words ?? []).map((word) => `--${word}`);
  const written = [...flags, `--${longFlag(row.token)}`, ...words].map(code).join(' ');
  return `| ${[code(row.token), written, code(defaultText(row)), cell(row.help)].join(' | ')} |`;
}

function code(text: string): string {
  return text === '' ? '' : `\`${cell(text)}\``;
}

/** A bar would end the cell. */
function cell(text: string): string {
  return text.replaceAll('|', '\\|');
}
