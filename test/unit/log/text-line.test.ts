/** Proves the form of a log line that existing log watchers know. */
import { expect, test } from 'vitest';
import { textLine } from '../../../src/log/text-line.ts';

const time = new Date(2024, 1, 3, 4, 5, 6, 789).getTime();

test.each([
  ['error', '2024-02-03 04:05:06[err]it broke.\n'],
  ['warning', '2024-02-03 04:05:06[log]Warning: it broke.\n'],
  ['notice', '2024-02-03 04:05:06[log]it broke.\n'],
  ['event', '2024-02-03 04:05:06[log]it broke.\n'],
  ['detail', '2024-02-03 04:05:06[info]it broke.\n'],
] as const)('%s is tagged, in local time', (level, line) => {
  expect(textLine({ level, time, msg: 'it broke' })).toBe(line);
});

test('two digits where there are two', () => {
  const late = new Date(2024, 11, 31, 23, 59, 59).getTime();
  expect(textLine({ level: 'notice', time: late, msg: '' })).toBe('2024-12-31 23:59:59[log].\n');
});
