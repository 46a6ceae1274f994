/** Assignments are merged by precedence, and typed as their rows say. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Assignment, bytesOf } from '../../../src/settings/assignment.ts';
import { mergeAssignments } from '../../../src/settings/merge.ts';
import { type OptionRow } from '../../../src/settings/option-row.ts';
import { OPTIONS, type Token } from '../../../src/settings/options.ts';

const ROWS = OPTIONS as readonly (OptionRow & { token: Token })[];

function given(token: Token, value: string, options: Partial<Assignment> = {}): Assignment {
  return { token, value, source: 'f:1', typed: false, ...options };
}

/** A value, and the text of the problem that it has. */
function merged(token: Token, value: string, typed = false): [unknown, string | undefined] {
  const { values, problems } = mergeAssignments(OPTIONS, [given(token, value, { typed })]);
  const [problem] = problems;
  return [values[token], problem && `${problem.severity}: ${problem.text}`];
}

test('what nobody gives has its default, whose source is "default"', () => {
  const { values, sources, problems } = mergeAssignments(OPTIONS, []);
  for (const row of ROWS) {
    expect(values[row.token]).toBe(row.default);
    expect(sources[row.token]).toBe('default');
  }
  expect(problems).toEqual([]);
});

test('the last of several counts, with its source', () => {
  const { values, sources } = mergeAssignments(OPTIONS, [
    given('port', '1', { source: 'file' }),
    given('port', '2', { source: 'ext' }),
    given('port', '3', { source: '-p' }),
  ]);
  expect([values.port, sources.port]).toEqual([3, '-p']);
});

test('only what counts is judged', () => {
  expect(mergeAssignments(OPTIONS, [given('port', 'x'), given('port', '2')]).problems).toEqual([]);
});

test('an empty value is no value; for a path it is an error, since it is an unset variable most likely', () => {
  for (const row of ROWS) {
    const path = row.type === 'path' || row.type === 'absolute path';
    const problem = path || 'guards' in row ? `error: ${row.token} is given, but empty` : undefined;
    expect(merged(row.token, '')).toEqual([row.default, problem]);
  }
});

test('the source of what is refused says so; the value is the default', () => {
  const { values, sources } = mergeAssignments(OPTIONS, [
    given('port', '0', { source: '-p' }),
    given('overwrite', 'yes', { source: 'f:2' }),
  ]);
  expect([values.port, sources.port]).toEqual([41121, 'refused: -p']);
  // Only warned about.
  expect([values.overwrite, sources.overwrite]).toEqual([false, 'f:2']);
});

describe('booleans', () => {
  const booleans = ROWS.filter(({ type }) => type === 'boolean').map(({ token }) => token);

  test.each(booleans)('%s is true for 1 alone', (token) => {
    expect(merged(token, '1')).toEqual([true, undefined]);
    expect(merged(token, '0')).toEqual([false, undefined]);
    for (const word of ['yes', 'true', '01', '2', 'on', '1 1']) {
      expect(merged(token, word)).toEqual([
        false,
        `warning: ${token}: only 1 means yes; "${word}" is taken as 0`,
      ]);
    }
  });
});

describe('numbers', () => {
  const numbers = ROWS.filter((row) => 'min' in row);

  test.each(numbers)('$token has a range from $min to $max', (row) => {
    const base = row.type === 'octal' ? 8 : 10;
    const show = (n: number): string => n.toString(base);
    expect(merged(row.token, show(row.min))).toEqual([row.min, undefined]);
    expect(merged(row.token, show(row.max))).toEqual([row.max, undefined]);
    const above = base === 8 ? show(row.max + 1) : String(BigInt(row.max) + 1n);
    const text = `error: ${row.token} must be from ${show(row.min)} to ${show(row.max)}, not ${above}`;
    expect(merged(row.token, above)).toEqual([row.default, text]);
    if (row.min > 0) expect(merged(row.token, show(row.min - 1))[1]).toMatch(/^error: /);
  });

  test.each(['x', '-1', '+1', '1.0', '1e3', '0x10', '1 2', '١', 'NaN', 'Infinity'])(
    '%s is no whole number',
    (value) => {
      expect(merged('max_size', bytesOf(value))).toEqual([
        2_000_000,
        `error: max_size must be a whole number, not "${value}"`,
      ]);
    },
  );

  test.each([
    ['port', 1, 65535],
    ['proxy_port', 1, 65535],
    ['verbose', 0, 2],
  ] as const)('%s is from %i to %i', (token, min, max) => {
    expect(ROWS.find((row) => row.token === token)).toMatchObject({ min, max });
  });

  test.each([
    ['007', 0o007],
    ['7', 0o007],
    ['0022', 0o022],
    ['777', 0o777],
  ])('umask %s is octal', (text, mask) => {
    expect(merged('umask', text)).toEqual([mask, undefined]);
  });

  test('umask 8 is not', () => {
    expect(merged('umask', '8')[1]).toBe('error: umask must be an octal number, not "8"');
  });

  test('sizes beyond 2^31 are exact', () => {
    expect(merged('max_size', '9007199254740991')).toEqual([9007199254740991, undefined]);
  });

  test('23 digits are out of range', () => {
    expect(merged('max_size', '9'.repeat(23))[1]).toMatch(/^error: max_size must be from 1 to /);
  });
});

describe('paths of certificates, keys and passwords', () => {
  const tokens = ['ssl_cert', 'ssl_key', 'ssl_ca', 'password_file', 'ssl_password_file'] as const;

  test.each(tokens)('%s must be absolute, unless a person typed it', (token) => {
    const told = `error: ${token} must be an absolute path, not "a.pem": the daemon leaves its directory`;
    expect(merged(token, 'a.pem')).toEqual([undefined, told]);
    expect(merged(token, 'a.pem', true)).toEqual(['a.pem', undefined]);
    expect(merged(token, '/a.pem')).toEqual(['/a.pem', undefined]);
  });
});

test.each(['allow_from', 'ssl_client_names'] as const)('an empty %s does not let everybody in', (token) => {
  expect(merged(token, '')).toEqual([undefined, `error: ${token} is given, but empty`]);
});

test('log_format is text or json', () => {
  expect(merged('log_format', 'json')).toEqual(['json', undefined]);
  expect(merged('log_format', 'xml')).toEqual(['text', 'error: log_format must be text or json, not "xml"']);
});

test('all problems come at once, in the order of the table', () => {
  const { problems } = mergeAssignments(OPTIONS, [
    given('umask', '8'),
    given('timeout', '0'),
    given('port', '0'),
  ]);
  expect(problems.map(({ text }) => text.split(' ')[0])).toEqual(['port', 'timeout', 'umask']);
});

test('any value of any token gives a value of its type, and never a crash', () => {
  const value = fc.oneof(
    fc.string({ unit: fc.constantFrom('0', '1', '7', '9', '-', '/', ' ', '.') }),
    fc.uint8Array().map((bytes) => Buffer.from(bytes).toString('latin1')),
  );
  fc.assert(
    fc.property(fc.constantFrom(...ROWS), value, (row, text) => {
      const found = mergeAssignments(OPTIONS, [given(row.token, text)]).values[row.token];
      if (row.type === 'boolean') expect(found).toBe(text === '' ? row.default : text === '1');
      else if ('min' in row) {
        expect(found).toBeGreaterThanOrEqual(row.min);
        expect(found).toBeLessThanOrEqual(row.max);
      } else if (row.type === 'secret')
        expect(found === undefined ? '' : String(found)).not.toBe(text || 'x');
      else expect([text, row.default]).toContain(found);
    }),
    { numRuns: 500 },
  );
});
