/** What is made from the option table is what the table makes of it now; `npm run generate` writes it anew. */
import { readFileSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { optionTable } from '../../../src/settings/reference.ts';
import { shippedConf } from '../../../src/settings/shipped-conf.ts';

const BEGIN =
  '<!-- options: made from the option table by `npm run generate` -->\n<!-- prettier-ignore-start -->\n';
const END = '<!-- prettier-ignore-end -->';

/** Compares a file, or writes it. */
function holds(path: string, expected: string): void {
  if (process.env.GENERATE === '1') writeFileSync(path, expected);
  else expect(readFileSync(path, 'utf8')).toBe(expected);
}

test('the README holds the option table', () => {
  const readme = readFileSync('README.md', 'utf8');
  const [before = '', rest = ''] = readme.split(BEGIN);
  const [, after = ''] = rest.split(END);
  holds('README.md', `${before}${BEGIN}\n${optionTable()}\n${END}${after}`);
});

test('the shipped configuration holds every token', () => {
  holds('etc/tentacle_server.conf', shippedConf());
});
