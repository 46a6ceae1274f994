/** C5: an agent's configuration gives the words that the agent would give to the client. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseAgentConf } from '../../../src/settings/agent-conf.ts';

function primary(...lines: readonly string[]): readonly string[] {
  return parseAgentConf(lines.join('\n')).primary.words;
}

function secondary(...lines: readonly string[]): ReturnType<typeof parseAgentConf>['secondary'] {
  return parseAgentConf(['server_ip 10.0.0.1', ...lines].join('\n')).secondary;
}

const START = ['-a', '10.0.0.1', '-p', '41121'];

describe('C5 the first server', () => {
  test.each<[string, string[], string[]]>([
    ['an address alone', [], START],
    ['a port', ['server_port 41122'], ['-a', '10.0.0.1', '-p', '41122']],
    ['a password, which is one word', ['server_pwd  my secret '], [...START, '-x', 'my secret']],
    ['TLS by 1', ['server_ssl 1'], [...START, '-c']],
    ['TLS by yes', ['server_ssl yes'], [...START, '-c']],
    ['no TLS by 0', ['server_ssl 0'], START],
    ['no TLS by no', ['server_ssl no'], START],
    ['options', ['server_opts -e /cert -vx "a b"'], [...START, '-e', '/cert', '-vx', 'a b']],
    [
      'password and TLS in front of the options',
      ['server_opts -v', 'server_ssl 1', 'server_pwd x'],
      [...START, '-x', 'x', '-c', '-v'],
    ],
    ['the last of two', ['server_port 1', 'server_port 2'], ['-a', '10.0.0.1', '-p', '2']],
    ['no comments', ['# server_port 1', '#server_port 2', ' # server_ssl 1'], START],
    ['no tokens without a value', ['server_port', 'server_pwd ', 'server_opts\t'], START],
    ['no token of a longer name', ['server_port_x 1', 'my_server_ssl 1'], START],
  ])('%s', (_, lines, words) => {
    expect(primary('server_ip 10.0.0.1', ...lines)).toEqual(words);
  });

  test('lines may end in CRLF and begin with blanks', () => {
    expect(primary('\t server_ip\t10.0.0.1\r', 'server_pwd x\r', '')).toEqual([...START, '-x', 'x']);
  });

  test('text is bytes', () => {
    // Many a UTF-8 letter, such as \xe0, ends in 0xA0, which is no blank.
    expect(primary('server_ip 10.0.0.1', 'server_pwd voil\xc3\xa0')).toEqual([
      ...START,
      '-x',
      'voil\xc3\xa0',
    ]);
    expect(primary('server_ip 10.0.0.1', 'server_opts -x \xc3\xa0b -v')).toEqual([
      ...START,
      '-x',
      '\xc3\xa0b',
      '-v',
    ]);
  });

  test.each(['', '#server_ip 10.0.0.1', 'server_ip'])(
    "without a server, the agent's default: %j",
    (content) => {
      expect(parseAgentConf(content).primary.words).toEqual(['-a', 'localhost', '-p', '41121']);
    },
  );

  test('a token that is emptied later is empty', () => {
    expect(primary('server_ip 10.0.0.1', 'server_pwd secret', 'server_pwd')).toEqual(START);
  });

  test('TLS by Yes is none: the agent compares letter by letter', () => {
    expect(primary('server_ip 10.0.0.1', 'server_ssl Yes')).toEqual(START);
  });

  test('a satellite_server.conf has the same tokens among its own', () => {
    const satellite = ['server_name sat', 'server_ip 10.0.0.1', 'server_opts -x s', 'transfer_mode tentacle'];
    expect(primary(...satellite)).toEqual([...START, '-x', 's']);
  });

  test.each([
    ['-x p\\\\w', ['-x', 'p\\w']],
    ['-x p\\ w', ['-x', 'p w']],
    [`-x 'a b'"c d"`, ['-x', 'a bc d']],
    [`-x '$HOME;'`, ['-x', '$HOME;']],
    ['-x "a\\"b\\c"', ['-x', 'a"b\\c']],
    ['-x a#b~', ['-x', 'a#b~']],
    [`-x ''`, ['-x', '']],
  ])('server_opts %j is split as the shell of the agent does', (options, words) => {
    expect(primary('server_ip 10.0.0.1', `server_opts ${options}`)).toEqual([...START, ...words]);
  });

  test.each(['-x p$UNSET', '-x "`id`"', '-v; id', '-v #x', '-x a*b', '-v > /tmp/x', '-v & true'])(
    'server_opts %j is refused: the shell would make something else of it',
    (options) => {
      expect(() => primary(`server_opts ${options}`)).toThrow(
        /server_opts: the agent's shell would interpret/,
      );
    },
  );

  test("a password that ends the agent's quotes is refused", () => {
    expect(() => primary("server_pwd it's")).toThrow("server_pwd holds a '");
  });

  test('an agent that does not use Tentacle is not proved', () => {
    expect(() => primary('transfer_mode local')).toThrow('does not use Tentacle');
    expect(secondary('secondary_mode always', 'secondary_transfer_mode ftp')).toBeUndefined();
  });

  test('options that cannot be split', () => {
    expect(() => primary('server_ip 10.0.0.1', `server_opts -x "secret`)).toThrow(SyntaxError);
  });
});

describe('C5 the second server', () => {
  const SECOND = ['secondary_server_ip 10.0.0.2', 'secondary_server_pwd y', 'secondary_server_opts -v'];

  test.each(['on_error', 'always'] as const)('is used %s', (mode) => {
    expect(secondary(`secondary_mode ${mode}`, 'server_pwd x', 'server_ssl 1', ...SECOND)).toEqual({
      mode,
      words: ['-a', '10.0.0.2', '-p', '41121', '-x', 'y', '-v'],
    });
  });

  test.each([[['secondary_mode never', ...SECOND]], [SECOND], [[]]])('is not used with %j', (lines) => {
    expect(secondary(...lines)).toBeUndefined();
  });
});

test('any text is parsed or refused with a SyntaxError that quotes none of it', () => {
  const line = fc.tuple(
    fc.constantFrom('server_ip', 'server_pwd', 'server_opts', 'server_ssl', 'secondary_mode', '#', ''),
    fc.string({ unit: 'binary-ascii', maxLength: 20 }).map((text) => `S3CRET${text}`),
  );
  fc.assert(
    fc.property(fc.array(line), (lines) => {
      const content = lines.map(([token, value]) => `${token} ${value}`).join('\n');
      try {
        parseAgentConf(content);
      } catch (error) {
        expect(error).toBeInstanceOf(SyntaxError);
        expect(String(error)).not.toContain('S3CRET');
      }
    }),
  );
});
