/** Everything is escaped that was not written as HTML. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { html } from '../../../../src/status/page/html.ts';

test('text is escaped in elements and in attributes', () => {
  const text = `<b>"it's" & so on</b>`;
  const escaped = '&lt;b&gt;&quot;it&#39;s&quot; &amp; so on&lt;/b&gt;';
  expect(html`<p title="${text}">${text}</p>`.markup).toBe(`<p title="${escaped}">${escaped}</p>`);
});

test('no text leaves a character that could begin or end a tag, an attribute or an entity', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      expect(html`${text}`.markup.replace(/&(amp|lt|gt|quot|#39);/g, '')).not.toMatch(/[<>"'&]/);
    }),
  );
});

test('a template in a template, and in a list, is taken as it is; nothing is nothing', () => {
  const items = ['a', '<'].map((text) => html`<li>${text}</li>`);
  expect(
    html`<ul>
      ${items}${undefined}${false}${[]}${0}
    </ul>`.markup,
  ).toBe('<ul>\n<li>a</li><li>&lt;</li>0\n</ul>');
});

test('line ends of a value stay, those of the source lose their indentation', () => {
  expect(html`<pre>${'a\n  b'}</pre>`.markup).toBe('<pre>a\n  b</pre>');
});
