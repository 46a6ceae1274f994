/** The packages that are installed from: Debian's and npm's. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect } from 'vitest';
import { testWith } from '../support/requires.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };

function run(program: string, args: readonly string[], options: object = {}): string {
  return execFileSync(program, args, { encoding: 'utf8', ...options });
}

/** Builds both packages. @returns their paths, the client's first */
function buildDebs(env: Readonly<Record<string, string>> = {}): readonly [client: string, server: string] {
  const directory = temporaryDirectory();
  run('packaging/build-deb', [directory], { env: { ...process.env, ...env } });
  const [client = '', server = ''] = readdirSync(directory)
    .sort()
    .map((name) => join(directory, name));
  return [client, server];
}

describe('the Debian packages', () => {
  testWith(['shellcheck'], 'shellcheck finds nothing in their scripts, nor in those that test them', () => {
    const scripts = readdirSync('packaging', { recursive: true, encoding: 'utf8' })
      .filter((name) => /^(preinst|postinst|prerm|postrm|build-deb)$/.test(basename(name)))
      .map((name) => join('packaging', name));
    expect(scripts).toContain('packaging/tentacle-server/postinst');
    expect(run('shellcheck', ['-x', ...scripts, 'test/nodes.sh', 'test/systemd/run'])).toBe('');
  });

  testWith(
    ['dpkg-deb'],
    'are named after version and architecture, and depend on a Node that runs them',
    () => {
      const [client, server] = buildDebs();
      const architecture = run('dpkg', ['--print-architecture']).trim();
      expect([client, server].map((path) => basename(path))).toEqual([
        `tentacle-client_${version}_${architecture}.deb`,
        `tentacle-server_${version}_${architecture}.deb`,
      ]);
      const { engines } = JSON.parse(readFileSync('package.json', 'utf8')) as { engines: { node: string } };
      const node = `nodejs (>= ${engines.node.replace('>=', '')})`;
      expect(run('dpkg-deb', ['--field', server, 'Depends'])).toBe(`${node}, adduser\n`);
      expect(run('dpkg-deb', ['--field', client, 'Depends'])).toBe(`${node}\n`);
    },
  );

  testWith(['dpkg-deb'], 'are the same bytes from the same sources, at any time and under any umask', () => {
    const digests = (paths: readonly string[]): string[] =>
      paths.map((path) => createHash('sha256').update(readFileSync(path)).digest('hex'));
    const umask = process.umask(0o077);
    const first = buildDebs({ TZ: 'Asia/Kolkata', LC_ALL: 'C.UTF-8' });
    process.umask(umask);
    expect(digests(first)).toEqual(digests(buildDebs({ SOURCE_DATE_EPOCH: lastCommit() })));
  });

  testWith(['dpkg-deb'], 'hold configuration, init script and units with the modes they need', () => {
    const [, server] = buildDebs();
    const listed = run('dpkg-deb', ['--contents', server]);
    const entry = (path: string): string | undefined =>
      listed.split('\n').find((line) => line.endsWith(` .${path}`) || line.includes(` .${path} -> `));
    expect(entry('/etc/tentacle/tentacle_server.conf')).toMatch(/^-rw-r----- root\/root /);
    expect(entry('/etc/init.d/tentacle_serverd')).toMatch(/^-rwxr-xr-x root\/root /);
    expect(entry('/lib/systemd/system/tentacle_serverd.service')).toMatch(/^-rw-r--r-- root\/root /);
    expect(entry('/lib/systemd/system/tentacle_serverd.socket')).toMatch(/^-rw-r--r-- root\/root /);
    expect(entry('/usr/share/man/man1/tentacle_server.1.gz')).toMatch(/^-rw-r--r-- root\/root /);
    for (const example of ['prometheus-rules.yml', 'grafana-dashboard.json'])
      expect(entry(`/usr/share/doc/tentacle-server/examples/${example}`)).toMatch(/^-rw-r--r-- root\/root /);
    expect(entry('/usr/bin/tentacle_server')).toMatch(
      /^l.* -> \.\.\/lib\/tentacle-server\/tentacle_server\.cjs$/,
    );
    const conffiles = run('dpkg-deb', ['--ctrl-tarfile', server], { encoding: 'latin1' });
    expect(conffiles).toContain('/etc/init.d/tentacle_serverd\n/etc/tentacle/tentacle_server.conf\n');
  });

  testWith(['dpkg-deb'], 'hold programs that run where they are unpacked', () => {
    for (const [index, program] of ['tentacle_client', 'tentacle_server'].entries()) {
      const root = temporaryDirectory();
      run('dpkg-deb', ['--extract', buildDebs()[index] ?? '', root]);
      const path = join(root, 'usr/bin', program);
      expect(run(process.execPath, [path, '--version'])).toBe(`${program} ${version}\n`);
      // Loaded from a part of its own.
      expect(run(process.execPath, [path, '--help'])).toMatch(/^Usage: /);
      // Whatever a part loads in turn is there, too.
      const parts = join(root, `usr/lib/${program.replace('_', '-')}/parts`);
      const there = readdirSync(parts);
      const loaded = there
        .filter((name) => name.endsWith('.cjs'))
        .flatMap(
          (name) => readFileSync(join(parts, name), 'latin1').match(/(?<="\.\/)[\w-]+\.cjs(?=")/g) ?? [],
        );
      expect(there).toEqual(expect.arrayContaining(loaded));
      if (program === 'tentacle_server') expect(loaded).toContain('state-reader.cjs');
    }
  });
});

testWith(['npm', 'tar'], 'the npm package holds programs that run, and what a service needs', () => {
  const directory = temporaryDirectory();
  run('npm', ['run', '--silent', 'manpages']);
  const packed = run('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', directory]);
  const [{ filename, files } = { filename: '', files: [] }] = JSON.parse(packed) as {
    readonly filename: string;
    readonly files: readonly { readonly path: string }[];
  }[];
  const paths = files.map(({ path }) => path);
  expect(paths).toEqual(
    expect.arrayContaining([
      'etc/tentacle_server.conf',
      'etc/prometheus-rules.yml',
      'etc/grafana-dashboard.json',
      'init.d/tentacle_serverd',
      'systemd/tentacle_serverd.service',
      'systemd/tentacle_serverd.socket',
      'dist/man/tentacle_server.1',
    ]),
  );
  expect(paths.filter((path) => /^dist\/(deb|bench|packaging)\/|^(src|test|packaging)\//.test(path))).toEqual(
    [],
  );
  run('tar', ['-xzf', join(directory, filename), '-C', directory]);
  mkdirSync(join(directory, 'bin'));
  for (const program of ['tentacle_client', 'tentacle_server']) {
    const link = join(directory, 'bin', program);
    symlinkSync(`../package/dist/bin/${program}.cjs`, link);
    expect(run(link, ['--version'])).toBe(`${program} ${version}\n`);
    expect(run(link, ['--help'])).toMatch(/^Usage: /);
  }
});

/** As the build takes it by itself. */
function lastCommit(): string {
  try {
    return run('git', ['log', '-1', '--pretty=%ct'], { stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return '0';
  }
}
