/** What the client refuses before it connects to anything: files, names and options that cannot work. */
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { runClient } from '../support/client-program.ts';
import { freePort } from '../support/program.ts';
import { testWith } from '../support/requires.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const NOBODY = 65_534;

describe('refused before anything is connected', () => {
  const FILES: Readonly<
    Record<string, { make: (path: string) => void; name?: string; says: RegExp; args?: string[] }>
  > = {
    missing: { make: () => undefined, says: /it does not exist/ },
    empty: {
      make: (path) => {
        writeFileSync(path, '');
      },
      says: /it is empty/,
    },
    directory: {
      make: (path) => {
        mkdirSync(path);
      },
      says: /it is a directory/,
    },
    FIFO: {
      make: (path) => {
        execFileSync('mkfifo', [path]);
      },
      says: /it is no regular file/,
    },
    'a name with ?': {
      make: (path) => {
        writeFileSync(path, 'x');
      },
      name: 'what?.data',
      says: /servers refuse names with "\?"/,
    },
    'a name with a line feed': {
      make: (path) => {
        writeFileSync(path, 'x');
      },
      name: 'a\nb',
      says: /servers refuse names with "\\n"/,
    },
    'two files for one --name': {
      make: () => undefined,
      says: /--name takes one file only/,
      args: ['--name', 'n', 'other'],
    },
    'a --name with /': {
      make: (path) => {
        writeFileSync(path, 'x');
      },
      says: /servers refuse names with "\/"/,
      args: ['--name', 'a/b'],
    },
  };
  test.each(Object.entries(FILES))('%s', async (_name, { make, name = 'a.data', says, args = [] }) => {
    const path = join(temporaryDirectory(), name);
    make(path);
    // Nothing listens there: a connection would be what is complained of.
    const { code, stderr } = await runClient(['-p', String(await freePort()), ...args, path]);
    expect(stderr).toMatch(/^\[err\] [^\n]+\n$/);
    expect(stderr).toMatch(says);
    expect(code).toBe(1);
  });

  testWith(['root'], 'a file that may not be read', async () => {
    const path = join(temporaryDirectory(), 'a.data');
    writeFileSync(path, 'x');
    chmodSync(path, 0o600);
    const { code, stderr } = await runClient(['-p', String(await freePort()), path], { uid: NOBODY });
    expect(stderr).toContain(`[err] Cannot read ${path}: permission denied`);
    expect(code).toBe(1);
  });

  test.each([
    ['standard input without a name', ['-'], /--name/],
    ['empty standard input', ['--name', 'a', '-'], /is empty/],
    ['no file at all', [], /no file given/],
    ['an unknown option', ['--bogus'], /unknown option --bogus/],
    ['an option without its value', ['-a'], /option -a needs a value/],
    ['two modes', ['-g', '--check'], /-g and --check cannot be used together/],
  ])('%s', async (_name, args, says) => {
    const { code, stderr } = await runClient(args, {
      env: { TENTACLE_EXT_OPTS: `-p ${String(await freePort())}` },
    });
    expect(stderr).toMatch(says);
    expect(stderr).toMatch(/^\[err\] /);
    expect(code).toBe(1);
  });
});
