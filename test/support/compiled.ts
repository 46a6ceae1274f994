/** Small programs around one module of src, to be run as processes of their own. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { temporaryDirectory } from './temporary.ts';

/**
 * Bundles a program into a directory of its own, which holds nothing else.
 * @param source TypeScript; SRC stands for the path of src
 * @param name the program's, without `.cjs`
 */
export async function compiled(source: string, name = 'program'): Promise<string> {
  const sources = temporaryDirectory();
  const entry = join(sources, 'program.ts');
  writeFileSync(entry, source.replaceAll('SRC', `${process.cwd()}/src`));
  const outfile = join(temporaryDirectory(), `${name}.cjs`);
  await build({
    entryPoints: [entry],
    bundle: true,
    platform: 'node',
    format: 'cjs',
    external: ['koffi'],
    outfile,
    logLevel: 'error',
  });
  return outfile;
}
