/** Where the client takes options and passwords from, and that nobody else sees them. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { passwordDigest } from '../../src/protocol/password.ts';
import { ClientProcess, runClient, startPeer } from '../support/client-program.ts';
import { ServerProcess } from '../support/program.ts';
import { temporaryDirectory, temporarySpool } from '../support/temporary.ts';

const PASSWORD = "it's a sécret #1";

function fileWith(content: string): string {
  const path = join(temporaryDirectory(), 'file');
  writeFileSync(path, content, { mode: 0o600 });
  return path;
}

/** What PASS line the client says with these options; undefined when it says none. */
async function passOf(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<string | undefined> {
  let said = '';
  const port = await startPeer(async (client) => {
    said = await client.line();
  });
  const { stdout, stderr } = await runClient(['-v', '-p', String(port), ...args, fileWith('x')], { env });
  expect(stdout + stderr).not.toMatch(/one-secret|two-secret/);
  return said.startsWith('PASS ') ? said : undefined;
}

const pass = (password: string): string => `PASS ${passwordDigest(Buffer.from(password))}\n`;

describe('W10 the password comes from', () => {
  test('-x', async () => {
    expect(await passOf(['-x', PASSWORD])).toBe(pass(PASSWORD));
  });

  test('-xPASSWORD in a bundle', async () => {
    expect(await passOf(['-vxone-secret'])).toBe(pass('one-secret'));
  });

  test('the first line of --password-file', async () => {
    expect(await passOf(['--password-file', fileWith(`${PASSWORD}\nnot this\n`)])).toBe(pass(PASSWORD));
  });

  test('TENTACLE_PASSWORD', async () => {
    expect(await passOf([], { TENTACLE_PASSWORD: PASSWORD })).toBe(pass(PASSWORD));
  });

  test('TENTACLE_EXT_OPTS, in quotes', async () => {
    expect(await passOf([], { TENTACLE_EXT_OPTS: `-v -x "${PASSWORD}"` })).toBe(pass(PASSWORD));
  });

  test('-x before TENTACLE_EXT_OPTS before TENTACLE_PASSWORD', async () => {
    const env = { TENTACLE_EXT_OPTS: '-x two-secret', TENTACLE_PASSWORD: 'least' };
    expect(await passOf(['-x', 'one-secret'], env)).toBe(pass('one-secret'));
    expect(await passOf([], env)).toBe(pass('two-secret'));
  });

  test('--password-file before TENTACLE_PASSWORD', async () => {
    expect(
      await passOf(['--password-file', fileWith('one-secret')], { TENTACLE_PASSWORD: 'two-secret' }),
    ).toBe(pass('one-secret'));
  });

  test('nowhere: none is said', async () => {
    expect(await passOf([])).toBeUndefined();
  });
});

test.each([
  ['an empty file', '', /empty/],
  ['an empty first line', '\nsecret\n', /empty/],
])('--password-file with %s is told, not taken for an empty password', async (_name, content, says) => {
  const file = fileWith(content);
  const { code, stderr } = await runClient(['--check', '--password-file', file]);
  expect(stderr).toMatch(says);
  expect(stderr).toContain('--password-file');
  expect(code).toBe(1);
});

test('W10 a wrong password is told, with exit 1', async () => {
  const server = await ServerProcess.start(['-s', temporarySpool(), '-x', PASSWORD]);
  const { code, stdout, stderr } = await runClient(['-p', String(server.port), '-x', 'wrong', fileWith('x')]);
  expect(stderr).toMatch(/^\[err\] .*the password is wrong, or the server has none set\n$/);
  expect(stdout).toBe('');
  expect(code).toBe(1);
});

test('W10 a missing password is told, with exit 1', async () => {
  const server = await ServerProcess.start(['-s', temporarySpool(), '-x', PASSWORD]);
  const { code, stderr } = await runClient(['-p', String(server.port), fileWith('x')]);
  expect(stderr).toMatch(/^\[err\] .*it may want a password \(-x\)/);
  expect(code).toBe(1);
});

test('TENTACLE_EXT_OPTS gives what the command line does not, which wins', async () => {
  const [spool, other] = [temporarySpool(), temporarySpool()];
  const server = await ServerProcess.start(['-s', spool]);
  const wrong = await ServerProcess.start(['-s', other]);
  const env = { TENTACLE_EXT_OPTS: `-p ${String(wrong.port)} --name named.data` };
  const result = await runClient(['-p', String(server.port), fileWith('x')], { env });
  expect(result).toMatchObject({ code: 0, stderr: '' });
  expect(readFileSync(join(spool, 'named.data'), 'utf8')).toBe('x');
});

test('passwords of the command line do not stay in /proc/PID/cmdline', async () => {
  let connected = (): void => undefined;
  const connection = new Promise<void>((done) => (connected = done));
  const port = await startPeer(async (client) => {
    await client.line();
    connected();
    await client.rest();
  });
  const proxy = `agent:two-secret@127.0.0.1:${String(port)}`;
  const client = new ClientProcess(['-vxone-secret', '--password', 'one-secret', '-y', proxy, fileWith('x')]);
  await connection;
  const shown = readFileSync(`/proc/${String(client.pid)}/cmdline`, 'utf8');
  expect(shown).not.toMatch(/secret/);
  expect(shown).toContain('tentacle_client');
});
