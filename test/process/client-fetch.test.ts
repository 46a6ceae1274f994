/** What the client fetches, lists and moves: files appear here whole or not at all, and are gone there only after. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { runClient, startPeer } from '../support/client-program.ts';
import { ServerProcess } from '../support/program.ts';
import { temporaryDirectory, temporarySpool } from '../support/temporary.ts';

/** A server on a new spool, and a directory with files that hold their own names. */
async function serverAndFiles(
  names: readonly string[],
  options: readonly string[] = [],
): Promise<{ readonly spool: string; readonly cwd: string; readonly to: readonly string[] }> {
  const spool = temporarySpool();
  const server = await ServerProcess.start(['-s', spool, ...options]);
  const cwd = temporaryDirectory();
  for (const name of names) writeFileSync(join(cwd, name), name);
  return { spool, cwd, to: ['-p', String(server.port)] };
}

describe('-g', () => {
  test('C3 replaces a file of the current directory', async () => {
    const { spool, cwd, to } = await serverAndFiles(['a.conf']);
    writeFileSync(join(spool, 'a.conf'), 'from the server');
    expect(await runClient(['-g', ...to, 'a.conf'], { cwd })).toEqual({ code: 0, stdout: '', stderr: '' });
    expect(readFileSync(join(cwd, 'a.conf'), 'utf8')).toBe('from the server');
    expect(readdirSync(cwd)).toEqual(['a.conf']);
  });

  test.each([[[]], [['-z']]])('receives an empty file %j', async (options) => {
    const { spool, cwd, to } = await serverAndFiles([]);
    writeFileSync(join(spool, 'empty.conf'), '');
    expect(await runClient(['-g', ...options, ...to, 'empty.conf'], { cwd })).toMatchObject({
      code: 0,
      stderr: '',
    });
    expect(readFileSync(join(cwd, 'empty.conf'))).toHaveLength(0);
  });

  test('what is missing there leaves what is here as it was', async () => {
    const { cwd, to } = await serverAndFiles(['a.conf']);
    const { code, stderr } = await runClient(['-g', ...to, 'a.conf'], { cwd });
    expect(stderr).toMatch(/^\[err\] a\.conf: .*file does not exist\n$/);
    expect(code).toBe(1);
    expect(readFileSync(join(cwd, 'a.conf'), 'utf8')).toBe('a.conf');
  });

  test('N3 a file that is cut off leaves what is here as it was, and nothing else', async () => {
    const cwd = temporaryDirectory();
    writeFileSync(join(cwd, 'a.conf'), 'old');
    const port = await startPeer(async (client) => {
      await client.line();
      await client.ask('RECV SIZE 10\n');
      client.send('12345');
      await new Promise((done) => client.stream.end(done));
    });
    const { code, stderr } = await runClient(['-g', '-p', String(port), 'a.conf'], { cwd });
    expect(stderr).toMatch(/^\[err\] a\.conf: .*5 bytes of a file missing.*\n$/);
    expect(code).toBe(1);
    expect(readdirSync(cwd)).toEqual(['a.conf']);
    expect(readFileSync(join(cwd, 'a.conf'), 'utf8')).toBe('old');
  });
});

describe('W15 W16 insecure commands', () => {
  test('--list prints the names of the directory', async () => {
    const { spool, to } = await serverAndFiles([], ['-I']);
    for (const name of ['a.data', 'ñ.data']) writeFileSync(join(spool, name), 'x');
    const { code, stdout } = await runClient([...to, '--list', 'any.data']);
    expect(stdout.trim().split('\n').sort()).toEqual(['a.data', 'ñ.data']);
    expect(code).toBe(0);
  });

  test('--move fetches, and the server deletes', async () => {
    const { spool, cwd, to } = await serverAndFiles([], ['-I']);
    for (const name of ['a', 'b']) writeFileSync(join(spool, name), name);
    expect(await runClient(['--move', ...to, 'a', 'b'], { cwd })).toMatchObject({ code: 0, stderr: '' });
    expect(readFileSync(join(cwd, 'b'), 'utf8')).toBe('b');
    expect(readdirSync(cwd).sort()).toEqual(['a', 'b']);
    await expect.poll(() => readdirSync(spool)).toEqual([]);
  });

  test('W16 --move that cannot be stored here stays there', async () => {
    const { spool, cwd, to } = await serverAndFiles([], ['-I']);
    writeFileSync(join(spool, 'a'), 'precious');
    mkdirSync(join(cwd, 'a'));
    const { code, stderr } = await runClient(['--move', ...to, 'a'], { cwd });
    expect(stderr).toMatch(/^\[err\] Cannot write .*a: it is a directory\n$/);
    expect(code).toBe(1);
    expect(readFileSync(join(spool, 'a'), 'utf8')).toBe('precious');
    expect(readdirSync(cwd)).toEqual(['a']);
  });

  test('W16 --move has the whole file here before its next command', async () => {
    const cwd = temporaryDirectory();
    let here: string | undefined;
    const port = await startPeer(async (client) => {
      await client.line();
      await client.ask('MV SIZE 5\n');
      client.send('hello');
      await client.line();
      here = existsSync(join(cwd, 'a')) ? readFileSync(join(cwd, 'a'), 'utf8') : undefined;
    });
    expect(await runClient(['--move', '-p', String(port), 'a'], { cwd })).toMatchObject({
      code: 0,
      stderr: '',
    });
    expect(here).toBe('hello');
  });

  test('without insecure mode there, what may be the reason is said', async () => {
    const { cwd, to } = await serverAndFiles([]);
    const { code, stderr } = await runClient(['--move', ...to, 'a'], { cwd });
    expect(stderr).toMatch(/^\[err\] a: .*it may not run in insecure mode \(-I\)/);
    expect(code).toBe(1);
  });
});
