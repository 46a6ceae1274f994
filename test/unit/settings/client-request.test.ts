/** What the client is asked to do, by its words, its environment and an agent's configuration. */
import { inspect } from 'node:util';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { describe as told } from '../../../src/settings/assignment.ts';
import {
  type ClientEnvironment,
  type ClientRequest,
  readClientRequest,
  withoutClientSecrets,
} from '../../../src/settings/client-request.ts';

function read(
  words: readonly string[],
  environment: ClientEnvironment = {},
  confs: Readonly<Record<string, string>> = {},
): ClientRequest {
  return readClientRequest(words, environment, (path) => {
    const content = confs[path];
    if (content === undefined) throw new Error('it does not exist');
    return content;
  });
}

function values(...given: Parameters<typeof read>): ClientRequest['targets'][number]['values'] {
  const { targets, problems } = read(...given);
  expect(problems).toEqual([]);
  const [target, ...others] = targets;
  if (target === undefined || others.length > 0) throw new Error('not one target');
  return target.values;
}

function problems(...given: Parameters<typeof read>): string[] {
  return read(...given).problems.map((problem) => `${problem.severity}: ${told(problem)}`);
}

function password(...given: Parameters<typeof read>): string | undefined {
  return values(...given)
    .password?.reveal()
    .toString('latin1');
}

describe('words', () => {
  test('the defaults are those of the reference', () => {
    expect(values(['f'])).toMatchObject({ address: '127.0.0.1', port: 41121, timeout: 1, retries: 3 });
  });

  test('C1 options in front, files behind', () => {
    const request = read(['-cva', 'host', '-p1', 'f', '-x', '--', 'g']);
    expect(request.operands).toEqual(['f', '-x', '--', 'g']);
    expect(request.targets[0]?.values).toMatchObject({ ssl: true, verbose: true, address: 'host', port: 1 });
  });

  test.each([
    [['-z'], '1'],
    [['-Z'], 'auto'],
    [['--compress'], '1'],
    [['--compress=auto'], 'auto'],
    [['--compress', 'auto'], 'auto'],
    [['-z', '-Z'], 'auto'],
    [[], '0'],
  ])('C1 compression: %j', (words, compress) => {
    expect(values([...words, 'f']).compress).toBe(compress);
  });

  test('a bare long switch takes no file for its value', () => {
    expect(read(['--compress', 'file']).operands).toEqual(['file']);
    expect(read(['--get', 'file']).operands).toEqual(['file']);
  });

  test('actions', () => {
    expect([...read(['-vh']).actions]).toEqual(['help']);
    expect([...read(['--version']).actions]).toEqual(['version']);
  });

  test.each([
    [['-p', 'x', 'f'], 'error: -p: port must be a whole number, not "x"'],
    [['-p0', 'f'], 'error: -p: port must be from 1 to 65535, not 0'],
    [['--compress=2', 'f'], 'error: --compress: compress must be 0 or 1 or auto, not "2"'],
    [['-d', 'f'], 'error: unknown option -d'],
    [['--adress', 'f'], 'error: unknown option --adress; did you mean --address?'],
    [['-a'], 'error: option -a needs a value'],
    [['-g', '--move', 'f'], 'error: -g and --move cannot be used together'],
    [['-k', '/key', 'f'], 'error: -k: a private key needs its certificate (-e)'],
    [['-c', '-e', '/cert', 'f'], 'error: -c: -c means no client certificate: leave out -c or -e'],
  ])('%j is told', (words, problem) => {
    expect(problems(words)).toEqual([problem]);
  });

  test('S3 -c with -f is fine: it verifies the server without a client certificate', () => {
    expect(values(['-c', '-f', '/ca', 'f'])).toMatchObject({ ssl: true, ssl_ca: '/ca' });
  });
});

describe('precedence', () => {
  const confs = { '/conf': 'server_ip conf\nserver_pwd conf\nserver_port 4\nserver_opts -t 4 -r 4' };
  const environment = { TENTACLE_EXT_OPTS: '-x ext -r 3', TENTACLE_PASSWORD: 'environment' };

  test('command line, TENTACLE_EXT_OPTS, configuration, TENTACLE_PASSWORD, default', () => {
    expect(password(['f'], { TENTACLE_PASSWORD: 'environment' })).toBe('environment');
    expect(password(['--conf', '/conf', 'f'], { TENTACLE_PASSWORD: 'environment' }, confs)).toBe('conf');
    expect(password(['--conf', '/conf', 'f'], environment, confs)).toBe('ext');
    expect(password(['--conf', '/conf', '-x', 'typed', 'f'], environment, confs)).toBe('typed');
    expect(values(['--conf', '/conf', '-p1', 'f'], environment, confs)).toMatchObject({
      address: 'conf',
      port: 1,
      timeout: 4,
      retries: 3,
    });
  });

  test('an empty value takes back what was given before', () => {
    expect(password(['-x', '', 'f'], environment)).toBeUndefined();
  });

  test('passwords are bytes: typed ones UTF-8, those of a configuration as they are', () => {
    expect(password(['-xpä', 'f'])).toBe('pÃ¤');
    expect(password(['f'], { TENTACLE_PASSWORD: 'pä' })).toBe('pÃ¤');
    const conf = { '/conf': 'server_ip h\nserver_pwd p\xe4' };
    expect(password(['--conf=/conf', 'f'], {}, conf)).toBe('p\xe4');
  });

  test('TENTACLE_EXT_OPTS that cannot be split', () => {
    expect(problems(['f'], { TENTACLE_EXT_OPTS: "-x 'secret" })).toEqual([
      "error: TENTACLE_EXT_OPTS: a ' is never closed",
    ]);
  });
});

describe('--conf', () => {
  const both = 'server_ip 10.0.0.1\nsecondary_server_ip 10.0.0.2\nsecondary_server_ssl 1\nsecondary_mode ';

  test.each(['on_error', 'always'] as const)('a second server, %s', (mode) => {
    const request = read(['--conf', '/c', 'f'], {}, { '/c': both + mode });
    expect(request.secondary).toBe(mode);
    expect(request.targets.map((target) => [target.values.address, target.values.ssl])).toEqual([
      ['10.0.0.1', false],
      ['10.0.0.2', true],
    ]);
  });

  test('an address given elsewhere is the only one', () => {
    const { targets } = read(['--conf', '/c', '-a', 'typed', 'f'], {}, { '/c': `${both}always` });
    expect(targets.map((target) => target.values.address)).toEqual(['typed']);
  });

  test('a missing file, and an agent without Tentacle', () => {
    expect(problems(['--conf', '/c', 'f'])).toEqual(['error: /c: it does not exist']);
    expect(problems(['--conf', '/c', 'f'], {}, { '/c': 'transfer_mode ftp' })).toEqual([
      'error: /c: transfer_mode is ftp: this agent does not use Tentacle',
    ]);
  });

  test('the guide forbids relative paths there', () => {
    const conf = { '/c': 'server_ip h\nserver_opts -e cert.pem -k /key' };
    expect(problems(['--conf', '/c', 'f'], {}, conf)).toEqual([
      'warning: /c -e: the path cert.pem is not absolute: the agent runs in another directory',
    ]);
    expect(problems(['-e', 'cert.pem', 'f'])).toEqual([]);
  });

  test('what the agent passes on is judged as the command line is', () => {
    const conf = { '/c': 'server_ip h\nserver_ssl 1\nserver_opts -e /cert --prot 1' };
    expect(problems(['--conf', '/c', 'f'], {}, conf)).toEqual([
      expect.stringMatching(/^error: (\/c: )?unknown option --prot/),
      'error: /c -c: -c means no client certificate: leave out -c or -e',
    ]);
  });
});

describe('secrets', () => {
  test.each([
    [
      ['-x', 'secret', '-vxsecret', 'f'],
      ['-x', '********', '-vx********', 'f'],
    ],
    [
      ['--password=secret', '--password', 'secret'],
      ['--password=********', '--password', '********'],
    ],
    [
      ['-yu:secret@proxy:1', '-p', '1'],
      ['-y********', '-p', '1'],
    ],
    [
      ['-a', '-x'],
      ['-a', '-x'],
    ],
  ])('%j is shown as %j', (words, shown) => {
    expect(withoutClientSecrets(words)).toEqual(shown);
  });

  test('no request shows a password, whatever else is wrong with it', () => {
    const word = fc.constantFrom(
      '-x',
      '-y',
      '-v',
      '-p',
      '-a',
      '--password',
      '--proxy',
      '-q',
      'f',
      '--',
      '-vx',
    );
    fc.assert(
      fc.property(fc.array(word, { maxLength: 6 }), (words) => {
        const request = read([...words, '-xS3CRET', '-y', 'S3CRET'], { TENTACLE_PASSWORD: 'S3CRET' });
        // Behind the first file, everything is a file.
        const shown = inspect({ ...request, operands: [] }, { depth: 10 });
        // An option that takes -xS3CRET for its value is not a password.
        if (!/^-[pa]$/.test(words.at(-1) ?? '')) expect(shown).not.toContain('S3CRET');
      }),
    );
  });
});
