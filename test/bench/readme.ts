/** Writes the table of the last results into a text, between two marks. */

const BEGIN =
  '<!-- benchmark: made from the last results by `npm run bench -- --readme` -->\n<!-- prettier-ignore-start -->\n';
const END = '<!-- prettier-ignore-end -->';

/** @throws Error when the text has no such marks */
export function withTable(text: string, table: string): string {
  const [before, rest] = text.split(BEGIN);
  const end = rest?.indexOf(END) ?? -1;
  if (before === undefined || rest === undefined || end < 0)
    throw new Error('no place for the table of the benchmark');
  return `${before}${BEGIN}\n${table}\n\n${rest.slice(end)}`;
}
