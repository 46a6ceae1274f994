/** Says in words which values an option takes. Pure. */
import { type OptionRow, sizeText } from './option-row.ts';

/** `1 to 65535`, `text or json`, `1 or 0`; '' where anything goes. */
export function allowedValues(row: OptionRow): string {
  switch (row.type) {
    case 'boolean':
      return '1 or 0';
    case 'integer':
    case 'octal':
    case 'size': {
      const write = (value: number): string =>
        row.type === 'size' ? sizeText(value) : value.toString(row.type === 'octal' ? 8 : 10);
      if (row.max !== Number.MAX_SAFE_INTEGER) return `${write(row.min)} to ${write(row.max)}`;
      return row.min === 0 ? '' : `at least ${write(row.min)}`;
    }
    case 'secret':
      return '';
    default:
      return row.choices === undefined ? '' : listed(row.choices);
  }
}

function listed(words: readonly string[]): string {
  return words.join(', ').replace(/, ([^,]*)$/, ' or $1');
}
