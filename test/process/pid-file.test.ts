/** The file that holds the pid: whose it is, and when it goes. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Dialogue } from '../support/dialogue.ts';
import { runServer, ServerProcess } from '../support/program.ts';
import { isRoot } from '../support/requires.ts';
import { store } from '../support/store.ts';
import { temporaryDirectory, temporarySpool } from '../support/temporary.ts';

/** W4 far away, so that only what is tested ends anything. */
const PATIENT = ['-t', '60', '-v'];

/** A server in the foreground with a pid file, and that file. */
async function foreground(pidFile: string): Promise<ServerProcess> {
  return ServerProcess.start(['-s', temporarySpool(), ...PATIENT, '--pid-file', pidFile]);
}

test('the pid file is written in the foreground, too, and removed at the end', async () => {
  const pidFile = join(temporaryDirectory(), 'server.pid');
  const server = await foreground(pidFile);
  expect(readFileSync(pidFile, 'utf8')).toBe(`${String(server.pid)}\n`);
  expect(await server.stop()).toBe(0);
  expect(existsSync(pidFile)).toBe(false);
});

test.each([[[]], [['-d']]])('it refuses a second start with %j, and the first goes on', async (args) => {
  const pidFile = join(temporaryDirectory(), 'server.pid');
  const server = await foreground(pidFile);
  const words = [...(isRoot ? ['--allow-root'] : []), '-s', temporarySpool(), '-a', '127.0.0.1'];
  const { status, stderr } = runServer([...words, '-p', '1', '--pid-file', pidFile, ...args]);
  expect(stderr).toContain(`[err] already running with PID ${String(server.pid)} (pid_file ${pidFile})`);
  expect(status).toBe(1);
  expect(readFileSync(pidFile, 'utf8')).toBe(`${String(server.pid)}\n`);
  expect(await store(await Dialogue.open(server.port), 'a.data')).toBe('SEND OK\n');
});

test('the pid file of a server that was killed is replaced', async () => {
  const pidFile = join(temporaryDirectory(), 'server.pid');
  const killed = await foreground(pidFile);
  await killed.stop('SIGKILL');
  expect(readFileSync(pidFile, 'utf8')).toBe(`${String(killed.pid)}\n`);
  const server = await foreground(pidFile);
  expect(readFileSync(pidFile, 'utf8')).toBe(`${String(server.pid)}\n`);
});

test('a second signal, which ends the server at once, removes the pid file, too', async () => {
  const pidFile = join(temporaryDirectory(), 'server.pid');
  const server = await foreground(pidFile);
  const busy = await Dialogue.open(server.port);
  expect(await busy.ask('SEND <a.data> SIZE 4\n')).toBe('SEND OK\n');
  server.child.kill('SIGTERM');
  await server.logged('Server going down');
  expect(await server.stop()).toBe(1);
  expect(existsSync(pidFile)).toBe(false);
});
