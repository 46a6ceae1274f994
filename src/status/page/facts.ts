/** A few facts side by side, each under its name. */
import { html, type Html, type Part } from './html.ts';

export type Fact = readonly [name: string, value: Part];

export function facts(rows: readonly Fact[]): Html {
  return html`<dl class="facts">${rows.map(fact)}</dl>`;
}

function fact([name, value]: Fact): Html {
  return html`<div>
    <dt>${name}</dt>
    <dd>${value}</dd>
  </div>`;
}
