/** Perl's own Getopt::Std, and argvs to try it with. */
import { execFileSync } from 'node:child_process';
import fc from 'fast-check';

/** What getopt makes of one argv: options sorted by letter, each with its last value, and the words left over. */
export interface Reading {
  readonly options: readonly (readonly [string, string])[];
  readonly rest: readonly string[];
}

/** The letters of a getopts string, without and with a value. */
export function lettersOf(getopts: string): { switches: string[]; withValue: string[] } {
  return {
    switches: [...getopts.matchAll(/(\w)(?!:)/g)].map(([, letter = '']) => letter),
    withValue: [...getopts.matchAll(/(\w):/g)].map(([, letter = '']) => letter),
  };
}

/** Every letter once, with a value where it takes one. */
export function everyLetter(getopts: string): string[][] {
  const { switches, withValue } = lettersOf(getopts);
  return [...switches.map((letter) => [`-${letter}`]), ...withValue.map((letter) => [`-${letter}`, '7'])];
}

/** Reads an argv a line, each word as `.` and its bytes in hex; answers with options and what is left. */
const PERL = `
  use Getopt::Std;
  $SIG{__WARN__} = sub {};
  my $getopts = shift @ARGV;
  while (my $line = <STDIN>) {
    chomp $line;
    @ARGV = map { pack 'H*', substr($_, 1) } split / /, $line;
    my %opts;
    my $ok = getopts($getopts, \\%opts);
    my @options = map { "$_=" . unpack('H*', $opts{$_} // '') } sort keys %opts;
    print join(' ', $ok ? 'ok' : 'refused', @options, map { '.' . unpack('H*', $_) } @ARGV), "\\n";
  }`;

/** What getopt makes of many argvs, in one process; undefined where it refuses one. */
export function perlReads(getopts: string, argvs: readonly (readonly string[])[]): (Reading | undefined)[] {
  const input = argvs.map((argv) => argv.map((word) => `.${Buffer.from(word).toString('hex')}`).join(' '));
  const output = execFileSync('perl', ['-e', PERL, getopts], {
    input: `${input.join('\n')}\n`,
    encoding: 'utf8',
  });
  return output.trimEnd().split('\n').map(parse);
}

function parse(line: string): Reading | undefined {
  const [verdict, ...words] = line.split(' ');
  if (verdict !== 'ok') return undefined;
  const left = words.filter((word) => word.startsWith('.'));
  const options = words.filter((word) => !word.startsWith('.'));
  return {
    options: options.map((pair) => [pair.charAt(0), text(pair.slice(2))] as const),
    rest: left.map((word) => text(word.slice(1))),
  };
}

function text(hex: string): string {
  return Buffer.from(hex, 'hex').toString();
}

/**
 * Random words as people and scripts write them: bundles, attached values, values of all kinds.
 * @param odd words that the program does not know
 */
export function anyWord(getopts: string, odd: readonly string[]): fc.Arbitrary<string> {
  const { switches, withValue } = lettersOf(getopts);
  const value = fc.oneof(
    fc.string({ unit: 'grapheme', maxLength: 8 }),
    fc.constantFrom('-secret', '-', '"q"', "'q'", '', '=', '41121', '/a b', 'vV', '-x', 'u:p@h:1'),
  );
  const some = (minLength: number, maxLength: number): fc.Arbitrary<string> =>
    fc.array(fc.constantFrom(...switches), { minLength, maxLength }).map((letters) => letters.join(''));
  const attached = fc.tuple(some(0, 2), fc.constantFrom(...withValue), value);
  return fc.oneof(
    { weight: 4, arbitrary: some(1, 4).map((letters) => `-${letters}`) },
    { weight: 6, arbitrary: attached.map(([before, letter, after]) => `-${before}${letter}${after}`) },
    { weight: 2, arbitrary: fc.constantFrom(...withValue).map((letter) => `-${letter}`) },
    { weight: 2, arbitrary: value },
    { weight: 1, arbitrary: fc.constantFrom(...odd) },
  );
}

/** 200 argvs of such words: as many as are read in one process. */
export function manyArgvs(word: fc.Arbitrary<string>, maxLength: number): fc.Arbitrary<string[][]> {
  return fc.array(fc.array(word, { maxLength }), { minLength: 200, maxLength: 200 });
}
