/** The format of tentacle_server.conf: `token value` lines, all others comments. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseConfFile } from '../../../src/settings/conf-file.ts';
import { mergeAssignments } from '../../../src/settings/merge.ts';
import { OPTIONS } from '../../../src/settings/options.ts';

/** UTF-8 text as the file's bytes, in latin-1. */
function bytes(text: string): string {
  return Buffer.from(text).toString('latin1');
}

/** The assignments of a file as `token=value`. */
function values(content: string): string[] {
  return parseConfFile(content, 'f').assignments.map(({ token, value }) => `${token}=${value}`);
}

function warnings(content: string): string[] {
  return parseConfFile(content, 'f').problems.map(
    ({ severity, source, text }) => `${severity} ${source} ${text}`,
  );
}

describe('lines', () => {
  test.each([
    ['one blank', 'port 1', 'port=1'],
    ['tabs and many blanks', 'port \t\t  1', 'port=1'],
    ['trailing blanks', 'directory /a b \t ', 'directory=/a b'],
    ['CR before LF', 'port 1\r', 'port=1'],
    ['CR behind blanks', 'port 1  \r', 'port=1'],
    ['no final LF, blanks inside', 'directory /with inner blanks', 'directory=/with inner blanks'],
    ['a # in the value', 'directory /a # b', 'directory=/a # b'],
    ['a password with a #', 'password #a#b', 'password=#a#b'],
    ['quotes stay', 'password "a b"', 'password="a b"'],
    ['an = is part of the value', 'port = 1', 'port== 1'],
  ])('%s', (_name, line, expected) => {
    expect(values(line)).toEqual([expected]);
    expect(values(`# first\n${line}\n# last\n`)).toEqual([expected]);
  });

  test.each([
    ['# port 1'],
    [' port 1'],
    ['\tport 1'],
    [';port 1'],
    ['1port 1'],
    ['_port 1'],
    ['[server]'],
    [''],
    ['\r'],
    [bytes('é port 1')],
  ])('%j is a comment', (line) => {
    expect(parseConfFile(`${line}\n`, 'f')).toEqual({ assignments: [], problems: [] });
  });

  test.each([['port'], ['port '], ['port \t '], ['port\r'], ['password   ']])(
    '%j is no value, which is warned about',
    (line) => {
      const token = /^\w+/.exec(line)?.[0] ?? '';
      const text = `"${token}" has no value: the line has no effect`;
      expect(parseConfFile(`${line}\n`, 'f')).toEqual({
        assignments: [],
        problems: [{ severity: 'warning', source: 'f:1', text }],
      });
    },
  );

  test('an empty value does not take back an earlier one', () => {
    expect(mergeAssignments(OPTIONS, parseConfFile('port 7\nport\n', 'f').assignments).values.port).toBe(7);
  });

  test('the last value of a token wins, and its line is the source', () => {
    const merged = mergeAssignments(
      OPTIONS,
      parseConfFile('port 7\nport 8\nport 9\n', 'my.conf').assignments,
    );
    expect(merged.values.port).toBe(9);
    expect(merged.sources.port).toBe('my.conf:3');
  });

  test('values are not typed by a person at the prompt: relative paths do not count', () => {
    expect(parseConfFile('ssl_cert a.pem', 'f').assignments).toMatchObject([{ typed: false }]);
  });
});

describe('trailing blanks of a password', () => {
  test('are kept, with a warning that does not show it', () => {
    expect(values('password secret \t')).toEqual(['password=secret \t']);
    expect(warnings('password secret \t')).toEqual([
      'warning f:1 the password ends in blanks, which are part of it',
    ]);
  });

  test('a CR is not one of them', () => {
    expect(values('password secret\r\n')).toEqual(['password=secret']);
    expect(warnings('password secret\r\n')).toEqual([]);
  });
});

describe('values are bytes', () => {
  // 0xA0 is no blank: it ends the UTF-8 of à, Š, Р and many more.
  test.each([['/srv/à'], ['/srv/Р'], ['/srv/Š']])('directory %s keeps its last byte', (path) => {
    expect(values(bytes(`directory ${path}\n`))).toEqual([bytes(`directory=${path}`)]);
  });

  test('a password that ends in à has no trailing blank', () => {
    expect(values(bytes('password voilà\n'))).toEqual([bytes('password=voilà')]);
    expect(warnings(bytes('password voilà\n'))).toEqual([]);
  });

  test('bytes that are no UTF-8 are kept', () => {
    expect(values('password \xff\xfe\x80\n')).toEqual(['password=\xff\xfe\x80']);
  });
});

describe('what is not understood', () => {
  test('an unknown token is told with file, line and the nearest name', () => {
    expect(warnings('# x\nadresses 1.2.3.4\n')).toEqual([
      'warning f:2 unknown token "adresses"; did you mean "addresses"?',
    ]);
  });

  test('an unknown token that is near nothing', () => {
    expect(warnings('frobnicate 1\n')).toEqual(['warning f:1 unknown token "frobnicate"']);
  });

  test('names of Object are no tokens', () => {
    expect(warnings('constructor 1\ntoString 1\n')).toHaveLength(2);
  });

  test.each([['password=secret'], ['password:secret'], ['password"secret"']])(
    '%j is told without its value',
    (line) => {
      expect(values(line)).toEqual([]);
      expect(warnings(line)).toEqual(['warning f:1 ignored: write "password VALUE", separated by a blank']);
    },
  );

  test('tokens are known in lower case only, as the reference knows them', () => {
    expect(warnings('Port 1\n')).toEqual(['warning f:1 unknown token "Port"; did you mean "port"?']);
  });
});

describe('any file', () => {
  const words = [...OPTIONS.map(({ token }) => token), 'pasword', '#', '\r', '\n', '\t', ' ', '0', '1', '-1'];
  const likely = fc
    .array(fc.oneof(fc.constantFrom(...words), fc.string({ unit: 'binary-ascii' })), { maxLength: 40 })
    .map((parts) => parts.join(' '));
  const anyBytes = fc.uint8Array({ maxLength: 500 }).map((b) => Buffer.from(b).toString('latin1'));

  test('is understood without a crash', () => {
    fc.assert(
      fc.property(fc.oneof(likely, anyBytes), (content) => {
        const { assignments, problems } = parseConfFile(content, 'f');
        expect(problems.every(({ severity }) => severity === 'warning')).toBe(true);
        const { values: merged } = mergeAssignments(OPTIONS, assignments);
        expect(Object.keys(merged)).toHaveLength(OPTIONS.length);
        for (const { value } of assignments) expect(value).not.toMatch(/\n|^$/);
      }),
      { numRuns: 500 },
    );
  });

  test('gives a value back as it was written', () => {
    const value = fc.string({ unit: 'binary-ascii', minLength: 1 }).filter((v) => !/^\s|\s$|\n/.test(v));
    fc.assert(
      fc.property(fc.constantFrom(...OPTIONS), value, (row, text) => {
        expect(values(`${row.token} ${text}\n`)).toEqual([`${row.token}=${text}`]);
      }),
    );
  });
});
