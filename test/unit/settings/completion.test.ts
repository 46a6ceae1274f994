/** Completion, by the real bash. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { CLIENT_ACTIONS, CLIENT_OPTIONS } from '../../../src/settings/client-options.ts';
import { bashCompletion } from '../../../src/settings/completion.ts';
import { longFlag, type OptionRow } from '../../../src/settings/option-row.ts';
import { ACTIONS, OPTIONS } from '../../../src/settings/options.ts';
import { testWith } from '../../support/requires.ts';
import { temporaryDirectory } from '../../support/temporary.ts';

const SCRIPTS = {
  tentacle_server: bashCompletion('tentacle_server', [...OPTIONS, ...ACTIONS], 'none'),
  tentacle_client: bashCompletion('tentacle_client', [...CLIENT_OPTIONS, ...CLIENT_ACTIONS], 'files'),
};
type Program = keyof typeof SCRIPTS;

/** A directory with a file, one with blanks in its name, and a directory. */
function directory(): string {
  const path = temporaryDirectory();
  for (const name of ['server.pem', 'server key.pem', 'other']) writeFileSync(join(path, name), '');
  mkdirSync(join(path, 'serves'));
  return path;
}

/** What bash offers for the last of these words, in a directory such as the above. */
function offered(program: Program, ...words: readonly string[]): string[] {
  const script = `${SCRIPTS[program]}
    COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
    _${program}
    printf '%s\\n' "\${COMPREPLY[@]}"`;
  const output = execFileSync('bash', ['--norc', '-uc', script, 'bash', program, ...words], {
    encoding: 'utf8',
    cwd: directory(),
  });
  return output
    .split('\n')
    .filter((line) => line !== '')
    .sort();
}

describe('bash completes', () => {
  testWith(['bash'], 'every option', () => {
    const long = (rows: readonly OptionRow[], actions: readonly { name: string }[]): string[] =>
      [
        ...rows.flatMap(({ token, words = [] }) => [longFlag(token), ...words]),
        ...actions.map(({ name }) => name),
      ]
        .map((name) => `--${name}`)
        .sort();
    expect(offered('tentacle_server', '--')).toEqual(long(OPTIONS, ACTIONS));
    expect(offered('tentacle_client', '--')).toEqual(long(CLIENT_OPTIONS, CLIENT_ACTIONS));
    expect(offered('tentacle_server', '--log-f')).toEqual(['--log-file', '--log-format', '--log-frequency']);
    expect(offered('tentacle_server', '-')).toContain('-V');
  });

  testWith(['bash'], 'files and directories where an option names one', () => {
    const files = ['server key.pem', 'server.pem', 'serves'];
    for (const flag of ['-F', '--config-file', '-e', '--ssl-key', '-l']) {
      expect(offered('tentacle_server', '-v', flag, 'serv')).toEqual(files);
    }
    expect(offered('tentacle_server', '-s', '')).toEqual(['serves']);
    expect(offered('tentacle_client', '--conf', 'serv')).toEqual(files);
  });

  testWith(['bash'], 'a value behind =', () => {
    expect(offered('tentacle_server', '--log-format', '=')).toEqual(['json', 'text']);
    expect(offered('tentacle_server', '--log-format', '=', 'j')).toEqual(['json']);
    expect(offered('tentacle_server', '--log-frequency', '')).toEqual(['daily', 'hourly', 'off']);
  });

  testWith(['bash'], 'nothing where only a person knows', () => {
    for (const flag of ['-p', '--password', '-x', '--verbose'])
      expect(offered('tentacle_server', flag, '')).toEqual([]);
    expect(offered('tentacle_server', '')).toEqual([]);
  });

  testWith(['bash'], 'behind a switch as if it were not there', () => {
    expect(offered('tentacle_client', '-v', 'oth')).toEqual(['other']);
    expect(offered('tentacle_client', '-z', 'oth')).toEqual(['other']);
    expect(offered('tentacle_server', '-V', '--wo')).toEqual(['--workers']);
  });
});

/** At a terminal: types a line, and waits until what the program would be given is shown. */
const TYPIST = `
import os, pty, sys
pid, terminal = pty.fork()
if pid == 0:
    os.execvp('bash', ['bash', '--norc', '-i'])
seen = b''
def until(text):
    global seen
    while text not in seen:
        seen += os.read(terminal, 4096)
os.write(terminal, b"PS1='rea''dy '; source ./completion; tentacle_server() { printf '<%s>' \\"$@\\" end; }\\n")
until(b'ready ')
os.write(terminal, sys.argv[1].encode())
until(b'<end>')
os.write(terminal, b'exit\\n')
os.waitpid(pid, 0)
print(seen.decode().rpartition('\\n<')[2])
`;

testWith(['bash', 'python3'], 'at a terminal, with the key for it', () => {
  const cwd = directory();
  writeFileSync(join(cwd, 'completion'), SCRIPTS.tentacle_server);
  const typed = 'tentacle_server --config-f\toth\t --ssl-k\tserver\\ k\t --log-format=js\t-s serv\t\n';
  const output = execFileSync('python3', ['-c', TYPIST, typed], { cwd, encoding: 'utf8', timeout: 30_000 });
  expect(output).toContain(
    '--config-file><other><--ssl-key><server key.pem><--log-format=json><-s><serves/>',
  );
});
