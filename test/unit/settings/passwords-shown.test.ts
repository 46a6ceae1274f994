/** The password of the command line is blanked in the process title. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseCommandLine, withoutPasswords } from '../../../src/settings/command-line.ts';

function title(...words: readonly string[]): string {
  return withoutPasswords(words).join(' ');
}

describe('a password is blanked', () => {
  test.each([
    [['-x', 'secret'], '-x ********'],
    [['-xsecret'], '-x********'],
    [['-vxsecret'], '-vx********'],
    [['-dvx', 'secret', '-p', '1'], '-dvx ******** -p 1'],
    [['-x', '-secret'], '-x ********'],
    [['-x', '--password'], '-x ********'],
    [['-x=secret'], '-x********'],
    [['-xa\nb'], '-x********'],
    [['--password', 'secret'], '--password ********'],
    [['--password=secret'], '--password=********'],
    [['--password='], '--password=********'],
    [['--proxy-password', 'secret'], '--proxy-password ********'],
    [['--proxy-password=secret'], '--proxy-password=********'],
    [['-x', 'one', '-x', 'two'], '-x ******** -x ********'],
    [['-x'], '-x'],
  ])('%j', (words, shown) => {
    expect(title(...words)).toBe(shown);
  });
});

test.each([
  [['-F', '/a.conf', '-p41121', '-v']],
  [['-s', '/spool', '-a', '::1']],
  [['-s/var/xspool', '-exit.pem', '-dpx']],
  [['--password-file=/secret', '--ssl-password', '1']],
  [['server.js', 'x', '--x']],
  [[]],
])('everything else stays: %j', (words) => {
  expect(withoutPasswords(words)).toEqual(words);
});

test.each([
  [['-s', '-x', '-x', 'secret']],
  [['-vs', '-x', '-x', 'secret']],
  [['--directory', '-x', '-x', 'secret']],
  [['--log-file', '--password', '--password', 'secret']],
  [['-F', '-vx', '-x', 'secret']],
])('a value that looks like -x does not lead astray: %j', (words) => {
  expect(parseCommandLine(words).assignments).toContainEqual(
    expect.objectContaining({ token: 'password', value: 'secret' }),
  );
  expect(title(...words)).not.toContain('secret');
});

test('any command line: as many words, and its password in none of them', () => {
  const words = fc.array(
    fc.constantFrom('-x', '-vx', '-v', '-s', '-F', '-p1', '--fsync', '--password', '--port', '/a', 'b'),
    { maxLength: 4 },
  );
  // Once only, so that what is shown is the password and nothing else.
  const secret = fc.constantFrom('SECRET', '-xSECRET', '-vdxSECRET', '--password=SECRET');
  fc.assert(
    fc.property(words, secret, words, (before, word, after) => {
      const given = [...before, word, ...after];
      const shown = withoutPasswords(given);
      expect(shown).toHaveLength(given.length);
      const { assignments } = parseCommandLine(given);
      const isPassword = assignments.some(({ token, value }) => token === 'password' && value === 'SECRET');
      if (isPassword) expect(shown.join(' ')).not.toContain('SECRET');
    }),
    { numRuns: 2000 },
  );
});
