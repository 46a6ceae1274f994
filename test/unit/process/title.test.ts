/** The list of processes shows other words in place of secrets, and everything else as it was. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { build } from 'esbuild';
import { expect, onTestFinished, test } from 'vitest';
import { temporaryDirectory } from '../../support/temporary.ts';

test('called by a short path, nothing behind the secret is cut off', async () => {
  const directory = temporaryDirectory();
  writeFileSync(
    join(directory, 'program.ts'),
    `import { showInstead } from '${process.cwd()}/src/process/title.ts';
    const words = process.argv.slice(2);
    showInstead(words, words.map((word) => (word === 'secret' ? '****' : word)));
    console.log('ready');
    setInterval(() => undefined, 1000);`,
  );
  const program = join(directory, 'program.cjs');
  await build({
    entryPoints: [join(directory, 'program.ts')],
    bundle: true,
    platform: 'node',
    outfile: program,
  });
  const script = relative(directory, program);
  const child = spawn(process.execPath, [script, '-x', 'secret', '-F', 'etc/my.conf'], { cwd: directory });
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  await once(child.stdout, 'data');
  const shown = readFileSync(`/proc/${String(child.pid)}/cmdline`, 'utf8')
    .replaceAll('\0', ' ')
    .trim();
  expect(shown).toBe(`${process.execPath} program.cjs -x **** -F etc/my.conf`);
});
