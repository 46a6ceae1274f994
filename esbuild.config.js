/** Bundles each program of src/bin into one file of dist/bin that starts fast and needs no node_modules. */
import { chmodSync, cpSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { build } from 'esbuild';

const { version } = JSON.parse(readFileSync('package.json', 'utf8'));
const programs = readdirSync('src/bin').map((file) => `src/bin/${file}`);

/** What few runs need and what is large: bundles of their own, so that the others do not wait while it is parsed. */
const PARTS = [
  'src/settings/help.ts',
  'src/cli/jetstream-actions.ts',
  'src/cli/make-certificates.ts',
  'src/cli/progress-bar.ts',
  'src/jetstream/jetstream-service.ts',
  'src/jetstream/state/state-reader.ts',
  'src/cli/status-view.ts',
  'src/log/rolling-file.ts',
  'src/status/status-service.ts',
];

const common = {
  entryNames: '[name]',
  outExtension: { '.js': '.cjs' },
  bundle: true,
  platform: 'node',
  target: 'node20.19',
  // CommonJS: what is imported only when it is needed is then also loaded only then, and the start is twice as fast.
  format: 'cjs',
  minifyWhitespace: true,
  minifySyntax: true,
  define: { 'process.env.TENTACLE_VERSION': JSON.stringify(version), 'import.meta.url': 'bundleUrl' },
  logLevel: 'warning',
};
const bundleUrl = 'const bundleUrl = `file://${__filename}`;';

/** Leaves the parts where they are. @param folder where they are, as whoever loads them sees it */
function partsIn(folder) {
  return {
    name: 'parts beside the programs',
    setup({ onResolve }) {
      onResolve({ filter: /^koffi$/ }, () => ({ path: `${folder}/koffi.cjs`, external: true }));
      onResolve({ filter: /\.ts$/ }, ({ path, kind }) => {
        const part = PARTS.find((each) => basename(each) === basename(path));
        if (kind !== 'dynamic-import' || part === undefined) return undefined;
        return { path: `${folder}/${basename(part, '.ts')}.cjs`, external: true };
      });
    },
  };
}

/** Where the optional NATS packages are missing, only whoever wants JetStream is told. */
const natsIfThere = {
  name: 'NATS if it is there',
  setup({ onResolve }) {
    const { resolve } = createRequire(import.meta.url);
    onResolve({ filter: /^@nats-io\// }, ({ path }) => {
      try {
        resolve(path);
        return undefined;
      } catch {
        return { path, external: true };
      }
    });
  },
};

/**
 * Bundles the optional package koffi, with its native file for this architecture as parts/<platform>/koffi.node. For
 * another architecture, and with musl, the bundle looks into node_modules, where npm puts what fits.
 */
async function bundleKoffi() {
  const require = createRequire(import.meta.url);
  const native = dirname(require.resolve(`@koromix/koffi-${process.platform}-${process.arch}`));
  await build({ ...common, entryPoints: { koffi: require.resolve('koffi') }, outdir: 'dist/bin/parts' });
  for (const folder of readdirSync(native).filter((name) => name.startsWith(`${process.platform}_`))) {
    cpSync(join(native, folder), join('dist/bin/parts', folder), { recursive: true });
  }
}

rmSync('dist/bin', { recursive: true, force: true });
await build({
  ...common,
  entryPoints: PARTS,
  outdir: 'dist/bin/parts',
  plugins: [natsIfThere, partsIn('.')],
  banner: { js: bundleUrl },
});
try {
  await bundleKoffi();
} catch (cause) {
  if (cause.code !== 'MODULE_NOT_FOUND') throw cause;
  console.warn('koffi is not installed: the service will talk to systemd by the program systemd-notify');
}
for (const program of programs) {
  await build({
    ...common,
    entryPoints: [program],
    outdir: 'dist/bin',
    // The client is parsed for every file; a stack trace of the server should have its names.
    minifyIdentifiers: program.endsWith('tentacle_client.ts'),
    plugins: [partsIn('./parts')],
    banner: { js: `#!/usr/bin/env node\n${bundleUrl}` },
  });
  chmodSync(`dist/bin/${basename(program, '.ts')}.cjs`, 0o755);
}
