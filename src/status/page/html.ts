/** Writes HTML in which everything is escaped that was not written as HTML. */

/** Markup that is safe as it stands. */
export class Html {
  readonly markup: string;

  constructor(markup: string) {
    this.markup = markup;
  }
}

/** What may stand in a template: text and numbers are escaped, lists are joined, `undefined` and `false` are nothing. */
export type Part = Html | string | number | undefined | false | readonly Part[];

/** A template in which every value is escaped, within elements and within quoted attributes. */
export function html(literals: TemplateStringsArray, ...parts: readonly Part[]): Html {
  let markup = '';
  for (const [index, literal] of tightened(literals).entries()) markup += literal + markupOf(parts[index]);
  return new Html(markup);
}

const TIGHT = new WeakMap<TemplateStringsArray, readonly string[]>();

/** Without the indentation of the source, which would be a third of the page. */
function tightened(literals: TemplateStringsArray): readonly string[] {
  let tight = TIGHT.get(literals);
  if (tight === undefined) {
    tight = literals.map((literal) => literal.replace(/\n\s*/g, '\n'));
    TIGHT.set(literals, tight);
  }
  return tight;
}

function markupOf(part: Part): string {
  if (part === undefined || part === false) return '';
  if (part instanceof Html) return part.markup;
  if (typeof part === 'string') return escape(part);
  return typeof part === 'number' ? String(part) : part.map(markupOf).join('');
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function escape(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? '');
}
