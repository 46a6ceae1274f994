/** C5: an agent's configuration gives the words that the agent would give to the client. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseAgentConf } from '../../../src/settings/agent-conf.ts';
import { splitExtOpts } from '../../../src/settings/ext-opts.ts';

function primary(...lines: readonly string[]): readonly string[] {
  return parseAgentConf(lines.join('\n'), splitExtOpts).primary.words;
}

function secondary(...lines: readonly string[]): ReturnType<typeof parseAgentConf>['secondary'] {
  return parseAgentConf(['server_ip 10.0.0.1', ...lines].join('\n'), splitExtOpts).secondary;
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

  test.each(['', '#server_ip 10.0.0.1', 'server_ip', 'secondary_server_ip 10.0.0.2'])(
    'without a server: %j',
    (content) => {
      expect(() => parseAgentConf(content, splitExtOpts)).toThrow('there is no server_ip in it');
    },
  );

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

  test.each([[['secondary_mode never', ...SECOND]], [SECOND], [['secondary_mode on_error']], [[]]])(
    'is not used with %j',
    (lines) => {
      expect(secondary(...lines)).toBeUndefined();
    },
  );
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
        parseAgentConf(content, splitExtOpts);
      } catch (error) {
        expect(error).toBeInstanceOf(SyntaxError);
        expect(String(error)).not.toContain('S3CRET');
      }
    }),
  );
});
