/** A proxy that stores and forwards, between real programs: the clients of Debian and ours, servers of ours and Perl's. */
import { execFile } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { contentOf, expectForwarded, namesOf, send } from '../support/agents.ts';
import { makeSetUpFiles, runClient, SENT } from '../support/client-program.ts';
import { Dialogue } from '../support/dialogue.ts';
import { fill, smallDisk } from '../support/full-disk.ts';
import { ServerProcess } from '../support/program.ts';
import { startReference, testWithReference } from '../support/reference.ts';
import { testWith } from '../support/requires.ts';
import { Restartable } from '../support/restartable.ts';
import { temporaryDirectory, temporarySpool } from '../support/temporary.ts';

const SLOW = { timeout: 40_000 };

function startProxy(
  queue: string,
  upstreamPort: number,
  args: readonly string[] = [],
): Promise<ServerProcess> {
  const upstream = ['-b', '127.0.0.1', '-g', String(upstreamPort)];
  return ServerProcess.start([...upstream, '--proxy-mode', 'store', '-s', queue, '-V', ...args]);
}

/** Writes files of these names. @returns their directory */
function written(names: readonly string[]): string {
  const directory = temporaryDirectory();
  for (const name of names) writeFileSync(join(directory, name), contentOf(name));
  return directory;
}

/** The Perl client of Debian's package; the server runs beside it, so this must not block. */
function debianClient(args: readonly string[], cwd: string): Promise<{ code: number; output: string }> {
  return new Promise((resolve) => {
    const words = ['-v', '-a', '127.0.0.1', ...args];
    execFile('/usr/bin/tentacle_client', words, { cwd }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), output: stdout + stderr });
    });
  });
}

testWith(
  ['tentacle_client'],
  'the Perl client sends into the queue, and fetches from the upstream',
  async () => {
    const [queue, centre] = [temporarySpool(), temporarySpool('conf')];
    const server = await ServerProcess.start(['-s', centre, '-i', '.*\\.conf:conf']);
    const proxy = await startProxy(queue, server.port);
    const names = namesOf(20);
    const cwd = written(names);
    const sent = await debianClient(['-p', String(proxy.port), ...names], cwd);
    expect(sent).toMatchObject({ code: 0 });
    await expect.poll(() => readdirSync(queue), SLOW).toEqual([]);
    for (const name of names) expect(readFileSync(join(centre, name)).equals(contentOf(name))).toBe(true);

    writeFileSync(join(centre, 'conf', 'agent.conf'), SENT);
    expect(await debianClient(['-p', String(proxy.port), '-g', 'agent.conf'], cwd)).toMatchObject({
      code: 0,
    });
    expect(readFileSync(join(cwd, 'agent.conf')).equals(SENT)).toBe(true);
    const missing = await debianClient(['-p', String(proxy.port), '-g', 'other.conf'], cwd);
    expect(missing.output).toContain('file does not exist');
  },
);

test('our client fetches through the proxy, plain, compressed, listed, moved', async () => {
  const [queue, centre] = [temporarySpool(), temporarySpool('conf')];
  const server = await ServerProcess.start(['-s', centre, '-i', '.*\\.conf:conf', '-I']);
  const proxy = await startProxy(queue, server.port, ['-I']);
  const path = join(centre, 'conf', 'agent.conf');
  writeFileSync(path, SENT);
  for (const extra of [['-g'], ['-z', '-g'], ['--move']]) {
    const cwd = temporaryDirectory();
    const result = await runClient(['-p', String(proxy.port), ...extra, 'agent.conf'], { cwd });
    expect(result).toMatchObject({ code: 0, stderr: '' });
    expect(readFileSync(join(cwd, 'agent.conf')).equals(SENT)).toBe(true);
    if (extra[0] === '--move') continue;
    const listed = await runClient(['-p', String(proxy.port), '--list', 'agent.conf']);
    expect(listed).toEqual({ code: 0, stdout: 'agent.conf\n', stderr: '' });
  }
  await expect.poll(() => readdirSync(join(centre, 'conf'))).toEqual([]);
  const gone = await runClient(['-p', String(proxy.port), '-g', 'agent.conf'], { cwd: temporaryDirectory() });
  expect(gone).toMatchObject({ code: 1, stderr: expect.stringContaining('file does not exist') as string });
  expect(readdirSync(queue)).toEqual([]);
});

testWith(
  ['root', 'mount'],
  'a full queue: agents are told, and what was confirmed makes room again',
  async () => {
    const [queue, spool] = [smallDisk('2m'), temporarySpool()];
    const centre = await Restartable.prepare({ args: ['-s', spool] });
    const proxy = await startProxy(queue, centre.port);
    fill(join(queue, '.ballast'));
    const names = namesOf(2000);
    const confirmed: string[] = [];
    const dialogue = await Dialogue.open(proxy.port);
    const first = names[0] ?? '';
    expect(await send(dialogue, first)).toBe('SEND ERR (not enough space)\n');
    truncateSync(join(queue, '.ballast'), 0);
    let answer = 'SEND OK\n';
    for (const name of names) {
      answer = await send(dialogue, name);
      if (answer !== 'SEND OK\n') break;
      confirmed.push(name);
    }
    expect(answer).toBe('SEND ERR (not enough space)\n');
    expect(confirmed.length).toBeGreaterThan(50);
    await centre.start();
    await expect.poll(() => readdirSync(queue), SLOW).toEqual(['.ballast']);
    expect(readdirSync(spool).sort()).toEqual([...confirmed].sort());
    for (const name of confirmed) expect(readFileSync(join(spool, name)).equals(contentOf(name))).toBe(true);
    const again = names[confirmed.length] ?? '';
    // The first connection may have been silent for too long (W4).
    expect(await send(await Dialogue.open(proxy.port), again)).toBe('SEND OK\n');
    await expect.poll(() => readdirSync(spool), SLOW).toContain(again);
  },
);

testWith(
  ['openssl'],
  'TLS with certificates on both sides and a password, from a file, to the upstream',
  async () => {
    const [queue, spool] = [temporarySpool(), temporarySpool()];
    const { ca, server, agent } = makeSetUpFiles();
    const tls = ['-e', server.cert, '-k', server.key, '-f', ca];
    const upstream = await ServerProcess.start(['-s', spool, '-x', 'the secret', ...tls, '-V']);
    const passwordFile = join(temporaryDirectory(), 'password');
    writeFileSync(passwordFile, 'the wrong one\n', { mode: 0o600 });
    const proxy = await startProxy(queue, upstream.port, [
      ...['--proxy-ssl', '--proxy-ssl-ca', ca, '--proxy-ssl-cert', agent.cert, '--proxy-ssl-key', agent.key],
      ...['--proxy-password-file', passwordFile],
    ]);
    const names = namesOf(50);
    const result = await runClient(['-p', String(proxy.port), ...names], { cwd: written(names) });
    expect(result).toMatchObject({ code: 0, stderr: '' });
    await proxy.logged(/Warning: Upstream 127\.0\.0\.1 port [0-9]+: .*the password is wrong/);
    expect(readdirSync(queue)).toHaveLength(50);
    writeFileSync(passwordFile, 'the secret\n', { mode: 0o600 });
    await expectForwarded(names, queue, spool);
    expect(upstream.output).toContain('SSL started');
    expect(proxy.output + upstream.output).not.toContain('the secret');
    const cwd = temporaryDirectory();
    mkdirSync(join(cwd, 'fetched'));
    const fetched = await runClient(['-p', String(proxy.port), '-g', names[0] ?? ''], {
      cwd: join(cwd, 'fetched'),
    });
    expect(fetched).toMatchObject({ code: 0, stderr: '' });
  },
);

testWithReference([], 'the Perl server as upstream: what is stored here is sent on into it', async () => {
  const queue = temporarySpool();
  const { port, spool } = await startReference(['-x', 'secret']);
  const proxy = await startProxy(queue, port, ['--proxy-password', 'secret']);
  const names = [...namesOf(200), 'agent.conf'];
  const result = await runClient(['-p', String(proxy.port), ...names], { cwd: written(names) });
  expect(result).toMatchObject({ code: 0, stderr: '' });
  await expect.poll(() => readdirSync(queue), SLOW).toEqual([]);
  for (const name of names) {
    const folder = name === 'agent.conf' ? 'conf' : '';
    expect(readFileSync(join(spool, folder, name)).equals(contentOf(name)), name).toBe(true);
  }
  const cwd = temporaryDirectory();
  const fetched = await runClient(['-p', String(proxy.port), '-g', 'agent.conf'], { cwd });
  expect(fetched).toMatchObject({ code: 0, stderr: '' });
  expect(readFileSync(join(cwd, 'agent.conf')).equals(contentOf('agent.conf'))).toBe(true);
});
