/** Names and command lines of hostile clients, and what they plant in the spool. */
import { execFileSync } from 'node:child_process';
import { lstatSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect } from 'vitest';
import { lockName, stagedName } from '../../../src/store/owner.ts';
import { answer, CLOSED, filesIn, logged, PASSWORD, type Row, type Target } from './target.ts';

/** Tries a name with every command that takes one: refused, or taken for the name of a file in the spool. */
async function tryName(target: Target, name: string): Promise<void> {
  for (const command of ['RECV', 'ZRECV', 'MV', 'LS']) {
    expect(await answer(target, `${command} <${name}>\n`)).toMatch(
      /^(Z?RECV ERR \(.*\)|MV ERR|LS (ERR|SIZE \d+))\n$|^closed$/,
    );
  }
  const dialogue = await target.open();
  const first = await dialogue.ask(`SEND <${name}> SIZE 4\n`).catch(() => CLOSED);
  if (first !== 'SEND OK\n') {
    expect(['SEND ERR (invalid file name)\n', 'SEND ERR (file already exists)\n', CLOSED]).toContain(first);
    return;
  }
  expect(await dialogue.ask('evil')).toBe('SEND OK\n');
  expect(filesIn(target.spool)).toContain(name);
}

export const NAMES: readonly Row[] = [
  {
    row: 'path traversal in every encoding',
    outcome:
      'refused, or taken for the name of a file in the spool: `%2e`, UTF-8 of other lengths and the like mean nothing',
    attack: async (target) => {
      const ups = [
        '..',
        '%2e%2e',
        '%252e%252e',
        '\\x2e\\x2e',
        '\xc0\xae\xc0\xae',
        '\xe0\x80\xae\xe0\x80\xae',
      ];
      const slashes = [
        '/',
        '\\',
        '%2f',
        '%5c',
        '%252f',
        '\xc0\xaf',
        '\xe0\x80\xaf',
        '\xef\xbc\x8f',
        '%u2215',
        ';/',
      ];
      const names = ups.flatMap((up) => slashes.map((slash) => `${up}${slash}secret`));
      const others = [
        '..',
        '.',
        '....//secret',
        'conf/../../secret',
        './../secret',
        '..\0/secret',
        '../secret\0.data',
      ];
      for (const name of [...names, ...others]) await tryName(target, name);
    },
  },
  {
    row: 'absolute paths',
    outcome: 'refused: no name holds a `/`',
    attack: async (target) => {
      const { outside } = target;
      const names = [
        outside,
        `/${outside}`,
        '/etc/passwd',
        '//etc/passwd',
        'C:\\boot.ini',
        '\\\\host\\share\\x',
      ];
      for (const name of [...names, `file://${outside}`, '~/x', '~root/x']) await tryName(target, name);
      expect(filesIn(target.spool)).toEqual([]);
    },
  },
  {
    row: 'symlinks planted in the spool',
    outcome: 'not there for `RECV`, `MV` and `LS`; `overwrite` replaces the link, never what it leads to',
    tokens: { overwrite: '1' },
    attack: async (target) => {
      const { spool, outside } = target;
      symlinkSync(outside, join(spool, 'file.1.data'));
      symlinkSync(outside, join(spool, 'conf', 'a.conf'));
      symlinkSync(dirname(outside), join(spool, 'directory'));
      symlinkSync('nowhere', join(spool, 'dangling'));
      for (const name of ['file.1.data', 'a.conf', 'directory', 'dangling', 'directory/secret']) {
        for (const command of ['RECV', 'ZRECV', 'MV']) {
          expect(await answer(target, `${command} <${name}>\n`)).toMatch(/ ERR/);
        }
      }
      const listing = await target.open();
      expect(await listing.ask('LS <x>\n')).toBe('LS SIZE 0\n');
      // With overwrite the link is replaced; what it leads to is not written.
      for (const name of ['file.1.data', 'a.conf', 'dangling', 'directory']) {
        const dialogue = await target.open();
        expect(await dialogue.ask(`SEND <${name}> SIZE 4\n`)).toBe('SEND OK\n');
        expect(await dialogue.ask('evil')).toBe('SEND OK\n');
      }
      for (const name of ['file.1.data', 'conf/a.conf', 'dangling', 'directory']) {
        expect(lstatSync(join(spool, name)).isFile()).toBe(true);
      }
    },
  },
  {
    row: 'FIFO and device',
    outcome: 'not there, and nobody waits for them',
    needs: ['root', 'mkfifo', 'mknod'],
    attack: async (target) => {
      const path = (name: string): string => join(target.spool, name);
      execFileSync('mkfifo', [path('fifo.1.data')]);
      execFileSync('mknod', [path('device.1.data'), 'c', '1', '5']);
      for (const name of ['fifo.1.data', 'device.1.data']) {
        expect(await answer(target, `RECV <${name}>\n`)).toBe('RECV ERR (file does not exist)\n');
        expect(await answer(target, `ZRECV <${name}>\n`)).toBe('ZRECV ERR (file does not exist)\n');
        expect(await answer(target, `MV <${name}>\n`)).toBe('MV ERR\n');
        expect(await answer(target, `SEND <${name}> SIZE 4\n`)).toBe('SEND ERR (file already exists)\n');
      }
      expect(await answer(target, 'LS <x>\n')).toBe('LS SIZE 0\n');
    },
  },
  {
    row: 'names that look like staged files',
    outcome: 'refused: no name begins with a dot',
    attack: async (target) => {
      const sending = await target.open();
      expect(await sending.ask('SEND <a.1.data> SIZE 8\n')).toBe('SEND OK\n');
      sending.send('half');
      await expect.poll(() => filesIn(target.spool)).toHaveLength(1);
      const [staged = ''] = filesIn(target.spool);
      expect(staged).toMatch(/^\./);
      const names = [staged, stagedName(), lockName('a.1.data'), '.a.1.data', '.nfs0001', '.tentacle.'];
      for (const name of names) {
        expect(await answer(target, `SEND <${name}> SIZE 4\n`)).toBe('SEND ERR (invalid file name)\n');
        expect(await answer(target, `RECV <${name}>\n`)).toBe('RECV ERR (file has an invalid file name)\n');
        expect(await answer(target, `MV <${name}>\n`)).toBe('MV ERR\n');
      }
      expect(await answer(target, 'LS <x>\n')).toBe('LS SIZE 0\n');
      expect(await sending.ask('half')).toBe('SEND OK\n');
      expect(filesIn(target.spool)).toEqual(['a.1.data']);
    },
  },
  {
    row: 'log injection (newline, ANSI escape)',
    outcome: 'one line each; control characters and those that turn the direction of text are escaped',
    attack: async (target) => {
      const forged = '2026-01-01 00:00:00 [log]Received file';
      const tricks = [
        '\r',
        '\x1b[2K',
        '\x1b[1A',
        '\x1b]0;title\x07',
        '\x9b31m',
        '\b\b',
        '\xe2\x80\xae',
        '\xe2\x80\xa8',
      ];
      for (const trick of tricks) {
        await answer(target, `RECV <a${trick}${forged}>\n`);
        await answer(target, `SEND <a${trick}${forged}> SIZE 3\n`);
        expect(await answer(target, `${trick}${forged}\n`)).toBe(CLOSED);
      }
      expect(await answer(target, `RECV <a\n${forged}>\n`)).toBe(CLOSED);
      await logged(target, /Unknown command '\\x1b\[2K2026/);
      expect(target.log.filter((line) => line.includes('\\x1b'))).not.toEqual([]);
    },
  },
  {
    row: 'shell metacharacters',
    outcome: 'characters like others: there is no shell',
    attack: async (target) => {
      const wraps = [
        '`X`',
        '$(X)',
        '|X',
        'X|',
        'X|X',
        '&& X',
        '"X"',
        '${IFS}X',
        '-X',
        '--X',
        '!X',
        '#X',
        '{X}',
      ];
      for (const wrap of wraps) await tryName(target, wrap.replaceAll('X', 'touch pwned'));
      for (const name of ['%n%s%p', '-rf', '--', '$HOME', '`', '"', '&', '|']) await tryName(target, name);
      expect(readdirSync('.')).not.toContain('pwned');
      expect(filesIn(target.spool)).toContain('`touch pwned`');
    },
  },
  {
    row: 'NUL bytes',
    outcome:
      'a line with one is no command, and a name with one is refused; in a file they are bytes like others',
    attack: async (target) => {
      for (const line of [
        '\0\0\0\n',
        'SEND\0<a> SIZE 3\n',
        'SEND <a> SIZE 3\0\n',
        'QUIT\0\n',
        '\0QUIT\n',
        '\0'.repeat(9000),
      ]) {
        expect(await answer(target, line)).toBe(CLOSED);
      }
      expect(await answer(target, 'SEND <a\0.data> SIZE 3\n')).toBe('SEND ERR (invalid file name)\n');
      expect(await answer(target, 'RECV <a\0>\n')).toBe('RECV ERR (file has an invalid file name)\n');
      // In a file they are bytes like others.
      const dialogue = await target.open();
      expect(await dialogue.ask('SEND <nul.1.data> SIZE 4\n')).toBe('SEND OK\n');
      expect(await dialogue.ask('\0\n\0\0')).toBe('SEND OK\n');
      expect(readFileSync(join(target.spool, 'nul.1.data'), 'latin1')).toBe('\0\n\0\0');
    },
  },
  {
    row: '1 MB command line',
    outcome: 'closed after 8192 bytes (`block_size`)',
    tokens: { password: PASSWORD },
    attack: async (target) => {
      const megabyte = 'a'.repeat(1024 * 1024);
      for (const line of [`SEND <${megabyte}> SIZE 3\n`, `${megabyte}\n`, megabyte]) {
        expect(await answer(target, line)).toBe(CLOSED);
      }
      const unknown = await target.open();
      expect(await unknown.ask(`PASS ${megabyte}\n`).catch(() => CLOSED)).toBe(CLOSED);
      await logged(target, /a line of over 8192 bytes/);
    },
  },
];
