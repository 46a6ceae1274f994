/** What the client does with files to send: what it says, what it goes on with, and under which names they arrive. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { CLIENT, clientEnvironment, runClient, startPeer, takeSend } from '../support/client-program.ts';
import { ServerProcess } from '../support/program.ts';
import { temporaryDirectory, temporarySpool } from '../support/temporary.ts';

/** A server on a new spool, and a directory with files that hold their own names. */
async function serverAndFiles(
  names: readonly string[],
): Promise<{ readonly spool: string; readonly cwd: string; readonly to: readonly string[] }> {
  const spool = temporarySpool();
  const server = await ServerProcess.start(['-s', spool]);
  const cwd = temporaryDirectory();
  for (const name of names) writeFileSync(join(cwd, name), name);
  return { spool, cwd, to: ['-p', String(server.port)] };
}

describe('C2 one file', () => {
  test('says nothing without -v, and exits 0', async () => {
    const { spool, cwd, to } = await serverAndFiles(['a.data']);
    expect(await runClient([...to, 'a.data'], { cwd })).toEqual({ code: 0, stdout: '', stderr: '' });
    expect(readFileSync(join(spool, 'a.data'), 'utf8')).toBe('a.data');
  });

  test('-v tells on standard output, in lines that begin with [log]', async () => {
    const { cwd, to } = await serverAndFiles(['a.data']);
    const { stdout, stderr } = await runClient(['-v', ...to, 'a.data'], { cwd });
    expect(stderr).toBe('');
    expect(stdout).toMatch(/^(\[log\] .+\n)+$/);
    expect(stdout).toContain("[log] Request to send file 'a.data' size 6b\n");
    expect(stdout).toContain('[log] File sent\n');
  });

  test('a refusal is told on standard error, with exit 1; with -q it is not', async () => {
    const { spool, cwd, to } = await serverAndFiles(['a.data']);
    writeFileSync(join(spool, 'a.data'), 'old');
    const refused = await runClient([...to, 'a.data'], { cwd });
    expect(refused).toMatchObject({ code: 1, stdout: '' });
    expect(refused.stderr).toMatch(/^\[err\] a\.data: .*file already exists\n$/);
    expect(await runClient(['-q', ...to, 'a.data'], { cwd })).toEqual({ code: 1, stdout: '', stderr: '' });
  });

  test('C3 the base name is sent, in UTF-8 and with spaces', async () => {
    const name = 'Größe 日本 $(x).data';
    const { spool, cwd, to } = await serverAndFiles([name]);
    expect(await runClient([...to, join(cwd, name)])).toEqual({ code: 0, stdout: '', stderr: '' });
    expect(readdirSync(spool)).toEqual([name]);
  });
});

describe('C2 several files', () => {
  test('one is refused: the others are sent, and the exit code is 1', async () => {
    const { spool, cwd, to } = await serverAndFiles(['a', 'b', 'c']);
    writeFileSync(join(spool, 'b'), 'old');
    const { code, stderr } = await runClient([...to, 'a', 'b', 'c'], { cwd });
    expect(stderr).toMatch(/^\[err\] b: .*file already exists\n$/);
    expect(code).toBe(1);
    expect(['a', 'b', 'c'].map((name) => readFileSync(join(spool, name), 'utf8'))).toEqual(['a', 'old', 'c']);
  });

  test('--stop-on-error gives up at the refused one', async () => {
    const { spool, cwd, to } = await serverAndFiles(['a', 'b', 'c']);
    writeFileSync(join(spool, 'b'), 'old');
    const { code, stderr } = await runClient(['--stop-on-error', ...to, 'a', 'b', 'c'], { cwd });
    expect(stderr).toMatch(/^\[err\] b: .*file already exists\n\[err\] c: not tried, .*\n$/);
    expect(code).toBe(1);
    expect(readdirSync(spool).sort()).toEqual(['a', 'b']);
  });

  test('one cannot be read: the others are sent, and the exit code is 1', async () => {
    const { spool, cwd, to } = await serverAndFiles(['a', 'c']);
    const { code, stderr } = await runClient([...to, 'a', 'b', 'c'], { cwd });
    expect(stderr).toBe('[err] Cannot read b: it does not exist\n');
    expect(code).toBe(1);
    expect(readdirSync(spool).sort()).toEqual(['a', 'c']);
  });

  test('--json prints one object for each, whatever became of it', async () => {
    const { spool, cwd, to } = await serverAndFiles(['a', 'b']);
    writeFileSync(join(spool, 'b'), 'old');
    const { code, stdout } = await runClient(['--json', '-v', ...to, 'a', 'b', 'missing'], { cwd });
    const results = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { file: string });
    const server = `127.0.0.1 port ${String(to[1])}`;
    expect(results.sort((one, other) => one.file.localeCompare(other.file))).toEqual([
      { file: 'a', ok: true, ms: expect.any(Number) as number, server },
      {
        file: 'b',
        ok: false,
        ms: expect.any(Number) as number,
        server,
        error: expect.stringContaining('exists') as string,
      },
      { file: 'missing', ok: false, ms: 0, error: expect.stringContaining('does not exist') as string },
    ]);
    expect(code).toBe(1);
  });
});

describe('--name and standard input', () => {
  test('--name stores one file under another name', async () => {
    const { spool, cwd, to } = await serverAndFiles(['a']);
    expect(await runClient([...to, '--name', 'ñ.data', 'a'], { cwd })).toMatchObject({ code: 0, stderr: '' });
    expect(readdirSync(spool)).toEqual(['ñ.data']);
  });

  test('- sends standard input, and leaves no temporary file', async () => {
    const { spool, to } = await serverAndFiles([]);
    const input = Buffer.alloc(300_000, 'input ');
    const env = { TMPDIR: temporaryDirectory() };
    expect(await runClient([...to, '--name', 'in.data', '-'], { input, env })).toMatchObject({
      code: 0,
      stderr: '',
    });
    expect(readFileSync(join(spool, 'in.data')).equals(input)).toBe(true);
    expect(readdirSync(env.TMPDIR)).toEqual([]);
  });
});

test('W2 C4 no line is sent before the reply to the one before was read', async () => {
  const early: string[] = [];
  const port = await startPeer(async (client) => {
    for (let file = 0; file < 2; file++) {
      await takeSend(client);
    }
    early.push(await client.line());
  });
  const { cwd } = await serverAndFiles(['a', 'b']);
  expect(await runClient(['-p', String(port), 'a', 'b'], { cwd })).toMatchObject({ code: 0, stderr: '' });
  expect(early).toEqual(['QUIT\n']);
});

describe('W1 names that are not UTF-8', () => {
  /** Runs the client on names given as octal escapes, in a directory where each file holds its own name. */
  async function send(names: readonly string[]): Promise<{ code: number | null; spool: string }> {
    const { spool, cwd, to } = await serverAndFiles([]);
    const script = `client="$1"; to="$2"; shift 2
      for escaped; do name=$(printf "$escaped"); printf "$escaped" > "$name"; set -- "$@" "$name"; shift; done
      exec "$0" "$client" -p "$to" "$@"`;
    const args = ['-c', script, process.execPath, CLIENT, to[1] ?? '', ...names];
    const child = spawn('sh', args, { cwd, env: clientEnvironment({}) });
    const [code] = (await once(child, 'close')) as [number | null];
    return { code, spool };
  }

  test('arrive byte by byte, each with its own content', async () => {
    const { code, spool } = await send(['a.data', 'caf\\351.1.data', 'z.data']);
    expect(code).toBe(0);
    const stored = readdirSync(spool, 'buffer');
    expect(stored.map((name) => name.toString('latin1')).sort()).toEqual([
      'a.data',
      'caf\xe9.1.data',
      'z.data',
    ]);
    for (const name of stored) {
      expect(readFileSync(Buffer.concat([Buffer.from(`${spool}/`), name]))).toEqual(name);
    }
  });

  test('that look the same once decoded are refused rather than mistaken for each other', async () => {
    const { code, spool } = await send(['caf\\351.1.data', 'caf\\350.1.data', 'z.data']);
    expect(code).toBe(1);
    expect(readdirSync(spool)).toEqual(['z.data']);
  });
});
