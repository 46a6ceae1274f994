/** Bundles each program of src/bin into one file of dist/bin that starts fast and needs no node_modules. */
import { chmodSync, readFileSync, readdirSync } from 'node:fs';
import { build } from 'esbuild';

const { version } = JSON.parse(readFileSync('package.json', 'utf8'));
const programs = readdirSync('src/bin').map((file) => `src/bin/${file}`);

await build({
  entryPoints: programs,
  outdir: 'dist/bin',
  bundle: true,
  platform: 'node',
  target: 'node20.19',
  format: 'esm',
  define: { 'process.env.TENTACLE_VERSION': JSON.stringify(version) },
  // pino and yargs still hold CommonJS parts, which look for a require().
  banner: {
    js: "#!/usr/bin/env node\nimport { createRequire as bundleRequire } from 'node:module';\nconst require = bundleRequire(import.meta.url);",
  },
  logLevel: 'warning',
});
for (const program of readdirSync('dist/bin')) chmodSync(`dist/bin/${program}`, 0o755);
