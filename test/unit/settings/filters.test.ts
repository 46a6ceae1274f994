/** N2: the token `filters` chooses sub-directories by name, and never leaves the spool. */
import { execFileSync } from 'node:child_process';
import { posix } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bytesOf } from '../../../src/settings/assignment.ts';
import { parseFilters } from '../../../src/settings/filters.ts';
import { route } from '../../../src/store/routing.ts';
import { testWith } from '../../support/requires.ts';

const SHIPPED = String.raw`.*\.conf:conf;.*\.md5:md5;.*\.zip:collections;.*\.lock:trans;.*\.rcmd:commands`;

/** Where a name goes by these filters, both given as UTF-8 text. */
function goes(filters: string, name: string): string {
  return route(bytesOf(name), parseFilters(bytesOf(filters), 'f').filters).directory;
}

function problems(filters: string): string[] {
  return parseFilters(bytesOf(filters), 'f:3').problems.map(
    ({ severity, source, text }) => `${severity} ${source} ${text}`,
  );
}

describe('N2 routing', () => {
  test.each([
    ['a.conf', 'conf'],
    ['a.md5', 'md5'],
    ['a.zip', 'collections'],
    ['a.lock', 'trans'],
    ['a.rcmd', 'commands'],
    ['a.conf.md5', 'conf'],
    ['a.data', ''],
    ['aconf', ''],
    ['a.CONF', ''],
  ])('the shipped filters put %s into "%s"', (name, directory) => {
    expect(goes(SHIPPED, name)).toBe(directory);
    expect(problems(SHIPPED)).toEqual([]);
  });

  test.each([
    ['the first match wins', 'a:one;a:two', 'a', 'one'],
    ['an expression is not anchored', 'b:one', 'abc', 'one'],
    ['unless it says so', '^b:one', 'abc', ''],
    ['case counts', 'B:one', 'abc', ''],
    ['unless it says so', '(?i)B:one', 'abc', 'one'],
    ['a trailing / is dropped', 'a:one/', 'a', 'one'],
    ['sub-directories may be deep', 'a:one/two', 'a', 'one/two'],
    ['an absolute directory is inside the spool', 'a:/etc', 'a', 'etc'],
    ['.. that comes back is normal', 'a:one/../two', 'a', 'two'],
    ['. is the spool itself', 'a:.', 'a', ''],
    ['/ is the spool itself', 'a:/', 'a', ''],
    ['a colon of the expression', '(?:a|b)c:one', 'bc', 'one'],
    ['a name of dots that is no way up', 'a:..one', 'a', '..one'],
    ['a trailing ; means nothing', 'a:one;', 'a', 'one'],
    ['an expression may hold blanks', 'a b:one', 'a b', 'one'],
  ])('%s: %s', (_rule, filters, name, directory) => {
    expect(goes(filters, name)).toBe(directory);
    expect(problems(filters)).toEqual([]);
  });

  test('empty entries mean nothing', () => {
    expect(parseFilters(' ; ;;', 'f')).toEqual({ filters: [], problems: [] });
    expect(parseFilters('', 'f')).toEqual({ filters: [], problems: [] });
  });
});

describe('N2 names and directories are bytes', () => {
  test.each([
    ['^é:one', 'été', 'one'],
    ['^..$:one', 'é', 'one'],
    ['^.$:one', 'é', ''],
    [String.raw`^\xc3\xa9:one`, 'été', 'one'],
    [String.raw`^\w+$:one`, 'été', ''],
    ['(é)(?=t):one', 'été', 'one'],
  ])('%s and %s', (filters, name, directory) => {
    expect(goes(filters, name)).toBe(directory);
  });

  // Р ends in the byte 0xA0, which is no blank.
  test.each(['données', 'à', 'Р'])('directory %s', (directory) => {
    expect(goes(`a:${directory}`, 'a')).toBe(bytesOf(directory));
  });
});

describe('N2 malformed entries are skipped with a warning', () => {
  test.each(['noColon', ':dir', 'regexp:', 'regexp: ', ':'])('%j', (entry) => {
    expect(problems(`${entry};a:one`)).toEqual([
      `warning f:3 filter "${entry}" skipped: it is not REGEXP:DIR`,
    ]);
    expect(goes(`${entry};a:one`, 'a')).toBe('one');
  });

  test.each(['(a', '[a', '*a', 'a++', '(?<x'])('%j is no expression', (expression) => {
    const [told, ...others] = problems(`${expression}:x;a:one`);
    expect(told).toContain(`warning f:3 filter "${expression}:x" skipped: `);
    expect(others).toEqual([]);
    expect(goes(`${expression}:x;a:one`, 'a')).toBe('one');
  });
});

describe('beyond RE2, JavaScript with a warning', () => {
  test.each([
    ['look-ahead', String.raw`^a(?!b)`, 'ac', 'ab'],
    ['look-behind', '(?<=a)b', 'ab', 'cb'],
    ['back-reference', String.raw`(a|b)\1`, 'bb', 'ab'],
  ])('%s', (_what, expression, yes, no) => {
    expect(goes(`${expression}:one`, yes)).toBe('one');
    expect(goes(`${expression}:one`, no)).toBe('');
    expect(problems(`${expression}:one`)).toEqual([
      `warning f:3 filter "${expression}:one" is beyond the linear-time syntax of RE2: a hostile name can make it slow`,
    ]);
  });

  test('a filter of RE2 answers a hostile name at once', () => {
    const { filters, problems: found } = parseFilters('^(a+)+$:one', 'f');
    expect(found).toEqual([]);
    expect(route(`${'a'.repeat(254)}!`, filters).directory).toBe('');
  });

  // JavaScript reads Perl's \Z and \h as the letters Z and h.
  test.each([
    [String.raw`\.data\Z`, 'x.dataZ'],
    [String.raw`a\hb`, 'ahb'],
  ])('what neither understands is not misread: %s', (expression, misread) => {
    expect(goes(`${expression}:one`, misread)).toBe('');
  });
});

describe('permissions', () => {
  function place(directory: string): string {
    const [filter] = parseFilters(bytesOf(`a:${directory}`), 'f').filters;
    return `${filter?.permissions ?? 'none'} ${filter?.directory ?? ''}`;
  }

  test.each([
    ['conf', 'rw conf'],
    ['conf=r', 'r conf'],
    ['conf=w', 'w conf'],
    ['conf=rw', 'rw conf'],
    ['conf/=r', 'r conf'],
    ['one/two=w', 'w one/two'],
    [' conf = r ', 'r conf'],
    ['conf =\tr', 'r conf'],
    ['.=w', 'w '],
    ['/=r', 'r '],
    ['a=b=r', 'r a=b'],
    ['a=x=rw', 'rw a=x'],
    ['a=b/conf=r', 'r a=b/conf'],
    ['a=b/conf', 'rw a=b/conf'],
    ['données=r', `r ${bytesOf('données')}`],
  ])('%j', (directory, expected) => {
    expect(place(directory)).toBe(expected);
    expect(problems(`a:${directory}`)).toEqual([]);
  });

  test.each([
    ['conf=R', 'R'],
    ['conf=wr', 'wr'],
    ['conf=rx', 'rx'],
    ['conf=ro', 'ro'],
    ['conf=', ''],
    ['conf=r w', 'r w'],
    ['a=b', 'b'],
    ['conf=r/', 'r'],
    ['conf=r=', ''],
    ['conf=é', 'é'],
  ])('%j may be a directory, and may be a mistake: it is said', (directory, letters) => {
    expect(place(directory)).toBe(`rw ${bytesOf(directory.replace(/\/$/, ''))}`);
    const [told, ...others] = problems(`a:${directory}`);
    expect(told).toContain(`warning f:3 filter "a:${directory}": "=${letters}" is none of =r, =w and =rw`);
    expect(others).toEqual([]);
  });

  test.each(['=r', ' =rw', '= w'])('%j of no directory is malformed', (directory) => {
    expect(problems(`a:${directory}`)[0]).toContain('skipped: it is not REGEXP:DIR');
  });

  test('an = of the expression is none of the directory', () => {
    expect(problems('a=r:conf;(?=a)b=x:conf=r')).toEqual([expect.stringContaining('beyond the linear-time')]);
    expect(parseFilters('a=r:conf', 'f').filters[0]?.permissions).toBe('rw');
  });
});

test.each(['a:..', 'a:../x', 'a:x/../..', 'a:/../x', 'a:x/../../y', 'a:./..', '(bad:..'])(
  'leaving the spool is an error: %s',
  (filters) => {
    expect(problems(filters)).toHaveLength(1);
    expect(problems(filters)[0]).toMatch(
      /^error f:3 filter ".*" ?: .* leaves the spool$|^error f:3 .*leaves/,
    );
    expect(parseFilters(filters, 'f').filters).toEqual([]);
  },
);

testWith(['perl'], 'N2 expressions mean what they mean to Perl', () => {
  const expressions = [
    ...['.*\\.conf', 'conf$', '^a', 'a|b$', '[^.]+\\.\\d+\\.data', '[[:digit:]]+', 'a{2,3}', '\\bb\\b'],
    ...['(?i)\\.XML$', '(?:a|b)c', '\\x41', '\\Aa', 'a\\z', '\\S+ \\S+', 'é', '^.{2}$', '\\W'],
    ...['\\w', '\\s', '^a(?!b)', '(a)\\1', '(?<!a)b', '[é]', '\\xe9', '^\\w+$', 'a.?b', '(?s).', '$', '()'],
  ];
  const names = [
    'a.conf',
    'A',
    'ab',
    'aa',
    'bc',
    'x.123.data',
    'a b',
    'a.b',
    'é',
    'É.xml',
    'b',
    'été',
    '\xe9',
  ];
  const pairs = expressions.flatMap((expression) => names.map((name) => [expression, name] as const));
  const input = pairs.map((pair) => pair.map((text) => Buffer.from(text).toString('hex')).join(' '));
  const script = `while (<STDIN>) { chomp; my ($e, $n) = map { pack 'H*', $_ } split / /; print $n =~ /$e/ ? 1 : 0 }`;
  const theirs = execFileSync('perl', ['-e', script], { input: `${input.join('\n')}\n`, encoding: 'latin1' });
  const ours = pairs.map(([expression, name]) => (goes(`${expression}:x`, name) === 'x' ? 1 : 0));
  const differ = pairs.filter((_, index) => String(ours[index]) !== theirs.charAt(index));
  expect(theirs).toHaveLength(pairs.length);
  expect(differ).toEqual([]);
});

test('any filters: no crash, and never a directory outside the spool', () => {
  const part = fc.constantFrom(...'ab.*+?()[]|\\^${}:;/ 1'.split(''), '..', '/..', ':..', '../', '\xc3\xa9');
  const likely = fc.array(part, { maxLength: 25 }).map((parts) => parts.join(''));
  const anyBytes = fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes).toString('latin1'));
  fc.assert(
    fc.property(fc.oneof(likely, anyBytes), anyBytes, (text, name) => {
      const { filters } = parseFilters(text, 'f');
      for (const { directory, matches } of filters) {
        expect(typeof matches(name)).toBe('boolean');
        const path = posix.join('/spool', directory);
        expect(path === '/spool' || path.startsWith('/spool/')).toBe(true);
        expect(directory).not.toMatch(/^\/|\/$|(^|\/)\.\.(\/|$)/);
      }
    }),
    { numRuns: 1000 },
  );
});
