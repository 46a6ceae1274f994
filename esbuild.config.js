/** Bundles each program of src/bin into one file of dist/bin that starts fast and needs no node_modules. */
import { chmodSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { build } from 'esbuild';

const { version } = JSON.parse(readFileSync('package.json', 'utf8'));
const programs = readdirSync('src/bin').map((file) => `src/bin/${file}`);

rmSync('dist/bin', { recursive: true, force: true });
await build({
  entryPoints: programs,
  outdir: 'dist/bin',
  outExtension: { '.js': '.cjs' },
  bundle: true,
  platform: 'node',
  target: 'node20.19',
  // CommonJS: what is imported only when it is needed is then also loaded only then, and the start is twice as fast.
  format: 'cjs',
  define: { 'process.env.TENTACLE_VERSION': JSON.stringify(version), 'import.meta.url': 'bundleUrl' },
  banner: {
    js: '#!/usr/bin/env node\nconst bundleUrl = `file://${__filename}`;',
  },
  logLevel: 'warning',
});
for (const program of readdirSync('dist/bin')) chmodSync(`dist/bin/${program}`, 0o755);
