/** Proves the server's answers word for word. */
import { expect, test } from 'vitest';
import type { RefusalReason } from '../../../src/protocol/errors.ts';
import { ok, refusal, size } from '../../../src/protocol/replies.ts';

test.each([
  ['W10', ok('PASS'), 'PASS OK\n'],
  ['W11', ok('SEND'), 'SEND OK\n'],
  ['W12', ok('ZSEND'), 'ZSEND OK\n'],
  ['W13', size('RECV', 0), 'RECV SIZE 0\n'],
  ['W13', size('RECV', 2 ** 31), 'RECV SIZE 2147483648\n'],
  ['W14', size('ZRECV', 117), 'ZRECV SIZE 117\n'],
  ['W15', size('LS', 12), 'LS SIZE 12\n'],
  ['W16', size('MV', 12), 'MV SIZE 12\n'],
])('%s the answer is %j', (_rule, reply, expected) => {
  expect(reply).toBe(expected);
});

test.each([
  ['W11', 'SEND', 'invalid file name', 'SEND ERR (invalid file name)\n'],
  ['W11', 'SEND', 'file is too big', 'SEND ERR (file is too big)\n'],
  ['W11', 'SEND', 'file already exists', 'SEND ERR (file already exists)\n'],
  ['W11', 'SEND', 'not enough space', 'SEND ERR (not enough space)\n'],
  ['W11', 'SEND', 'cannot store file', 'SEND ERR (cannot store file)\n'],
  ['W11', 'SEND', 'not permitted', 'SEND ERR (invalid file name)\n'],
  ['W11', 'SEND', 'too many files', 'SEND ERR (not enough space)\n'],
  ['W12', 'ZSEND', 'does not unpack', 'ZSEND ERR\n'],
  ['W12', 'ZSEND', 'file already exists', 'ZSEND ERR (file already exists)\n'],
  ['W13', 'RECV', 'invalid file name', 'RECV ERR (file has an invalid file name)\n'],
  ['W13', 'RECV', 'file does not exist', 'RECV ERR (file does not exist)\n'],
  ['W14', 'ZRECV', 'invalid file name', 'ZRECV ERR (file has an invalid file name)\n'],
  ['W14', 'ZRECV', 'file does not exist', 'ZRECV ERR (file does not exist)\n'],
  ['W13', 'RECV', 'not permitted', 'RECV ERR (file has an invalid file name)\n'],
  ['W15', 'LS', 'not permitted', 'LS ERR\n'],
  ['W16', 'MV', 'not permitted', 'MV ERR\n'],
  ['W15', 'LS', 'cannot list', 'LS ERR\n'],
  ['W15', 'LS', 'invalid file name', 'LS ERR\n'],
  ['W16', 'MV', 'file does not exist', 'MV ERR\n'],
  ['W16', 'MV', 'invalid file name', 'MV ERR\n'],
] satisfies [string, Parameters<typeof refusal>[0], RefusalReason, string][])(
  '%s %s: %s',
  (_rule, kind, reason, expected) => {
    expect(refusal(kind, reason)).toBe(expected);
  },
);
