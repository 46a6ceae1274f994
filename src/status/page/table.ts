/** A table that scrolls within itself, by keyboard, too. */
import { html, type Html, type Part } from './html.ts';

export interface Table<Row> {
  /** Unique on the page. */
  readonly id: string;
  /** What it shows, for those who do not see it. */
  readonly caption: string;
  readonly columns: readonly Column<Row>[];
  readonly rows: readonly Row[];
  /** Tells rows apart, so that a row stays the same element when others come before it. */
  readonly key: (row: Row) => string | number;
  /** Instead of a table without rows. */
  readonly empty: string;
}

export interface Column<Row> {
  readonly head: string;
  readonly cell: (row: Row) => Part;
  /** `number` stands at the right, `name` may be broken anywhere, `text` is at least a few words wide. */
  readonly kind?: 'number' | 'name' | 'text';
  /** Its cells are the headings of their rows. */
  readonly names?: true;
}

export function table<Row>({ id, caption, columns, rows, key, empty }: Table<Row>): Html {
  if (rows.length === 0) return html`<p class="empty" id="${id}">${empty}</p>`;
  return html`<div class="scroll" id="${id}" role="region" aria-labelledby="${id}-caption" tabindex="0">
    <table>
      <caption id="${id}-caption">
        ${caption}
      </caption>
      <thead>
        <tr>
          ${columns.map(heading)}
        </tr>
      </thead>
      <tbody>
        ${rows.map(
          (row) =>
            html`<tr data-key="${key(row)}">
              ${columns.map((column) => cell(column, row))}
            </tr> `,
        )}
      </tbody>
    </table>
  </div>`;
}

function heading<Row>({ head, kind }: Column<Row>): Html {
  return html`<th scope="col" ${kindOf(kind)}>${head}</th>`;
}

function cell<Row>({ cell, kind, names }: Column<Row>, row: Row): Html {
  return names === undefined
    ? html`<td${kindOf(kind)}>${cell(row)}</td>`
    : html`<th scope="row" ${kindOf(kind)}>${cell(row)}</th>`;
}

function kindOf(kind: string | undefined): Html | undefined {
  return kind === undefined ? undefined : html` class="${kind}"`;
}
