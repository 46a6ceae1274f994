/** The client's short flags mean what Perl's own Getopt::Std takes them for. */
import fc from 'fast-check';
import { expect } from 'vitest';
import { CLIENT_ACTIONS, CLIENT_OPTIONS } from '../../../src/settings/client-options.ts';
import { flagsOf, takeApart } from '../../../src/settings/getopt.ts';
import type { ActionRow, OptionRow } from '../../../src/settings/option-row.ts';
import {
  anyWord,
  everyLetter,
  lettersOf,
  manyArgvs,
  perlReads,
  type Reading,
} from '../../support/perl-getopt.ts';
import { testWith } from '../../support/requires.ts';

/** The reference's. */
const GETOPTS = 'a:b:ce:f:ghk:p:qr:t:vwx:y:z';
const { switches: SWITCHES } = lettersOf(GETOPTS);
const FLAGS = flagsOf(CLIENT_OPTIONS, CLIENT_ACTIONS);

/** What we make of an argv, in the letters of the reference. */
function weRead(argv: readonly string[]): Reading | undefined {
  const { given, rest, problems } = takeApart(argv, FLAGS, '');
  if (problems.length > 0) return undefined;
  const rows: readonly OptionRow[] = CLIENT_OPTIONS;
  const actions: readonly ActionRow[] = CLIENT_ACTIONS;
  const letters = new Map([
    ...rows.map(({ token, flag }) => [token, flag] as const),
    ...actions.map(({ name, flag }) => [name, flag] as const),
  ]);
  const read = new Map(given.map(({ name, value }) => [letters.get(name) ?? 'z', value]));
  return { options: [...read].sort(([a], [b]) => (a < b ? -1 : 1)), rest };
}

// Long flags and -Z are ours; Getopt::Std takes `:` for a letter.
const ours = new RegExp(`^-(-.|[${SWITCHES.join('')}d1]*[:Z-])`);
const word = anyWord(GETOPTS, ['-d', '-vd', '-1', '--']);
const argvs = manyArgvs(
  word.filter((each) => each === '--' || !ours.test(each)),
  6,
);

testWith(['perl'], 'C1 every letter of the reference takes a value, or none, as it does there', () => {
  const all = everyLetter(GETOPTS);
  expect(all).toHaveLength(GETOPTS.replaceAll(':', '').length);
  expect(perlReads(GETOPTS, all)).not.toContain(undefined);
  expect(all.map(weRead)).toEqual(perlReads(GETOPTS, all));
});

testWith(['perl'], 'C1 the usual forms mean the same to getopt and to us', () => {
  const usual = [
    ['-v', '-a', '10.0.0.1', '-p', '41121', '-x', 'secret', '-c', '/tmp/a.data'],
    ['-cv', '-a1.2.3.4', '-p41121', 'f'],
    ['-vxsecret', 'f'],
    ['-x', '-secret', 'f'],
    ['-x-secret', 'f'],
    ['-x', '"quoted"', 'f', 'g'],
    ['-x', '', 'f'],
    ['-yuser:password@proxy:3128', 'f'],
    ['-a', '::1,10.0.0.1', '-z', 'f'],
    ['-g', 'f', '-v'],
    ['-p', '1', '-p', '2', 'f'],
    ['-v', '--', '-f'],
    ['-v', '-', 'f'],
    ['-x', 'pässword', 'größe'],
    ['-x', '--', 'f'],
    ['-p'],
    ['-d', 'f'],
    [],
  ];
  expect(usual.map(weRead)).toEqual(perlReads(GETOPTS, usual));
});

testWith(['perl'], 'C1 any short flags and files mean the same to getopt and to us', () => {
  fc.assert(
    fc.property(argvs, (many) => {
      const theirs = perlReads(GETOPTS, many);
      many.forEach((argv, index) => {
        expect(weRead(argv), JSON.stringify(argv)).toEqual(theirs[index]);
      });
    }),
    { numRuns: 4, endOnFailure: true },
  );
});
