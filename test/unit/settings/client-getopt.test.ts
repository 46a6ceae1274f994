/** The client's short flags mean what Perl's own Getopt::Std takes them for. */
import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { expect } from 'vitest';
import { CLIENT_ACTIONS, CLIENT_OPTIONS } from '../../../src/settings/client-options.ts';
import { flagsOf, takeApart } from '../../../src/settings/getopt.ts';
import type { ActionRow, OptionRow } from '../../../src/settings/option-row.ts';
import { testWith } from '../../support/requires.ts';

/** The reference's. */
const GETOPTS = 'a:b:ce:f:ghk:p:qr:t:vwx:y:z';
const SWITCHES = [...GETOPTS.matchAll(/(\w)(?!:)/g)].map(([, letter = '']) => letter);
const WITH_VALUE = [...GETOPTS.matchAll(/(\w):/g)].map(([, letter = '']) => letter);
const FLAGS = flagsOf(CLIENT_OPTIONS, CLIENT_ACTIONS);

/** Reads an argv a line, each word as `.` and its bytes in hex; answers with options and what is left. */
const PERL = `
  use Getopt::Std;
  $SIG{__WARN__} = sub {};
  while (my $line = <STDIN>) {
    chomp $line;
    @ARGV = map { pack 'H*', substr($_, 1) } split / /, $line;
    my %opts;
    my $ok = getopts('${GETOPTS}', \\%opts);
    my @options = map { "$_=" . unpack('H*', $opts{$_} // '') } sort keys %opts;
    print join(' ', $ok ? 'ok' : 'refused', @options, map { '.' . unpack('H*', $_) } @ARGV), "\\n";
  }`;

interface Reading {
  /** Letters and their last values. */
  readonly options: readonly (readonly [string, string])[];
  readonly rest: readonly string[];
}

function text(hex: string): string {
  return Buffer.from(hex, 'hex').toString();
}

/** What getopt makes of many argvs; undefined where it refuses one. */
function perlReads(argvs: readonly (readonly string[])[]): (Reading | undefined)[] {
  const input = argvs.map((argv) => argv.map((word) => `.${Buffer.from(word).toString('hex')}`).join(' '));
  const output = execFileSync('perl', ['-e', PERL], { input: `${input.join('\n')}\n`, encoding: 'utf8' });
  return output
    .trimEnd()
    .split('\n')
    .map((line) => {
      const [verdict, ...words] = line.split(' ');
      if (verdict !== 'ok') return undefined;
      return {
        options: words
          .filter((word) => !word.startsWith('.'))
          .map((pair) => [pair.charAt(0), text(pair.slice(2))] as const),
        rest: words.filter((word) => word.startsWith('.')).map((word) => text(word.slice(1))),
      };
    });
}

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

const value = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 8 }),
  fc.constantFrom('-secret', '-', '"q"', "'q'", '', '=', '41121', '/a b', 'vV', '-x', 'u:p@h:1'),
);
const switches = fc.array(fc.constantFrom(...SWITCHES), { minLength: 1, maxLength: 4 });
const word = fc.oneof(
  { weight: 4, arbitrary: switches.map((letters) => `-${letters.join('')}`) },
  {
    weight: 6,
    arbitrary: fc
      .tuple(fc.array(fc.constantFrom(...SWITCHES), { maxLength: 2 }), fc.constantFrom(...WITH_VALUE), value)
      .map(([letters, letter, attached]) => `-${letters.join('')}${letter}${attached}`),
  },
  { weight: 2, arbitrary: fc.constantFrom(...WITH_VALUE).map((letter) => `-${letter}`) },
  { weight: 2, arbitrary: value },
  { weight: 1, arbitrary: fc.constantFrom('-d', '-vd', '-1', '--') },
);
// Long flags and -Z are ours; Getopt::Std takes `:` for a letter.
const ours = new RegExp(`^-(-.|[${SWITCHES.join('')}d1]*[:Z-])`);
const argvs = fc.array(
  fc.array(
    word.filter((word) => word === '--' || !ours.test(word)),
    { maxLength: 6 },
  ),
  { minLength: 200, maxLength: 200 },
);

testWith(['perl'], 'C1 every letter of the reference takes a value, or none, as it does there', () => {
  const all = [
    ...SWITCHES.map((letter) => [`-${letter}`]),
    ...WITH_VALUE.map((letter) => [`-${letter}`, '7']),
  ];
  expect(all).toHaveLength(GETOPTS.replaceAll(':', '').length);
  expect(perlReads(all)).not.toContain(undefined);
  expect(all.map(weRead)).toEqual(perlReads(all));
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
  expect(usual.map(weRead)).toEqual(perlReads(usual));
});

testWith(['perl'], 'C1 any short flags and files mean the same to getopt and to us', () => {
  fc.assert(
    fc.property(argvs, (many) => {
      const theirs = perlReads(many);
      many.forEach((argv, index) => {
        expect(weRead(argv), JSON.stringify(argv)).toEqual(theirs[index]);
      });
    }),
    { numRuns: 4, endOnFailure: true },
  );
});
