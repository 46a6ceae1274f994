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

test.each([
  ['event', { event: 'received' }, '[info]'],
  ['detail', { event: 'authenticated' }, '[log]'],
  ['detail', { event: 'tls' }, '[log]'],
  ['event', { event: 'ended', reason: 'password' }, '[err]'],
  ['event', { event: 'ended', reason: 'unauthenticated' }, '[err]'],
  ['event', { event: 'ended', reason: 'timeout' }, '[err]'],
  ['event', { event: 'ended', reason: 'closed' }, '[err]'],
  ['event', { event: 'ended', reason: 'insecure' }, '[info]'],
  ['event', { event: 'ended', reason: 'protocol' }, '[log]'],
  ['event', { event: 'sent' }, '[log]'],
  ['error', { event: 'refused', reason: 'not enough space' }, '[err]'],
] as const)('at %s %j is tagged as the reference tags it: %s', (level, fields, tag) => {
  expect(textLine({ level, time, msg: 'it is', ...fields })).toBe(`2024-02-03 04:05:06${tag}it is.\n`);
});

test.each(['.', '?', '!'])('a message that ends in %s gets no full stop of its own', (end) => {
  expect(textLine({ level: 'notice', time, msg: `done${end}` })).toBe(`2024-02-03 04:05:06[log]done${end}\n`);
});

test('two digits where there are two', () => {
  const late = new Date(2024, 11, 31, 23, 59, 59).getTime();
  expect(textLine({ level: 'notice', time: late, msg: '' })).toBe('2024-12-31 23:59:59[log].\n');
});
