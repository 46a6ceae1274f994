/** What hostile clients and planted files try: one table, a test for each row, and after each it still serves. */
import { describe, test } from 'vitest';
import { expectPartOfReadme } from '../../support/generated.ts';
import { ARCHIVES } from './archives.ts';
import { CERTIFICATES } from './certificates.ts';
import { NAMES } from './names.ts';
import { PASSWORDS } from './passwords.ts';
import { LORIS } from './patience.ts';
import { type Row, testRow } from './target.ts';
import { TLS } from './tls.ts';

/** The headings of the table, and the file of each. */
const GROUPS: Readonly<Record<string, readonly Row[]>> = {
  names: NAMES,
  archives: ARCHIVES,
  patience: LORIS,
  passwords: PASSWORDS,
  tls: TLS,
  certificates: CERTIFICATES,
};

for (const [group, rows] of Object.entries(GROUPS)) {
  describe(group, () => {
    rows.forEach(testRow);
  });
}

test('the README holds the table', () => {
  const lines = Object.entries(GROUPS).flatMap(([group, rows]) =>
    rows.map(({ row, outcome }) => `| ${row} | ${outcome} | \`${group}\` |`),
  );
  expectPartOfReadme(
    'attacks: made from test/wire/hostile by `npm run generate`',
    ['| tried | what comes of it | tested in |', '|---|---|---|', ...lines, ''].join('\n'),
  );
});
