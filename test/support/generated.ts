/** Text that is made from the code: compared, or written anew with GENERATE=1. */
import { readFileSync, writeFileSync } from 'node:fs';
import { expect } from 'vitest';

const END = '<!-- prettier-ignore-end -->';

/** The whole file is this text. */
export function expectFile(path: string, expected: string): void {
  if (process.env.GENERATE === '1') writeFileSync(path, expected);
  else expect(readFileSync(path, 'utf8')).toBe(expected);
}

/** The part of the README that this comment begins is this text. */
export function expectPartOfReadme(comment: string, expected: string): void {
  const begin = `<!-- ${comment} -->\n<!-- prettier-ignore-start -->\n`;
  const [before = '', rest = ''] = readFileSync('README.md', 'utf8').split(begin);
  const end = rest.indexOf(END);
  // Without the comment there is nothing to compare with.
  expect(end).toBeGreaterThan(0);
  expectFile('README.md', `${before}${begin}\n${expected}\n${rest.slice(end)}`);
}
