/** Command-line words become assignments and actions, as short or long flags. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bytesOf } from '../../../src/settings/assignment.ts';
import { parseCommandLine } from '../../../src/settings/command-line.ts';
import { helpText } from '../../../src/settings/help.ts';
import { longFlag, type OptionRow } from '../../../src/settings/option-row.ts';
import { ACTIONS, OPTIONS } from '../../../src/settings/options.ts';

const ROWS = OPTIONS as readonly OptionRow[];

/** Assignments as `token=value`. */
function values(...words: readonly string[]): string[] {
  const { assignments, problems } = parseCommandLine(words);
  expect(problems).toEqual([]);
  return assignments.map(({ token, value }) => `${token}=${value}`);
}

function errors(...words: readonly string[]): string[] {
  return parseCommandLine(words).problems.map(({ severity, text }) => `${severity}: ${text}`);
}

describe('short flags', () => {
  test.each<[string[], string[]]>([
    [['-p', '41121'], ['port=41121']],
    [['-p41121'], ['port=41121']],
    [['-dp41121'], ['port=41121', 'daemon=1']],
    [['-vxsecret'], ['verbose=1', 'password=secret']],
    [
      ['-vx', 'secret'],
      ['verbose=1', 'password=secret'],
    ],
    [['-x', '-secret'], ['password=-secret']],
    [['-x', '--'], ['password=--']],
    [['-x', '--port'], ['password=--port']],
    [['-x', ''], ['password=']],
    [['-x', '"quoted"'], ['password="quoted"']],
    [["-x'quoted'"], ["password='quoted'"]],
    [['-x=secret'], ['password==secret']],
    [['-a1.2.3.4'], ['addresses=1.2.3.4']],
    [['-i', String.raw`.*\.conf:conf`], [String.raw`filters=.*\.conf:conf`]],
    [['-V'], ['verbose=2']],
    [
      ['-p', '1', '-p', '2'],
      ['port=1', 'port=2'],
    ],
    [['-p', '007'], ['port=007']],
    [['-m', '1e3'], ['max_size=1e3']],
    [['-s', 'true'], ['directory=true']],
  ])('%j', (words, expected) => {
    expect(values(...words).sort()).toEqual(expected.sort());
  });
});

describe('long flags', () => {
  test.each<[string[], string[]]>([
    [['--ssl-cert', 'a.pem'], ['ssl_cert=a.pem']],
    [['--ssl-cert=a.pem'], ['ssl_cert=a.pem']],
    [['--ssl_cert', 'a.pem'], ['ssl_cert=a.pem']],
    [['--ssl_cert=a=b_c'], ['ssl_cert=a=b_c']],
    [['--fsync', '0'], ['fsync=0']],
    [['--fsync=0'], ['fsync=0']],
    [['--fsync', '1'], ['fsync=1']],
    [['--fsync'], ['fsync=1']],
    [
      ['--fsync', '-v'],
      ['verbose=1', 'fsync=1'],
    ],
    [['--allow-root'], ['allow_root=1']],
    [['--verbose', '2'], ['verbose=2']],
    [['--password', '-secret'], ['password=-secret']],
    [['--password='], ['password=']],
    [['--password=a\nb'], ['password=a\nb']],
  ])('%j', (words, expected) => {
    expect(values(...words).sort()).toEqual(expected.sort());
  });

  test('every token is one, with its value behind it or attached', () => {
    for (const row of ROWS) {
      const flag = `--${longFlag(row.token)}`;
      expect(values(flag, '0')).toEqual([`${row.token}=0`]);
      expect(values(`${flag}=0`)).toEqual([`${row.token}=0`]);
    }
  });
});

describe('values', () => {
  const texts = ROWS.filter(({ type, flag }) => type !== 'boolean' && flag !== undefined);
  const value = fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('--', '-', '=', '"', "''", 'false'));

  test('come through as their bytes, however they are given', () => {
    fc.assert(
      fc.property(fc.constantFrom(...texts), value, ({ token, flag = '' }, given) => {
        const expected = [`${token}=${bytesOf(given)}`];
        expect(values(`-${flag}`, given)).toEqual(expected);
        expect(values(`--${longFlag(token)}`, given)).toEqual(expected);
        expect(values(`--${longFlag(token)}=${given}`)).toEqual(expected);
        if (given !== '') expect(values(`-${flag}${given}`)).toEqual(expected);
      }),
    );
  });

  test('of the command line are typed by a person, those of a variable are not', () => {
    expect(parseCommandLine(['-e', 'a.pem']).assignments).toMatchObject([
      { source: '-e, --ssl-cert', typed: true },
    ]);
    expect(parseCommandLine(['-e', 'a.pem'], 'TENTACLE_EXT_OPTS').assignments).toMatchObject([
      { source: 'TENTACLE_EXT_OPTS -e, --ssl-cert', typed: false },
    ]);
  });
});

describe('actions', () => {
  test.each<[string[], [string, string[]][]]>([
    [['-F', '/a.conf'], [['config-file', ['/a.conf']]]],
    [['--config-file=/a.conf'], [['config-file', ['/a.conf']]]],
    [['-h'], [['help', ['1']]]],
    [['--help'], [['help', ['1']]]],
    [['--version'], [['version', ['1']]]],
    [['--check'], [['check', ['1']]]],
    [['-S', 'install'], [['service', ['install']]]],
    [
      ['--host', 'a', '--client=c', '--host', 'b'],
      [
        ['host', ['a', 'b']],
        ['client', ['c']],
      ],
    ],
  ])('%j', (words, actions) => {
    const parsed = parseCommandLine(words);
    expect([...parsed.actions]).toEqual(actions);
    expect(parsed.problems).toEqual([]);
    expect(parsed.assignments).toEqual([]);
  });
});

describe('mistakes', () => {
  test.each<[string[], string]>([
    [['--adresses', '::'], 'error: unknown option --adresses; did you mean --addresses?'],
    [['--ssl_crt=/secret'], 'error: unknown option --ssl_crt; did you mean --ssl-cert?'],
    [['--frobnicate'], 'error: unknown option --frobnicate'],
    [['-y'], 'error: unknown option -y'],
    [['-vyd'], 'error: unknown option -y'],
    [['-p'], 'error: option -p needs a value'],
    [['--ssl-cert'], 'error: option --ssl-cert needs a value'],
    [
      ['-v', 'stray'],
      'error: word 2 belongs to no option: the one before it takes no value, or a value with blanks is not quoted',
    ],
    [['--no-fsync'], 'error: unknown option --no-fsync; did you mean --fsync?'],
  ])('%j', (words, expected) => {
    expect(errors(...words)[0]).toBe(expected);
  });

  test('are told all at once', () => {
    expect(errors('-y', '--nonsense', '-v', 'stray', '-p')).toHaveLength(3);
  });

  test('leave the rest understood', () => {
    const { assignments } = parseCommandLine(['-y', '-p', '7']);
    expect(assignments).toMatchObject([{ token: 'port', value: '7' }]);
  });

  test('name where they stand', () => {
    expect(parseCommandLine(['-y'], 'TENTACLE_EXT_OPTS').problems[0]?.source).toBe('TENTACLE_EXT_OPTS');
  });

  test.each(['--__proto__=1', '--constructor', '--_=1', '--$0=x', '--[a]=1', '--a.b=1', '---', '--='])(
    '%s is unknown, and sets nothing',
    (word) => {
      expect(errors(word)[0]).toMatch(/^error: unknown option/);
      expect(parseCommandLine([word]).assignments).toEqual([]);
    },
  );
});

test('any command line is understood without a crash', () => {
  const known = ROWS.flatMap(({ token, flag = 'v' }) => [`--${longFlag(token)}`, `-${flag}`]);
  const word = fc.oneof(
    fc.constantFrom(...known, '--', '-', '0', '1'),
    fc.string({ unit: fc.constantFrom('-', '=', 'x', 'v', 'a', '_', '.', '0', '"', '\n', 'é') }),
    fc.string({ unit: 'binary' }),
  );
  fc.assert(
    fc.property(fc.array(word, { maxLength: 8 }), (words) => {
      const { assignments, problems } = parseCommandLine(words, 'X');
      expect(assignments.every(({ source }) => source.startsWith('X '))).toBe(true);
      expect(problems.every(({ severity, source }) => severity === 'error' && source === 'X')).toBe(true);
    }),
    { numRuns: 300 },
  );
});

describe('help', () => {
  test('names every option, its letter and its default', async () => {
    const help = (await helpText('Usage: tentacle_server', OPTIONS, ACTIONS)).replaceAll(/\s+/g, ' ');
    for (const row of ROWS) {
      expect(help).toMatch(
        new RegExp(`${row.flag === undefined ? '' : `-${row.flag}, `}--${longFlag(row.token)}[ ,]`),
      );
      expect(help).toContain(row.help);
    }
    expect(help).toContain('(default 41121)');
    expect(help).toContain('(default 007)');
    expect(help).toMatch(/^Usage: tentacle_server/);
  });

  test('says what to give to an option that takes a value', async () => {
    const help = (await helpText('Usage: tentacle_server', OPTIONS, ACTIONS)).replaceAll(/\s+/g, ' ');
    expect(help).toMatch(/--ssl-cert FILE:/);
    expect(help).toMatch(/--directory DIR:/);
  });
});
