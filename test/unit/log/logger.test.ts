/** Proves what is logged at which level, and in which form. */
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { Level } from '../../../src/log/levels.ts';
import { createLogger, type Logger, openLog } from '../../../src/log/logger.ts';
import { temporaryDirectory } from '../../support/temporary.ts';

const rotation = { maxSize: 0, frequency: 'off', keep: 1 } as const;

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

test('a log file is made for owner and group, and appended to', () => {
  const umask = process.umask(0);
  onTestFinished(() => void process.umask(umask));
  const file = join(temporaryDirectory(), 'log');
  for (const message of ['one', 'two'])
    openLog({ level: 'event', format: 'text', rotation, file }).event(message);
  expect(readFileSync(file, 'utf8')).toMatch(/one\.\n.*two\.\n$/);
  expect(statSync(file).mode & 0o777).toBe(0o640);
});

test('a log file that cannot be opened is an error at once', () => {
  expect(() => openLog({ level: 'event', format: 'text', rotation, file: '/nonexistent/log' })).toThrow(
    'ENOENT',
  );
});

test('a log that cannot be written stops nothing', () => {
  const log = openLog({ level: 'event', format: 'text', rotation, file: '/dev/full' });
  for (let line = 0; line < 3; line++) {
    expect(() => {
      log.event('dropped');
    }).not.toThrow();
  }
});
