/** What the settings name is read and examined; trouble is told, never thrown. */
import { chmodSync, existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { bytesOf, type Problem } from '../../../src/settings/assignment.ts';
import {
  type AskPassphrase,
  judgeLogFile,
  judgeSecrecy,
  judgeSpool,
  read,
  readMaterial,
} from '../../../src/settings/files.ts';
import { parseFilters } from '../../../src/settings/filters.ts';
import { mergeAssignments } from '../../../src/settings/merge.ts';
import { OPTIONS, type Token } from '../../../src/settings/options.ts';
import { CertificateAuthority } from '../../support/certificates.ts';
import { isRoot } from '../../support/requires.ts';
import { temporaryDirectory, temporarySpool } from '../../support/temporary.ts';

const NOBODY = 65_534;
const unasked: AskPassphrase = () => Promise.reject(new Error('nobody was to be asked'));

function merged(tokens: Partial<Record<Token, string>>): ReturnType<typeof mergeAssignments> {
  return mergeAssignments(
    OPTIONS,
    Object.entries(tokens).map(([token, value]) => ({
      token: token as Token,
      value: bytesOf(value),
      source: `f ${token}`,
      typed: false,
    })),
  );
}

function told(problems: readonly Problem[]): string[] {
  return problems.map(({ severity, source, text }) => `${severity} ${source}: ${text}`);
}

/** A new file, readable by its owner alone unless told otherwise. */
function file(content: string, mode = 0o600): string {
  const path = join(temporaryDirectory(), 'file');
  writeFileSync(path, content);
  chmodSync(path, mode);
  return path;
}

/** Runs something with the rights of an ordinary user. */
async function asOrdinaryUser<T>(run: () => Promise<T>): Promise<T> {
  if (!isRoot) return run();
  process.seteuid?.(NOBODY);
  try {
    return await run();
  } finally {
    process.seteuid?.(0);
  }
}

describe('reading', () => {
  test('gives the bytes', async () => {
    expect(await read(file('a\xff'))).toEqual({ bytes: Buffer.from('a\xff') });
  });

  test.each([
    ['a missing file', '/nonexistent/file', 'it does not exist', true],
    ['a directory', '/', 'it is a directory', false],
    ['a file as directory', '/etc/passwd/x', 'it is not a directory', false],
  ])('%s', async (_what, path, reason, absent) => {
    expect(await read(path)).toEqual({ reason, missing: absent });
  });

  test('a path with NUL, which no system takes', async () => {
    expect(await read('/a\0b')).toHaveProperty('reason');
  });

  test('a file that is forbidden', async () => {
    const path = file('x', 0o000);
    const result = await asOrdinaryUser(() => read(path));
    const user = isRoot ? 'nobody' : userInfo().username;
    expect(result).toEqual({ reason: `permission denied for user ${user}`, missing: false });
  });
});

describe('a file with a secret', () => {
  test.each([0o644, 0o604, 0o666])('of mode %o is warned about', async (mode) => {
    const path = file('x', mode);
    expect(told(await judgeSecrecy(path, 'a password', 'S'))).toEqual([
      `warning S: every user can read this file, which holds a password: chmod o-r ${path}`,
    ]);
  });

  test.each([0o600, 0o640, 0o660])('of mode %o is not', async (mode) => {
    expect(await judgeSecrecy(file('x', mode), 'a password', 'S')).toEqual([]);
  });
});

describe('material', () => {
  test.each([
    ...(['ssl_cert', 'ssl_key', 'ssl_ca', 'password_file', 'ssl_password_file'] as const),
    ...(['proxy_ssl_cert', 'proxy_ssl_key', 'proxy_ssl_ca', 'proxy_password_file'] as const),
  ])('%s that cannot be read is told', async (token) => {
    const { problems } = await readMaterial(merged({ [token]: '/nonexistent/é' }), unasked);
    expect(told(problems)).toEqual([
      `error f ${token}: ${token}: cannot read /nonexistent/é: it does not exist`,
    ]);
  });

  test('all that cannot be read is told at once', async () => {
    const { problems } = await readMaterial(
      merged({ ssl_cert: '/none', ssl_key: '/none', ssl_ca: '/none' }),
      unasked,
    );
    expect(problems).toHaveLength(3);
  });

  test.each([
    ['secret', 'secret'],
    ['secret\n', 'secret'],
    ['secret\r\nmore\n', 'secret\nmore'],
    ['\n\nsecret\n\n', 'secret'],
    [' se#cret \n', ' se#cret '],
  ])('password_file %j', async (content, password) => {
    const { material, problems } = await readMaterial(merged({ password_file: file(content) }), unasked);
    expect(material.password?.reveal().toString()).toBe(password);
    expect(problems).toEqual([]);
  });

  test.each(['', '\n', '\r\n'])('password_file %j has no password', async (content) => {
    const { material, problems } = await readMaterial(merged({ password_file: file(content) }), unasked);
    expect(material.password).toBeUndefined();
    expect(told(problems)).toEqual([expect.stringMatching(/^error f password_file: .* holds no password$/)]);
  });

  test('password_file wins over password, with a warning', async () => {
    const { material, problems } = await readMaterial(
      merged({ password_file: file('a'), password: 'b' }),
      unasked,
    );
    expect(material.password?.reveal().toString()).toBe('a');
    expect(told(problems)).toEqual(['warning f password: password is not used: password_file is set']);
  });

  test('each file is read for its own token', async () => {
    const tokens = [
      ...(['ssl_cert', 'ssl_key', 'ssl_ca', 'password_file', 'ssl_password_file'] as const),
      ...(['proxy_ssl_cert', 'proxy_ssl_key', 'proxy_ssl_ca', 'proxy_password_file'] as const),
    ];
    const given = Object.fromEntries(tokens.map((token) => [token, file(`of ${token}`)]));
    const { material, problems } = await readMaterial(merged(given), unasked);
    expect(problems).toEqual([]);
    const { cert, key, ca, password, passphrase, ...proxy } = material;
    const parts = [cert, key, ca, password?.reveal(), passphrase?.reveal()];
    const { proxyCert, proxyKey, proxyCa, proxyPassword } = proxy;
    const proxyParts = [proxyCert, proxyKey, proxyCa, proxyPassword?.reveal()];
    expect([...parts, ...proxyParts].map(String)).toEqual(tokens.map((token) => `of ${token}`));
  });

  test('proxy_password, and proxy_password_file that wins over it with a warning', async () => {
    const alone = await readMaterial(merged({ proxy_password: 'b' }), unasked);
    expect(alone.material.proxyPassword?.reveal().toString()).toBe('b');
    // It is what the proxy gives, not what its clients must give.
    expect(alone.material.password).toBeUndefined();
    const both = await readMaterial(
      merged({ proxy_password_file: file('a\n'), proxy_password: 'b', password: 'c' }),
      unasked,
    );
    expect(both.material.proxyPassword?.reveal().toString()).toBe('a');
    expect(both.material.password?.reveal().toString()).toBe('c');
    expect(told(both.problems)).toEqual([
      'warning f proxy_password: proxy_password is not used: proxy_password_file is set',
    ]);
  });

  test('a proxy_password_file that is empty, or that others can read, is told', async () => {
    const empty = await readMaterial(merged({ proxy_password_file: file('\nx') }), unasked);
    expect(told(empty.problems)).toEqual([
      expect.stringMatching(/^error f proxy_password_file: .*the first line of .* is empty$/),
    ]);
    const open = await readMaterial(merged({ proxy_password_file: file('a', 0o644) }), unasked);
    expect(open.problems).toMatchObject([{ severity: 'warning', source: 'f proxy_password_file' }]);
  });

  test('a password file that others can read is warned about', async () => {
    const { problems } = await readMaterial(merged({ password_file: file('a', 0o644) }), unasked);
    expect(problems).toMatchObject([{ severity: 'warning', source: 'f password_file' }]);
  });
});

describe('S8 ssl_password', () => {
  function issued(passphrase?: string): Partial<Record<Token, string>> {
    const { cert, key } = new CertificateAuthority().issue(
      'server',
      passphrase === undefined ? {} : { passphrase },
    );
    return { ssl_cert: cert, ssl_key: key, ssl_password: '1' };
  }

  test('asks for the passphrase of the key', async () => {
    const tokens = issued('right');
    const asked: string[] = [];
    const { material, problems } = await readMaterial(merged(tokens), (path) => {
      asked.push(path);
      return Promise.resolve('schlüssel');
    });
    expect(asked).toEqual([tokens.ssl_key]);
    expect(material.passphrase?.reveal().toString()).toBe('schlüssel');
    expect(problems).toEqual([]);
  });

  test('where nobody can be asked is an error that says what to do', async () => {
    const { problems } = await readMaterial(merged(issued('right')), () => Promise.resolve(undefined));
    expect(told(problems)).toEqual([
      'error f ssl_password: ssl_password: no terminal to ask for the passphrase; use ssl_password_file',
    ]);
  });

  test('asks nobody when the key is open', async () => {
    expect((await readMaterial(merged(issued()), unasked)).problems).toEqual([]);
  });

  test('asks nobody when ssl_password_file says it', async () => {
    const tokens = { ...issued('right'), ssl_password_file: file('right\n') };
    const { material, problems } = await readMaterial(merged(tokens), unasked);
    expect(material.passphrase?.reveal().toString()).toBe('right');
    expect(problems).toEqual([]);
  });
});

describe('the spool', () => {
  const judge = async (directory: string, filters = ''): Promise<string[]> => {
    const spool = {
      directory,
      filters: parseFilters(bytesOf(filters), '').filters,
      overwrite: false,
      fsync: true,
      minFreeSpace: 0,
      maxFiles: 0,
    };
    return told(await judgeSpool(spool, merged({ directory, filters })));
  };

  test('that is there with all its directories is good', async () => {
    expect(await judge(temporarySpool('conf', 'été'), 'a:conf;b:été')).toEqual([]);
  });

  test.each([
    ['/nonexistent', 'does not exist: create it'],
    ['/etc/passwd', 'is not a directory'],
  ])('%s is an error', async (directory, about) => {
    expect(await judge(directory)).toEqual([`error f directory: directory ${directory} ${about}`]);
  });

  test('a missing filter directory is a warning, once', async () => {
    const spool = temporarySpool('conf');
    expect(await judge(spool, 'a:conf;b:md5;c:md5;d:.')).toEqual([
      `warning f filters: filter directory ${spool}/md5 does not exist: create it; until then its files are refused`,
    ]);
  });

  test('a filter directory that is a file is a warning', async () => {
    const spool = temporarySpool();
    writeFileSync(join(spool, 'conf'), '');
    expect(await judge(spool, 'a:conf')).toEqual([
      expect.stringMatching(/^warning .*conf is not a directory; until then its files are refused$/),
    ]);
  });
});

describe('the log file', () => {
  test('need not be there, is not made, and keeps what it holds', async () => {
    const path = join(temporaryDirectory(), 'log');
    expect(await judgeLogFile(path, 'S')).toEqual([]);
    expect(existsSync(path)).toBe(false);
    writeFileSync(path, 'old');
    expect(await judgeLogFile(path, 'S')).toEqual([]);
    expect(statSync(path).size).toBe(3);
  });

  test('that is a directory is an error', async () => {
    const path = join(temporaryDirectory(), 'log');
    mkdirSync(path);
    expect(told(await judgeLogFile(path, 'S'))).toEqual([
      `error S: log_file ${path} cannot be written: it is a directory`,
    ]);
  });

  test('whose directory is missing is an error', async () => {
    expect(told(await judgeLogFile('/nonexistent/log', 'S'))).toEqual([
      'error S: log_file /nonexistent/log cannot be written: its directory /nonexistent does not exist',
    ]);
  });

  test('/dev/null, as the reference ships it, is good', async () => {
    expect(await judgeLogFile('/dev/null', 'S')).toEqual([]);
  });
});
