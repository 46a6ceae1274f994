/** Short flags mean what Perl's own Getopt::Std takes them for. */
import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { expect } from 'vitest';
import { parseCommandLine } from '../../../src/settings/command-line.ts';
import { type OptionRow } from '../../../src/settings/option-row.ts';
import { OPTIONS } from '../../../src/settings/options.ts';
import { testWith } from '../../support/requires.ts';

/** The reference's. */
const GETOPTS = 'a:b:c:de:f:F:g:hIi:k:l:m:op:qr:s:S:t:TvVwx:z:u:';
const SWITCHES = [...GETOPTS.matchAll(/(\w)(?!:)/g)].map(([, letter = '']) => letter);
const WITH_VALUE = [...GETOPTS.matchAll(/(\w):/g)].map(([, letter = '']) => letter);

/** Reads an argv a line, each word as `.` and its bytes in hex; answers in the same way. */
const PERL = `
  use Getopt::Std;
  $SIG{__WARN__} = sub {};
  while (my $line = <STDIN>) {
    chomp $line;
    @ARGV = map { pack 'H*', substr($_, 1) } split / /, $line;
    my %opts;
    my $ok = getopts('${GETOPTS}', \\%opts) && !@ARGV;
    print join(' ', $ok ? 'ok' : 'refused', map { "$_=" . unpack('H*', $opts{$_} // '') } sort keys %opts), "\\n";
  }`;

/** What getopt makes of many argvs: undefined where it refuses one or leaves words over, else letter by letter. */
function perlReads(argvs: readonly (readonly string[])[]): (Map<string, string> | undefined)[] {
  const input = argvs.map((argv) => argv.map((word) => `.${Buffer.from(word).toString('hex')}`).join(' '));
  const output = execFileSync('perl', ['-e', PERL], { input: `${input.join('\n')}\n`, encoding: 'utf8' });
  const lines = output.trimEnd().split('\n');
  return lines.map((line) => {
    const [verdict, ...given] = line.split(' ');
    if (verdict !== 'ok') return undefined;
    return new Map(
      given.map((pair) => [pair.charAt(0), Buffer.from(pair.slice(2), 'hex').toString('latin1')]),
    );
  });
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
    const value = actions.get(name as keyof typeof letters);
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

const value = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 8 }),
  fc.constantFrom('-secret', '-', '"q"', "'q'", '', '=', '41121', '/a b', 'vV', '-x'),
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
  { weight: 1, arbitrary: value },
  { weight: 1, arbitrary: fc.constantFrom('-y', '-vy', '-Z1') },
);
// Long flags and -U are ours; Getopt::Std takes `:` for a letter, and stops at --.
const ours = new RegExp(`^-[${SWITCHES.join('')}yZ1]*[-:U]`);
const argvs = fc.array(
  fc.array(
    word.filter((text) => !ours.test(text)),
    { maxLength: 5 },
  ),
  { minLength: 200, maxLength: 200 },
);

testWith(['perl'], 'every letter of the reference takes a value, or none, as it does there', () => {
  const all = [
    ...SWITCHES.map((letter) => [`-${letter}`]),
    ...WITH_VALUE.map((letter) => [`-${letter}`, '7']),
  ];
  expect(all).toHaveLength(GETOPTS.replaceAll(':', '').length);
  expect(perlReads(all)).not.toContain(undefined);
  expect(all.map(weRead).map(comparable)).toEqual(perlReads(all).map(comparable));
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
  expect(usual.map(weRead).map(comparable)).toEqual(perlReads(usual).map(comparable));
});

testWith(['perl'], 'any short flags mean the same to getopt and to us', () => {
  fc.assert(
    fc.property(argvs, (many) => {
      const theirs = perlReads(many);
      many.forEach((argv, index) => {
        expect(comparable(weRead(argv)), JSON.stringify(argv)).toEqual(comparable(theirs[index]));
      });
    }),
    { numRuns: 4, endOnFailure: true },
  );
});
