/** The pid file, with real processes as holders, racing starts and closed directories. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { PidFile } from '../../../src/process/pid-file.ts';
import { compiled } from '../../support/compiled.ts';
import { testWith } from '../../support/requires.ts';
import { temporaryDirectory } from '../../support/temporary.ts';

const OURS = `${String(process.pid)}\n`;

function pidFile(content?: string): string {
  const path = join(temporaryDirectory(), 'tentacle.pid');
  if (content !== undefined) writeFileSync(path, content);
  return path;
}

/** A process that runs a script of that name, until the test is over. */
async function running(name: string, ...words: readonly string[]): Promise<ChildProcess> {
  const script = join(temporaryDirectory(), name);
  writeFileSync(script, 'console.log("up"); setInterval(() => undefined, 1000);');
  const child = spawn(process.execPath, [script, ...words], { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  await once(child.stdout, 'data');
  return child;
}

test('it holds the pid and a line end, is readable by everybody and leaves nothing beside it', () => {
  const path = pidFile();
  const umask = process.umask(0o077);
  onTestFinished(() => {
    process.umask(umask);
  });
  PidFile.write(path);
  expect(readFileSync(path, 'utf8')).toBe(OURS);
  expect(statSync(path).mode & 0o777).toBe(0o644);
  expect(readdirSync(dirname(path))).toEqual(['tentacle.pid']);
});

test('it is removed while it is ours', () => {
  const path = pidFile();
  const file = PidFile.write(path);
  file.remove();
  expect(existsSync(path)).toBe(false);
  file.remove();
});

test("another process's file is left alone", () => {
  const path = pidFile();
  const file = PidFile.write(path);
  writeFileSync(path, '1\n');
  file.remove();
  expect(readFileSync(path, 'utf8')).toBe('1\n');
});

test.each(['tentacle_server', 'tentacle_server.cjs'])('a running %s keeps it', async (name) => {
  const { pid } = await running(name, '-F', '/etc/tentacle/tentacle_server.conf');
  const path = pidFile(`${String(pid)}\n`);
  expect(() => PidFile.write(path)).toThrow(`already running with PID ${String(pid)} (pid_file ${path})`);
  expect(readFileSync(path, 'utf8')).toBe(`${String(pid)}\n`);
  expect(readdirSync(dirname(path))).toEqual(['tentacle.pid']);
});

test('a server that blanked a password in its title keeps it, too', async () => {
  const program = await compiled(
    `import { showInstead } from 'SRC/process/title.ts';
    showInstead(process.argv.slice(2), ['-x', '****']);
    console.log('up');
    setInterval(() => undefined, 1000);`,
    'tentacle_server',
  );
  const child = spawn(process.execPath, [program, '-x', 'secret'], { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  await once(child.stdout, 'data');
  expect(() => PidFile.write(pidFile(String(child.pid)))).toThrow('already running');
});

test('another program that got the pid does not keep it', async () => {
  const { pid } = await running('editor.cjs', '/etc/tentacle/tentacle_server.conf');
  const path = pidFile(`${String(pid)}\n`);
  PidFile.write(path);
  expect(readFileSync(path, 'utf8')).toBe(OURS);
});

test('a server that was killed does not keep it', async () => {
  const child = await running('tentacle_server');
  const path = pidFile(`${String(child.pid)}\n`);
  child.kill('SIGKILL');
  await once(child, 'exit');
  PidFile.write(path);
  expect(readFileSync(path, 'utf8')).toBe(OURS);
});

test.each([
  ['nothing', ''],
  ['garbage', 'not a number\n'],
  ['its own pid of an earlier boot', OURS],
  ["its starter's pid", `${String(process.ppid)}\n`],
  ['a negative number', '-1\n'],
  ['zero', '0\n'],
  ['no such process', '4194304\n'],
])('a file with %s is replaced', (_what, content) => {
  const path = pidFile(content);
  PidFile.write(path);
  expect(readFileSync(path, 'utf8')).toBe(OURS);
});

test('a symbolic link is replaced, not followed', () => {
  const path = pidFile();
  const victim = join(temporaryDirectory(), 'victim');
  writeFileSync(victim, 'precious');
  symlinkSync(victim, path);
  PidFile.write(path);
  expect(readFileSync(victim, 'utf8')).toBe('precious');
  expect(readFileSync(path, 'utf8')).toBe(OURS);
});

test('what is no pid file is not replaced', () => {
  const big = pidFile('a line of some configuration\n'.repeat(10));
  expect(() => PidFile.write(big)).toThrow(/something else than a pid file/);
  const directory = pidFile();
  mkdirSync(directory);
  expect(() => PidFile.write(directory)).toThrow(/something else than a pid file/);
  expect(() => PidFile.write('/dev/null')).toThrow(/something else than a pid file/);
  expect(statSync('/dev/null').isCharacterDevice()).toBe(true);
});

test('a lock left by a killed start does not count', () => {
  const path = pidFile();
  symlinkSync('4194304', `${path}.lock`);
  PidFile.write(path);
  expect(readdirSync(dirname(path))).toEqual(['tentacle.pid']);
});

test('a missing directory is told, with how to make it', () => {
  const path = join(temporaryDirectory(), 'no', 'tentacle.pid');
  expect(() => PidFile.write(path)).toThrow(
    /cannot write pid_file .*: there is no directory .*install -d -o \w+ .*\/no/,
  );
});

const STARTS = `
import { PidFile } from 'SRC/process/pid-file.ts';
process.stdin.once('data', () => {
  try {
    PidFile.write(process.argv[2] ?? '');
    console.log('won');
  } catch (cause) {
    console.log((cause as Error).message);
  }
});
console.log('up');
`;

testWith(['root', 'setpriv'], 'a directory closed to the user is told, with what to do', async () => {
  const program = await compiled(STARTS, 'tentacle_server');
  const path = pidFile();
  chmodSync(dirname(path), 0o755);
  const { stdout } = spawnSync(
    'setpriv',
    ['--reuid=nobody', '--regid=nogroup', '--clear-groups', process.execPath, program, path],
    { encoding: 'utf8', input: '\n' },
  );
  expect(stdout).toContain(
    `user nobody may not write in ${dirname(path)}; make a directory for it, with "install`,
  );
});

test('of many starts at once exactly one wins, over a stale file as over none', async () => {
  const program = await compiled(STARTS, 'tentacle_server');
  for (const content of ['4194304\n', undefined, 'garbage']) {
    const path = pidFile(content);
    const starts = Array.from({ length: 6 }, () =>
      spawn(process.execPath, [program, path], { stdio: ['pipe', 'pipe', 'inherit'] }),
    );
    onTestFinished(() => {
      for (const each of starts) each.kill('SIGKILL');
    });
    await Promise.all(starts.map((each) => once(each.stdout, 'data')));
    const answers = starts.map((each) => once(each.stdout, 'data'));
    for (const each of starts) each.stdin.write('\n');
    const said = (await Promise.all(answers)).map(([chunk]) => String(chunk).trim());
    const winner = starts[said.indexOf('won')];
    expect(said.filter((word) => word === 'won')).toHaveLength(1);
    expect(readFileSync(path, 'utf8')).toBe(`${String(winner?.pid)}\n`);
    for (const word of said) expect(word).toMatch(/^(won|already running with PID|another start, with PID)/);
    for (const each of starts) each.kill('SIGKILL');
  }
});
