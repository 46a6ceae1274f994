/** The README's option table is the one that the program makes; `npm run readme` writes it anew. */
import { readFileSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { optionTable } from '../../../src/settings/reference.ts';

const BEGIN =
  '<!-- options: made from the option table by `npm run readme` -->\n<!-- prettier-ignore-start -->\n';
const END = '<!-- prettier-ignore-end -->';

test('the README holds the option table', () => {
  const readme = readFileSync('README.md', 'utf8');
  const [before = '', rest = ''] = readme.split(BEGIN);
  const [, after = ''] = rest.split(END);
  const expected = `${before}${BEGIN}\n${optionTable()}\n${END}${after}`;
  if (process.env.UPDATE_README === '1') writeFileSync('README.md', expected);
  else expect(readme).toBe(expected);
});
