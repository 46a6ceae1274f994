/** Which server the client talks to, from where, how long it waits, and when it tries again or gives up. */
import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ClientProcess, runClient, startPeer, takeSend } from '../support/client-program.ts';
import { freePort, ServerProcess } from '../support/program.ts';
import { temporaryDirectory, temporarySpool } from '../support/temporary.ts';

function filesOf(...names: readonly string[]): string {
  const cwd = temporaryDirectory();
  for (const name of names) writeFileSync(join(cwd, name), name);
  return cwd;
}

describe('-a with several addresses', () => {
  test.each([
    ['separated by ","', '127.0.0.9,127.0.0.1'],
    ['separated by "/"', '127.0.0.9/127.0.0.1'],
    ['a name that is unknown first', 'no-such-host.invalid,127.0.0.1'],
    ['the first alive', '127.0.0.1,127.0.0.9'],
  ])('%s: the first that answers gets the file', async (_name, addresses) => {
    const spool = temporarySpool();
    const { port } = await ServerProcess.start(['-s', spool]);
    const result = await runClient(['-a', addresses, '-p', String(port), 'a.data'], {
      cwd: filesOf('a.data'),
    });
    expect(result).toEqual({ code: 0, stdout: '', stderr: '' });
    expect(readdirSync(spool)).toEqual(['a.data']);
  });

  test('one that closes instead of its first reply is passed over', async () => {
    const spool = temporarySpool();
    const { port } = await ServerProcess.start(['-s', spool, '-a', '127.0.0.1']);
    await startPeer((client) => client.line(), { host: '127.0.0.2', port });
    const args = ['-a', '127.0.0.2,127.0.0.1', '-p', String(port), 'a.data'];
    expect(await runClient(args, { cwd: filesOf('a.data') })).toMatchObject({ code: 0, stderr: '' });
    expect(readdirSync(spool)).toEqual(['a.data']);
  });

  test('another one is never used after a file was confirmed, also not with --retry', async () => {
    const spool = temporarySpool();
    const { port } = await ServerProcess.start(['-s', spool, '-a', '127.0.0.1']);
    let connections = 0;
    await startPeer(
      async (client) => {
        if (++connections === 1) await takeSend(client);
      },
      { host: '127.0.0.2', port },
    );
    const args = ['--retry', '1', '-a', '127.0.0.2,127.0.0.1', '-p', String(port), 'a.data', 'b.data'];
    const { code, stderr } = await runClient(args, { cwd: filesOf('a.data', 'b.data') });
    expect(stderr).toMatch(/^\[err\] b\.data: [^\n]+\n$/);
    expect(code).toBe(1);
    expect(connections).toBe(2);
    expect(readdirSync(spool)).toEqual([]);
  });

  test('a refusal is an answer: no other one is asked', async () => {
    const spool = temporarySpool();
    const { port } = await ServerProcess.start(['-s', spool, '-a', '127.0.0.1']);
    writeFileSync(join(spool, 'a.data'), 'old');
    let connections = 0;
    await startPeer(
      async (client) => {
        connections++;
        await takeSend(client);
      },
      { host: '127.0.0.2', port },
    );
    const args = ['-a', '127.0.0.1,127.0.0.2', '-p', String(port), 'a.data'];
    const { code, stderr } = await runClient(args, { cwd: filesOf('a.data') });
    expect(stderr).toMatch(/file already exists/);
    expect(code).toBe(1);
    expect(connections).toBe(0);
  });
});

test('-b connects from that local address', async () => {
  const server = await ServerProcess.start(['-s', temporarySpool(), '-v']);
  const args = ['-b', '127.0.0.2', '-p', String(server.port), 'a.data'];
  expect(await runClient(args, { cwd: filesOf('a.data') })).toMatchObject({ code: 0, stderr: '' });
  await server.logged(/Received file 'a\.data' size 6b from 127\.0\.0\.2 /);
});

test('-b with an address of another host is told', async () => {
  const args = ['-b', '192.0.2.1', '-p', String(await freePort()), 'a.data'];
  const { code, stderr } = await runClient(args, { cwd: filesOf('a.data') });
  expect(stderr).toMatch(/^\[err\] .*this host has no address 192\.0\.2\.1\n$/);
  expect(code).toBe(1);
});

test.each([['::1'], ['[::1]'], ['127.0.0.9,::1']])('IPv6: -a %s', async (address) => {
  const spool = temporarySpool();
  const { port } = await ServerProcess.start(['-s', spool, '-a', '::1']);
  const result = await runClient(['-a', address, '-p', String(port), 'a.data'], { cwd: filesOf('a.data') });
  expect(result).toEqual({ code: 0, stdout: '', stderr: '' });
  expect(readdirSync(spool)).toEqual(['a.data']);
});

test.each([
  ['refused', '127.0.0.1', /connection refused/],
  ['an unknown name', 'no-such-host.invalid', /no-such-host\.invalid: the name is unknown/],
  ['no address at all', 'a b', /"a b" is not an address/],
])('a connection that cannot be is one clear line: %s', async (_name, address, says) => {
  const args = ['-a', address, '-p', String(await freePort()), 'a.data'];
  const { code, stdout, stderr } = await runClient(args, { cwd: filesOf('a.data') });
  expect(stderr).toMatch(/^\[err\] [^\n]+\n$/);
  expect(stderr).toMatch(says);
  expect(stdout).toBe('');
  expect(code).toBe(1);
});

describe('W4 a server that does not answer', () => {
  const QUICK = ['-t', '1', '-r', '0'];
  test('to a command', async () => {
    const port = await startPeer((client) => client.rest());
    const { code, stderr } = await runClient([...QUICK, '-p', String(port), 'a.data'], {
      cwd: filesOf('a.data'),
    });
    expect(stderr).toMatch(/^\[err\] a\.data: Connection to .* timed out\n$/);
    expect(code).toBe(1);
  });

  test('to a TLS handshake', async () => {
    const port = await startPeer((client) => client.rest());
    const { code, stderr } = await runClient([...QUICK, '-c', '-p', String(port), 'a.data'], {
      cwd: filesOf('a.data'),
    });
    expect(stderr).toMatch(/^\[err\] a\.data: TLS handshake with .* timed out\n$/);
    expect(code).toBe(1);
  });

  test('W17 to QUIT: what was confirmed stays confirmed, and callers who kill after 30 s are not kept waiting', async () => {
    const port = await startPeer(async (client) => {
      await takeSend(client);
      await client.line();
      await new Promise((never) => client.stream.once('close', never));
    });
    const started = performance.now();
    const args = ['-t', '60', '-r', '3', '-p', String(port), 'a.data'];
    expect(await runClient(args, { cwd: filesOf('a.data') })).toEqual({ code: 0, stdout: '', stderr: '' });
    expect(performance.now() - started).toBeLessThan(10_000);
  }, 20_000);

  test('W4 compressing a big file does not use up the patience of the server', async () => {
    const spool = temporarySpool();
    const { port } = await ServerProcess.start(['-s', spool, '-t', '1', '-r', '0', '-m', '100000000']);
    const cwd = temporaryDirectory();
    writeFileSync(join(cwd, 'a.data'), randomBytes(64_000_000));
    const { code, stderr } = await runClient(['-z', '-p', String(port), 'a.data'], { cwd });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  });
});

describe('--retry', () => {
  test('sends what was not confirmed once the server is back, and nothing twice', async () => {
    const heard: string[] = [];
    let connections = 0;
    const port = await startPeer(async (client) => {
      connections++;
      heard.push((await takeSend(client))[0]);
      if (connections === 1) return;
      await client.line();
    });
    const { code, stderr } = await runClient(['--retry', '3', '-p', String(port), 'a', 'b'], {
      cwd: filesOf('a', 'b'),
    });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(heard).toEqual(['SEND <a> SIZE 1\n', 'SEND <b> SIZE 1\n']);
  });

  test('reaches a server that is only started meanwhile', async () => {
    const spool = temporarySpool();
    const dead = await ServerProcess.start(['-s', spool]);
    await dead.stop('SIGKILL');
    const args = ['-v', '--retry', '20', '-p', String(dead.port), 'a.data'];
    const client = new ClientProcess(args, { cwd: filesOf('a.data') });
    await expect.poll(() => client.stdout).toContain('trying again');
    await ServerProcess.start(['-s', spool, '-p', String(dead.port)]);
    expect((await client.result).code).toBe(0);
    expect(readdirSync(spool)).toEqual(['a.data']);
  });

  test('a refusal is not tried again', async () => {
    const spool = temporarySpool();
    const server = await ServerProcess.start(['-s', spool, '-V']);
    writeFileSync(join(spool, 'a.data'), 'old');
    const args = ['--retry', '3', '-p', String(server.port), 'a.data'];
    expect((await runClient(args, { cwd: filesOf('a.data') })).code).toBe(1);
    expect(server.output.match(/Client connected/g)).toHaveLength(1);
  });
});

describe.each(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)('%s', (signal) => {
  test('during -g leaves nothing behind', async () => {
    const cwd = temporaryDirectory();
    writeFileSync(join(cwd, 'a.conf'), 'old');
    const port = await startPeer(async (client) => {
      await client.line();
      await client.ask('RECV SIZE 10\n');
      client.send('12345');
      await client.rest();
    });
    const client = new ClientProcess(['-g', '-p', String(port), 'a.conf'], { cwd });
    await expect.poll(() => readdirSync(cwd)).toHaveLength(2);
    client.child.kill(signal);
    const { code, stderr } = await client.result;
    expect(code).toBe(1);
    expect(stderr).toMatch(/^\[err\] a\.conf: .*interrupted\n$/);
    expect(readdirSync(cwd)).toEqual(['a.conf']);
    expect(readFileSync(join(cwd, 'a.conf'), 'utf8')).toBe('old');
  });

  test('while standard input is read ends it, and leaves nothing behind', async () => {
    const env = { TMPDIR: temporaryDirectory() };
    const client = new ClientProcess(['--name', 'a', '-p', String(await freePort()), '-'], { env });
    client.child.stdin?.write('some');
    await expect.poll(() => readdirSync(env.TMPDIR)).toHaveLength(1);
    client.child.kill(signal);
    expect((await client.result).code).not.toBe(0);
    expect(readdirSync(env.TMPDIR)).toEqual([]);
  }, 20_000);

  test('ends the pauses of --retry', async () => {
    const args = ['-v', '--retry', '1000', '-p', String(await freePort()), 'a.data'];
    const client = new ClientProcess(args, { cwd: filesOf('a.data') });
    await expect.poll(() => client.stdout).toContain('trying again');
    client.child.kill(signal);
    expect((await client.result).code).toBe(1);
  });
});

test('C2 a reader of standard output that is gone costs no transfer', async () => {
  let read = (): void => undefined;
  const gone = new Promise<void>((done) => (read = done));
  const port = await startPeer(async (client) => {
    const command = client.line();
    await gone;
    await command;
    client.send('SEND OK\n');
    await client.take(6);
    client.send('SEND OK\n');
    await client.line();
  });
  const client = new ClientProcess(['-v', '-p', String(port), 'a.data'], { cwd: filesOf('a.data') });
  client.child.stdout?.destroy();
  read();
  expect(await client.result).toMatchObject({ code: 0, stderr: '' });
});
