/** The Perl server of the reference, where TENTACLE_REFERENCE_DIR names the folder that holds it. */
import { spawn } from 'node:child_process';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { freePort } from './program.ts';
import { isRoot, testWith } from './requires.ts';
import { temporaryDirectory, temporarySpool } from './temporary.ts';

const REFERENCE = process.env.TENTACLE_REFERENCE_DIR ?? '';

/** A test that needs the reference, which is not published with this project: without it, it is skipped also in CI. */
export function testWithReference(needs: readonly string[], name: string, run: () => Promise<void>): void {
  if (REFERENCE !== '') testWith(['perl', ...needs], name, run);
  else test.skip(`${name} [missing: TENTACLE_REFERENCE_DIR]`, run);
}

/** Some user who is not root: the reference does not run as root. */
const NOBODY = 65_534;

export interface Reference {
  readonly port: number;
  readonly spool: string;
}

/** Starts the reference on a free port of 127.0.0.1 and waits until it listens; it ends with the current test. */
export async function startReference(args: readonly string[]): Promise<Reference> {
  const port = await freePort();
  const spool = temporarySpool('conf');
  const log = join(temporaryDirectory(), 'log');
  writeFileSync(log, '');
  for (const path of [spool, join(spool, 'conf'), log]) chmodSync(path, 0o777);
  const listen = ['-a', '127.0.0.1', '-p', String(port)];
  const options = [...listen, '-s', spool, '-i', '.*\\.conf:conf', '-v', '-l', log];
  const program = join(REFERENCE, 'tentacle', 'tentacle_server');
  const child = spawn('perl', [program, ...options, ...args], {
    stdio: 'ignore',
    ...(isRoot ? { uid: NOBODY, gid: NOBODY } : {}),
  });
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  const said = (): string => `${String(child.exitCode)} ${readFileSync(log, 'utf8')}`;
  await expect.poll(said, { timeout: 10_000 }).toMatch(/^null [^]*Server listening/);
  return { port, spool };
}
