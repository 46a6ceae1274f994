/** Small programs that use a part of the source, as processes of their own. */
import { type ChildProcess, spawn, type StdioOptions } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { buildSync } from 'esbuild';
import { onTestFinished } from 'vitest';
import { temporaryDirectory } from './temporary.ts';

interface ScriptOptions {
  readonly stdio: StdioOptions;
  readonly uid?: number;
}

/**
 * Starts a TypeScript program, whose imports are relative to the project's root, with these arguments as
 * `process.argv.slice(2)`. It is killed with the current test.
 */
export function startScript(source: string, args: readonly string[], options: ScriptOptions): ChildProcess {
  const file = join(temporaryDirectory(), 'script.cjs');
  const stdin = { contents: source, resolveDir: process.cwd(), loader: 'ts' as const };
  buildSync({ stdin, outfile: file, bundle: true, platform: 'node', format: 'cjs', logLevel: 'error' });
  const child = spawn(process.execPath, [file, ...args], options);
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  return child;
}

/** The first that a program writes. */
export async function firstOutput(stream: Readable | null): Promise<string> {
  if (stream === null) throw new Error('not a pipe');
  const [chunk] = (await once(stream, 'data')) as [Buffer];
  return chunk.toString();
}
