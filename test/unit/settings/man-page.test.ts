/** The manual pages: complete, and without a complaint of those who read such pages. */
import { execFileSync, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { CLIENT_ACTIONS, CLIENT_OPTIONS } from '../../../src/settings/client-options.ts';
import { clientPage, serverPage } from '../../../src/settings/man-page.ts';
import { longFlag } from '../../../src/settings/option-row.ts';
import { ACTIONS, OPTIONS } from '../../../src/settings/options.ts';
import { bold, example, item, literal, paragraph, section } from '../../../src/settings/roff.ts';
import { testWith } from '../../support/requires.ts';
import { temporaryDirectory } from '../../support/temporary.ts';

const RELEASE = { version: '1.2.3', date: '2026-01-31' };
const PAGES = [
  { name: 'tentacle_server', page: serverPage(RELEASE), rows: OPTIONS, actions: ACTIONS },
  { name: 'tentacle_client', page: clientPage(RELEASE), rows: CLIENT_OPTIONS, actions: CLIENT_ACTIONS },
] as const;

/** A page in a file. */
function saved(page: string): string {
  const path = join(temporaryDirectory(), 'page.1');
  writeFileSync(path, page);
  return path;
}

/** The page as a person sees it, on long lines. */
function shown(page: string): string {
  return execFileSync('mandoc', ['-T', 'ascii', '-O', 'width=1000', saved(page)], { encoding: 'utf8' });
}

describe.each(PAGES)('$name.1', ({ name, page, rows, actions }) => {
  testWith(['mandoc'], 'pleases mandoc', () => {
    const { stdout, stderr } = spawnSync('mandoc', ['-T', 'lint', saved(page)], { encoding: 'utf8' });
    expect(stdout + stderr).toBe('');
  });

  testWith(['man', 'groff'], 'pleases groff', () => {
    const words = ['--warnings', '-E', 'UTF-8', '-l', saved(page)];
    const { stdout, stderr, status } = spawnSync('man', words, {
      encoding: 'utf8',
      env: { ...process.env, MANPAGER: 'cat', MANWIDTH: '80' },
    });
    expect([stderr, status]).toEqual(['', 0]);
    expect(stdout).toContain(`${name.toUpperCase()}(1)`);
    expect(stdout).toContain(RELEASE.date);
  });

  test('has every option, and what it means', () => {
    for (const { token, help } of rows) {
      expect(page).toContain(bold(`--${longFlag(token)}`));
      expect(page.replaceAll('\n', ' ')).toContain(literal(help));
    }
    for (const action of actions) expect(page).toContain(bold(`--${action.name}`));
  });
});

describe('signs', () => {
  testWith(['mandoc'], 'come out as they went in', () => {
    const odd = String.raw`.TH 'quoted' "twice" \fB -x --y ~home ^hat a\b \\ .end`;
    const page = [
      '.TH X 1 "2026-01-31"',
      section('A', paragraph(literal(odd)), item('t', literal(odd))),
    ].join('\n');
    expect(shown(page).split(odd)).toHaveLength(3);
    expect(shown(`${page}\n${example(odd)}`).split(odd)).toHaveLength(4);
  });

  test('lines are short, and none starts with a dot of the text', () => {
    const text = `${'word '.repeat(30)}. `.repeat(20).trim();
    const lines = paragraph(literal(text)).split('\n').slice(1);
    for (const line of lines) {
      expect(line.length).toBeLessThan(81);
      expect(line).not.toMatch(/^\./);
    }
    expect(lines.join(' ').replaceAll('\\&', '')).toBe(text);
  });
});
