/** What is made from the option table is what the table makes of it now; `npm run generate` writes it anew. */
import { test } from 'vitest';
import { optionTable } from '../../../src/settings/reference.ts';
import { shippedConf } from '../../../src/settings/shipped-conf.ts';
import { expectFile, expectPartOfReadme } from '../../support/generated.ts';

test('the README holds the option table', () => {
  expectPartOfReadme('options: made from the option table by `npm run generate`', optionTable());
});

test('the shipped configuration holds every token', () => {
  expectFile('etc/tentacle_server.conf', shippedConf());
});
