/** Short flags mean what Perl's own Getopt::Std takes them for. */
import fc from 'fast-check';
import { expect } from 'vitest';
import { parseCommandLine } from '../../../src/settings/command-line.ts';
import { type OptionRow } from '../../../src/settings/option-row.ts';
import { OPTIONS } from '../../../src/settings/options.ts';
import { anyWord, everyLetter, lettersOf, manyArgvs, perlReads } from '../../support/perl-getopt.ts';
import { testWith } from '../../support/requires.ts';

/** The reference's. */
const GETOPTS = 'a:b:c:de:f:F:g:hIi:k:l:m:op:qr:s:S:t:TvVwx:z:u:';
const { switches: SWITCHES } = lettersOf(GETOPTS);

/** What getopt makes of many argvs: undefined where it refuses one or leaves words over, else letter by letter. */
function perlLetters(argvs: readonly (readonly string[])[]): (Map<string, string> | undefined)[] {
  return perlReads(GETOPTS, argvs).map((read) =>
    read === undefined || read.rest.length > 0
      ? undefined
      : new Map(read.options.map(([letter, value]) => [letter, Buffer.from(value).toString('latin1')])),
  );
}

/** What we make of an argv, in the letters of the reference. */
function weRead(argv: readonly string[]): Map<string, string> | undefined {
  const { actions, assignments, problems } = parseCommandLine(argv);
  if (problems.length > 0) return undefined;
  const read = new Map<string, string>();
  for (const { token, value } of assignments) {
    const row: OptionRow | undefined = OPTIONS.find((option) => option.token === token);
    read.set(row?.flag ?? (value === '2' ? 'V' : 'v'), value);
  }
  const letters = { 'config-file': 'F', help: 'h', service: 'S' } as const;
  for (const [name, letter] of Object.entries(letters)) {
    const value = actions.get(name as keyof typeof letters)?.at(-1);
    if (value !== undefined) read.set(letter, Buffer.from(value).toString('latin1'));
  }
  return read;
}

/** Getopt gives 1 for a switch; ours says which verbosity that is. With both -v and -V, ours has the last one. */
function comparable(read: Map<string, string> | undefined): [string, string][] | undefined {
  if (read === undefined) return undefined;
  const verbose = read.has('v') || read.has('V');
  const others = [...read].filter(([letter]) => letter !== 'v' && letter !== 'V');
  return [...others, ...(verbose ? [['v', 'given'] as [string, string]] : [])].sort(([a], [b]) =>
    a < b ? -1 : 1,
  );
}

// Long flags and -U are ours; Getopt::Std takes `:` for a letter, and stops at --.
const ours = new RegExp(`^-[${SWITCHES.join('')}yZ1]*[-:U]`);
const word = anyWord(GETOPTS, ['-y', '-vy', '-Z1']);
const argvs = manyArgvs(
  word.filter((each) => !ours.test(each)),
  5,
);

testWith(['perl'], 'every letter of the reference takes a value, or none, as it does there', () => {
  const all = everyLetter(GETOPTS);
  expect(all).toHaveLength(GETOPTS.replaceAll(':', '').length);
  expect(perlLetters(all)).not.toContain(undefined);
  expect(all.map(weRead).map(comparable)).toEqual(perlLetters(all).map(comparable));
});

testWith(['perl'], 'the usual forms mean the same to getopt and to us', () => {
  const usual = [
    ['-vxsecret'],
    ['-x', '-secret'],
    ['-x-secret'],
    ['-dvp41121', '-s', '/tmp'],
    ['-s/tmp', '-x', '"quoted"'],
    ['-x', ''],
    ['-p', '1', '-p', '2'],
    ['-i', String.raw`.*\.conf:conf;.*\.md5:md5`],
    ['-x', 'pässword'],
    ['-p'],
    ['-y'],
    ['stray'],
    ['-v', 'stray', '-d'],
    ['-'],
    [],
  ];
  expect(usual.map(weRead).map(comparable)).toEqual(perlLetters(usual).map(comparable));
});

testWith(['perl'], 'any short flags mean the same to getopt and to us', () => {
  fc.assert(
    fc.property(argvs, (many) => {
      const theirs = perlLetters(many);
      many.forEach((argv, index) => {
        expect(comparable(weRead(argv)), JSON.stringify(argv)).toEqual(comparable(theirs[index]));
      });
    }),
    { numRuns: 4, endOnFailure: true },
  );
});
