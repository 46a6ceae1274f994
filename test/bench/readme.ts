/** Writes what was found into a text, between two marks. */
import { readFileSync, writeFileSync } from 'node:fs';

const END = '<!-- prettier-ignore-end -->';

/**
 * @param maker the command that makes it, which stands in the first mark
 * @throws Error when the text has no such marks
 */
export function withPart(text: string, maker: string, part: string): string {
  const begin = `<!-- made from the last results by \`${maker}\` -->\n<!-- prettier-ignore-start -->\n`;
  const [before, rest] = text.split(begin);
  const end = rest?.indexOf(END) ?? -1;
  if (before === undefined || rest === undefined || end < 0)
    throw new Error(`no place for what ${maker} makes`);
  return `${before}${begin}\n${part}\n\n${rest.slice(end)}`;
}

export function writeToReadme(maker: string, part: string): void {
  writeFileSync('README.md', withPart(readFileSync('README.md', 'utf8'), maker, part));
}
