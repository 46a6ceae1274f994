/** Programs that take part in a benchmark: compiled here or installed, and ended with it. */
import { type ChildProcess, execFileSync, type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as pause } from 'node:timers/promises';

const START_MS = 60_000;
const PROBE_MS = 50;

const started = new Set<ChildProcess>();
const directories: string[] = [];
/** For what the programs need; removed in the end. */
export const directory = temporaryDirectory();
/** Some of them live where PATH leads only root. */
process.env.PATH = `${process.env.PATH ?? ''}:/usr/local/sbin:/usr/sbin`;

process.once('exit', () => {
  for (const child of started) end(child);
  for (const each of directories) rmSync(each, { recursive: true, force: true });
});
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(signal, () => {
    process.exit(1);
  });
}

/** A fresh one, which others may look into: the Perl server does not run as root. Removed at the very end. */
export function temporaryDirectory(parent = tmpdir()): string {
  const path = mkdtempSync(join(parent, 'tentacle-bench-'));
  chmodSync(path, 0o755);
  directories.push(path);
  return path;
}

/** Compiles a program of this folder, one file of C. @throws Error when there is no `cc`, or it finds fault */
export function compile(source: string, libraries: readonly string[] = []): string {
  const program = join(directory, basename(source, '.c'));
  const flags = ['-O2', '-Wall', '-Wextra', '-pthread', '-o', program];
  execFileSync('cc', [...flags, join('test/bench', source), ...libraries], { stdio: 'inherit' });
  return program;
}

/** Starts a program as leader of a process group, so that all it forks can be ended with it. */
export function start(command: readonly string[], options: SpawnOptions = {}): ChildProcess {
  const [program = '', ...args] = command;
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], detached: true, ...options });
  started.add(child);
  child.once('close', () => started.delete(child));
  return child;
}

/** Ends a program and all that it forked, at once. */
export function end(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    // It is gone already.
  }
}

async function accepts(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

/** Starts a server and waits until its port accepts. @throws Error with its last words when it ends instead */
export async function startServer(
  command: readonly string[],
  port: number,
  options: SpawnOptions = {},
): Promise<ChildProcess> {
  const child = start(command, options);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk: Buffer) => {
      // What it says once it serves would only cost memory.
      if (output.length < 4096) output += chunk.toString();
    });
  }
  let ended: string | undefined;
  child.once('error', (error: NodeJS.ErrnoException) => {
    ended = error.code === 'ENOENT' ? `${command[0] ?? ''} is not installed` : error.message;
  });
  child.once('close', (code) => {
    ended ??= `ended with ${String(code)}: ${output.trim()}`;
  });
  const deadline = Date.now() + START_MS;
  while (!(await accepts(port))) {
    if (ended !== undefined) throw new Error(ended);
    if (Date.now() > deadline) throw new Error(`does not listen on port ${String(port)}: ${output.trim()}`);
    await pause(PROBE_MS);
  }
  return child;
}

/** What a program printed. Its standard error is passed on. @throws Error when it fails */
export async function outputOf(command: readonly string[]): Promise<string> {
  const child = start(command, { stdio: ['ignore', 'pipe', 'inherit'] });
  if (child.stdout === null) throw new Error('no output');
  const [printed, [code]] = await Promise.all([
    text(child.stdout),
    once(child, 'close') as Promise<[number | null]>,
  ]);
  if (code !== 0) throw new Error(`${basename(command[0] ?? '')} failed: ${printed.trim()}`);
  return printed;
}
