/** Proves which lines are commands, and which are nothing. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseCommand } from '../../../src/protocol/commands.ts';

test.each([
  ['W10', 'PASS 0123abcd', { kind: 'PASS', digest: '0123abcd' }],
  ['W10', 'PASS ', { kind: 'PASS', digest: '' }],
  ['W11', 'SEND <a.data> SIZE 3', { kind: 'SEND', name: 'a.data', size: 3 }],
  ['W11', 'SEND <> SIZE 0', { kind: 'SEND', name: '', size: 0 }],
  ['W11', 'SEND <a> SIZE 1> SIZE 2', { kind: 'SEND', name: 'a> SIZE 1', size: 2 }],
  ['W12', 'ZSEND <a b.data> SIZE 10', { kind: 'ZSEND', name: 'a b.data', size: 10 }],
  ['W13', 'RECV <a.conf>', { kind: 'RECV', name: 'a.conf' }],
  ['W14', 'ZRECV <a.conf>', { kind: 'ZRECV', name: 'a.conf' }],
  ['W15', 'LS <a.conf>', { kind: 'LS', name: 'a.conf' }],
  ['W16', 'MV <../a>', { kind: 'MV', name: '../a' }],
  ['W17', 'QUIT', { kind: 'QUIT' }],
  ['W19', 'SEND <a> SIZE 0003', { kind: 'SEND', name: 'a', size: 3 }],
  ['W19', 'SEND <a> SIZE 99999999999999999999999', { kind: 'SEND', name: 'a', size: 1e23 }],
  ['W1', 'RECV <\xc3\xbc\xff>', { kind: 'RECV', name: '\xc3\xbc\xff' }],
  ['W1', 'RECV <a\r\0b>', { kind: 'RECV', name: 'a\r\0b' }],
])('%s %j is understood', (_rule, line, command) => {
  expect(parseCommand(line)).toEqual(command);
});

test('W19 a size of any number of digits stays comparable', () => {
  const command = parseCommand(`SEND <a> SIZE ${'9'.repeat(400)}`);
  expect(command).toMatchObject({ kind: 'SEND', size: Infinity });
});

test.each([
  ...[
    '',
    ' ',
    'quit',
    'QUIT ',
    'QUIT\r',
    ' QUIT',
    'QUIT now',
    'HELLO',
    'PASS',
    'pass 1',
    'SEND OK',
    'RECV OK',
  ],
  ...[
    'SEND <a>',
    'SEND <a> SIZE',
    'SEND <a> SIZE ',
    'SEND a SIZE 3',
    'SEND <a> SIZE 3\r',
    'SEND <a> SIZE 3 ',
  ],
  ...['SEND <a> SIZE -1', 'SEND <a> SIZE x', 'SEND <a> SIZE 1.5', 'SEND <a> SIZE +1', 'SEND <a> size 3'],
  ...['SEND  <a> SIZE 3', 'send <a> SIZE 3', 'SENDX <a> SIZE 3', 'XSEND <a> SIZE 3', 'SEND <a> SIZE \xb3'],
  ...['RECV', 'RECV ', 'RECV a', 'RECV <a', 'RECV <a> ', 'RECV <a>\r', 'LS', 'LS a', 'MV <a> SIZE 3x>y'],
])('W3 %j is no command', (line) => {
  expect(parseCommand(line)).toBeUndefined();
});

const latin1 = fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes).toString('latin1'));

test('W3 any byte string as a line is parsed or refused, and never throws', () => {
  fc.assert(
    fc.property(
      latin1,
      fc.constantFrom('', 'SEND <', 'RECV <', 'PASS ', 'QUIT', 'LS <', 'MV <'),
      (text, start) => {
        const command = parseCommand(start + text);
        if (command === undefined) return;
        // What was understood is what was written: nothing is lost and nothing invented.
        if (command.kind === 'PASS') expect(`PASS ${command.digest}`).toBe(start + text);
        else if (command.kind === 'QUIT') expect(start + text).toBe('QUIT');
        else expect((start + text).startsWith(`${command.kind} <${command.name}>`)).toBe(true);
      },
    ),
  );
});

test('W11 any name and size survive', () => {
  const kind = fc.constantFrom('SEND', 'ZSEND');
  fc.assert(
    fc.property(kind, latin1, fc.maxSafeNat(), (kind, name, size) => {
      expect(parseCommand(`${kind} <${name}> SIZE ${String(size)}`)).toEqual({ kind, name, size });
    }),
  );
});
