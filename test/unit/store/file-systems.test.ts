/** Proves that files are stored whole and once on file systems with other habits, which a shim under libc plays. */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { describe, expect } from 'vitest';
import { testWith } from '../../support/requires.ts';
import { temporaryDirectory, temporarySpool } from '../../support/temporary.ts';

/** What libc does differently, by the words in $HABITS; links and renames are told on standard error. */
const SHIM = String.raw`
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
static int has(const char *habit) { const char *all = getenv("HABITS"); return all && strstr(all, habit); }
static void tell(const char *what) { if (write(2, what, strlen(what)) < 0) abort(); }
int link(const char *from, const char *to) {
  tell("link\n");
  if (!has("no-links")) return REAL(link)(from, to);
  errno = EPERM;
  return -1;
}
int linkat(int a, const char *from, int b, const char *to, int flags) {
  if (!has("no-links")) return REAL(linkat)(a, from, b, to, flags);
  errno = EPERM;
  return -1;
}
int rename(const char *from, const char *to) { tell("rename\n"); return REAL(rename)(from, to); }
int fsync(int fd) {
  struct stat s;
  if (has("no-directory-sync") && fstat(fd, &s) == 0 && S_ISDIR(s.st_mode)) { errno = EINVAL; return -1; }
  return REAL(fsync)(fd);
}
static int is_lock(int fd) {
  char link[64], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t n = readlink(link, path, sizeof path - 1);
  path[n < 0 ? 0 : n] = 0;
  return strstr(path, ".tentacle.lock.") != NULL;
}
ssize_t write(int fd, const void *bytes, size_t n) {
  if (fd > 2 && has("full") && is_lock(fd)) { errno = ENOSPC; return -1; }
  return REAL(write)(fd, bytes, n);
}
struct dirent64 *readdir64(DIR *directory) {
  struct dirent64 *entry = REAL(readdir64)(directory);
  if (entry && has("unknown-types")) entry->d_type = DT_UNKNOWN;
  return entry;
}
struct dirent *readdir(DIR *directory) { return (struct dirent *)readdir64(directory); }
int scandir64(const char *path, struct dirent64 ***list, int (*keep)(const struct dirent64 *),
              int (*order)(const struct dirent64 **, const struct dirent64 **)) {
  int n = REAL(scandir64)(path, list, keep, order);
  for (int i = 0; i < n && has("unknown-types"); i++) (*list)[i]->d_type = DT_UNKNOWN;
  return n;
}
int scandir(const char *path, struct dirent ***list, int (*keep)(const struct dirent *),
            int (*order)(const struct dirent **, const struct dirent **)) {
  return scandir64(path, (struct dirent64 ***)list, (void *)keep, (void *)order);
}
`;

/** Stores each text under the name, all at once, and tells the outcomes; or runs another method of the store. */
const PROGRAM = `
import { DirectoryStore } from './src/store/directory-store.ts';
const [directory, method, name, ...texts] = process.argv.slice(2);
const overwrite = process.env.OVERWRITE === '1';
const store = new DirectoryStore({ directory, filters: [], overwrite, fsync: true, minFreeSpace: 0 });
async function put(text) {
  const incoming = await store.receive(name, text.length);
  try {
    await incoming.write(Buffer.from(text));
    await incoming.commit();
    return 'stored';
  } finally {
    await incoming.discard();
  }
}
const outcome = method === 'put'
  ? await Promise.all(texts.map((text) => put(text).catch((error) => error.reason ?? String(error))))
  : await store[method](name);
process.stdout.write(JSON.stringify(outcome));
`;

interface Run {
  readonly outcome: unknown;
  /** The links and renames it tried. */
  readonly calls: readonly string[];
}

type Runner = (habits: string, args: readonly string[], env?: Readonly<Record<string, string>>) => Run;

/** Compiles shim and program for the current test. */
async function prepare(): Promise<Runner> {
  const directory = temporaryDirectory();
  const [source, shim, program] = ['shim.c', 'shim.so', 'store.mjs'].map((name) => join(directory, name)) as [
    string,
    string,
    string,
  ];
  writeFileSync(source, SHIM);
  execFileSync('cc', ['-shared', '-fPIC', '-w', '-o', shim, source, '-ldl']);
  await build({
    stdin: { contents: PROGRAM, resolveDir: process.cwd() },
    outfile: program,
    bundle: true,
    platform: 'node',
    format: 'esm',
    logLevel: 'error',
  });
  return (habits, args, env = {}) => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args], {
      encoding: 'utf8',
      env: { ...process.env, LD_PRELOAD: shim, HABITS: habits, ...env },
    });
    if (status !== 0) throw new Error(stderr);
    return { outcome: JSON.parse(stdout), calls: stderr.split('\n').filter((line) => line !== '') };
  };
}

const NEEDS = ['cc'];
const TWENTY = Array.from({ length: 20 }, (_, index) => `content ${String(index)}`);

describe('without hard links', () => {
  testWith(NEEDS, 'N4 a file is stored whole, by a rename, and nothing else stays', async () => {
    const spool = temporarySpool();
    const { outcome, calls } = (await prepare())('no-links', [spool, 'put', 'a.1.data', 'whole']);
    expect(outcome).toEqual(['stored']);
    expect(calls).toEqual(['link', 'rename']);
    expect(readdirSync(spool)).toEqual(['a.1.data']);
    expect(readFileSync(join(spool, 'a.1.data'), 'latin1')).toBe('whole');
    expect(statSync(join(spool, 'a.1.data')).nlink).toBe(1);
  });

  testWith(NEEDS, 'N4 with hard links, no rename is used', async () => {
    const spool = temporarySpool();
    const { outcome, calls } = (await prepare())('', [spool, 'put', 'a.1.data', 'whole']);
    expect(outcome).toEqual(['stored']);
    expect(calls).toEqual(['link']);
    expect(readdirSync(spool)).toEqual(['a.1.data']);
  });

  testWith(NEEDS, 'N4 of twenty at once exactly one wins', async () => {
    const spool = temporarySpool();
    const { outcome } = (await prepare())('no-links', [spool, 'put', 'a', ...TWENTY]);
    const outcomes = outcome as string[];
    const winners = TWENTY.filter((_, index) => outcomes[index] === 'stored');
    expect(outcomes.filter((one) => one === 'file already exists').length).toBe(19);
    expect(winners).toEqual([readFileSync(join(spool, 'a'), 'latin1')]);
    expect(readdirSync(spool)).toEqual(['a']);
  });

  testWith(NEEDS, 'N4 a name of 255 bytes is stored', async () => {
    const spool = temporarySpool();
    const name = 'n'.repeat(255);
    expect((await prepare())('no-links', [spool, 'put', name, 'x']).outcome).toEqual(['stored']);
    expect(readdirSync(spool)).toEqual([name]);
  });

  testWith(NEEDS, 'N4 overwriting needs neither link nor lock', async () => {
    const spool = temporarySpool();
    writeFileSync(join(spool, 'a'), 'old');
    const { outcome, calls } = (await prepare())('no-links', [spool, 'put', 'a', 'new'], { OVERWRITE: '1' });
    expect([outcome, calls]).toEqual([['stored'], ['rename']]);
    expect(readFileSync(join(spool, 'a'), 'latin1')).toBe('new');
  });

  testWith(
    NEEDS,
    'N4 a lock that cannot be written is not left behind, to refuse the name for ever',
    async () => {
      const spool = temporarySpool();
      const run = await prepare();
      expect(run('no-links full', [spool, 'put', 'a', 'x']).outcome).toEqual(['not enough space']);
      expect(readdirSync(spool)).toEqual([]);
      expect(run('no-links', [spool, 'put', 'a', 'x']).outcome).toEqual(['stored']);
    },
  );
});

describe('other habits', () => {
  testWith(
    NEEDS,
    'N4 where directories cannot be synced, what was stored is not called a failure',
    async () => {
      const spool = temporarySpool();
      const { outcome } = (await prepare())('no-directory-sync', [spool, 'put', 'a', 'x']);
      expect([outcome, existsSync(join(spool, 'a'))]).toEqual([['stored'], true]);
    },
  );

  testWith(NEEDS, 'N4 directories that tell no file types are cleaned and listed all the same', async () => {
    const spool = temporarySpool('directory');
    const run = await prepare();
    for (const name of ['a', 'ü', '.hidden']) writeFileSync(join(spool, name), '');
    expect(run('unknown-types', [spool, 'removeAbandoned']).outcome).toBe(0);
    expect(run('unknown-types', [spool, 'list', 'x']).outcome).toEqual(['a', '\xc3\xbc']);
  });
});
