/** Shows figures. */

/** The cells of a line by their headings; the name stands under ''. */
export type Row = Readonly<Record<string, string | number>>;

export interface Table {
  readonly title: string;
  readonly rows: readonly Row[];
}

/** Three digits that count, and all in front of the point. */
export function round(value: number): number {
  return value >= 100 ? Math.round(value) : Number(value.toPrecision(3));
}

/** Prints a table and gives it for the record. */
export function show(title: string, rows: readonly Row[]): Table {
  console.log(`\n${title}`);
  console.table(Object.fromEntries(rows.map(({ '': name = '', ...row }) => [name, row])));
  return { title, rows: rows.map(({ '': name = '', ...row }) => ({ name, ...row })) };
}

/** A table as Markdown, which is also well to read in a terminal; all cells but the first stand at the right. */
export function markdown(lines: readonly (readonly string[])[]): string {
  const widths = (lines[0] ?? []).map((_, column) =>
    Math.max(...lines.map((line) => (line[column] ?? '').length)),
  );
  const rule = widths.map((width, column) =>
    column === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`,
  );
  const [head = [], ...body] = lines.map((line) =>
    line.map((cell, column) =>
      column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
    ),
  );
  return [head, rule, ...body].map((line) => `| ${line.join(' | ')} |`).join('\n');
}
