/** Proves what is logged at which level, and in which form. */
import { expect, test } from 'vitest';
import type { Level } from '../../../src/log/levels.ts';
import { createLogger, type Logger } from '../../../src/log/logger.ts';

const WRITES = ['error', 'warning', 'notice', 'event', 'detail'] as const;

function logging(level: Level, format: 'text' | 'json'): { log: Logger; lines: string[] } {
  const lines: string[] = [];
  return { log: createLogger({ level, format }, { write: (line) => lines.push(line) }), lines };
}

test.each([
  ['silent', []],
  ['error', ['error']],
  ['warning', ['error', 'warning']],
  ['notice', ['error', 'warning', 'notice']],
  ['event', ['error', 'warning', 'notice', 'event']],
  ['detail', ['error', 'warning', 'notice', 'event', 'detail']],
] as const)('at level %s these are logged: %j', (level, logged) => {
  for (const format of ['text', 'json'] as const) {
    const { log, lines } = logging(level, format);
    for (const write of WRITES) log[write](`<${write}>`);
    expect(lines.map((line) => /<(\w+)>/.exec(line)?.[1])).toEqual(logged);
  }
});

test('text holds the message, and none of the fields', () => {
  const { log, lines } = logging('detail', 'text');
  log.event('stored', { event: 'sent', bytes: 3 });
  expect(lines).toEqual([expect.stringMatching(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\[log\]stored\.\n$/)]);
});

test('JSON holds time, level, message and fields, one object a line', () => {
  const before = Date.now();
  const { log, lines } = logging('detail', 'json');
  log.warning('two\nlines', { event: 'received', bytes: 3, subject: undefined });
  expect(lines.length).toBe(1);
  expect(lines[0]).toMatch(/^[^\n]*\n$/);
  const record = JSON.parse(lines[0] ?? '') as { time: number };
  expect(record).toEqual({
    level: 'warning',
    time: expect.any(Number) as number,
    event: 'received',
    bytes: 3,
    msg: 'two\nlines',
  });
  expect(record.time).toBeGreaterThanOrEqual(before);
});

test.each(['text', 'json'] as const)('%s: a message is no format string', (format) => {
  const { log, lines } = logging('detail', format);
  log.event('100%% of %s %d %j %o {}', { bytes: 1 });
  expect(lines.join('')).toContain('100%% of %s %d %j %o {}');
});
