/** Proves that staged files of the dead are removed, and nobody else's. */
import { mkdirSync, readdirSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { uptime } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { DirectoryStore } from '../../../src/store/directory-store.ts';
import { isAbandoned, isLockName, lockName, stagedName } from '../../../src/store/owner.ts';
import { temporarySpool } from '../../support/temporary.ts';

const MINUTE_MS = 60_000;
const TWO_HOURS_MS = 120 * MINUTE_MS;
// The parts of a name, by their place in it.
const [HOST, BOOT, NAMESPACE, PID, STARTED] = [2, 3, 4, 5, 6];

/** A staged name like this process's own, with some parts changed. */
function nameWith(changes: Readonly<Record<number, string>>): string {
  const parts = stagedName().split('.');
  for (const [place, part] of Object.entries(changes)) parts[Number(place)] = part;
  return parts.join('.');
}

const DEAD = { [PID]: '4194304999' };

test('names are hidden, new each time, and of this process', () => {
  const names = new Set(Array.from({ length: 100 }, stagedName));
  expect(names.size).toBe(100);
  for (const name of names) {
    expect(name).toMatch(
      new RegExp(`^\\.tentacle(\\.[0-9a-f]+){3}\\.${String(process.pid)}\\.\\d+\\.\\d+\\.part$`),
    );
    expect(isLockName(name)).toBe(false);
  }
});

test.each([
  ['of this process', {}, TWO_HOURS_MS, false],
  ['of a process that is gone', DEAD, 0, true],
  ['of a process whose number is used again', { [STARTED]: '1' }, 0, true],
  ['of another live process', { [PID]: '1', [STARTED]: '1' }, 0, true],
  ['of before the last boot', { [BOOT]: '0123456789ab', ...DEAD }, uptime() * 1000 + MINUTE_MS, true],
  ['of a clone of this host, which writes now', { [BOOT]: '0123456789ab', ...DEAD }, 0, false],
  ['of another host', { [HOST]: '0123456789ab', ...DEAD }, TWO_HOURS_MS, false],
  ['of another host, before a boot', { [HOST]: '0123456789ab', [BOOT]: '0' }, TWO_HOURS_MS, false],
  ['of another pid namespace, fresh', { [NAMESPACE]: '0123456789ab', ...DEAD }, MINUTE_MS, false],
  ['of another pid namespace, old', { [NAMESPACE]: '0123456789ab', ...DEAD }, TWO_HOURS_MS, true],
  ['of another program', { 1: 'other', ...DEAD }, TWO_HOURS_MS, false],
  ['of another kind', { 8: 'data', ...DEAD }, TWO_HOURS_MS, false],
])('N6 a file %s: abandoned %#', (_whose, changes, untouchedMs, abandoned) => {
  expect(isAbandoned(nameWith(changes), untouchedMs)).toBe(abandoned);
});

test('N4 a lock without an owner is abandoned after ten seconds', () => {
  expect(isAbandoned('', 9000)).toBe(false);
  expect(isAbandoned('', MINUTE_MS)).toBe(true);
});

test('N4 a lock’s name tells names apart, is short and hidden', () => {
  expect(isLockName(lockName('a'))).toBe(true);
  expect(lockName('a')).not.toBe(lockName('b'));
  expect(lockName('a')).toBe(lockName('a'));
  expect(lockName('n'.repeat(255)).length).toBeLessThan(64);
});

test('N3 a start removes what the dead left, in the spool and in every directory of the filters', async () => {
  const spool = temporarySpool('conf', 'other');
  const files = {
    removed: [nameWith(DEAD), `conf/${nameWith(DEAD)}`, lockName('dead'), `conf/${lockName('old')}`],
    kept: [
      ...['a.data', '.hidden', `other/${nameWith(DEAD)}`, stagedName(), nameWith({ [HOST]: 'f00', ...DEAD })],
      ...[nameWith({ [NAMESPACE]: 'f00', ...DEAD }), lockName('live'), 'conf/b.conf'],
    ],
  };
  for (const name of [...files.removed, ...files.kept]) writeFileSync(join(spool, name), '');
  writeFileSync(join(spool, lockName('dead')), nameWith(DEAD));
  writeFileSync(join(spool, lockName('live')), stagedName());
  const old = new Date(Date.now() - TWO_HOURS_MS);
  utimesSync(join(spool, 'conf', lockName('old')), old, old);
  const filters = ['conf', 'conf', 'missing', ''].map((directory) => ({
    directory,
    matches: () => true,
    permissions: 'rw' as const,
  }));
  const store = new DirectoryStore({
    directory: spool,
    filters,
    overwrite: false,
    fsync: false,
    minFreeSpace: 0,
    maxFiles: 0,
  });

  // A process that is told to end does not make others wait for it.
  expect(await store.removeAbandoned(AbortSignal.abort())).toBe(0);
  expect(await store.removeAbandoned()).toBe(files.removed.length);

  const left = readdirSync(spool, { recursive: true, encoding: 'utf8' });
  expect(left.sort()).toEqual([...files.kept, 'conf', 'other'].sort());
});

test('N3 a start removes regular files only, and follows no link', async () => {
  const spool = temporarySpool();
  mkdirSync(join(spool, nameWith(DEAD)));
  symlinkSync('/etc/passwd', join(spool, nameWith(DEAD)));
  const store = new DirectoryStore({
    directory: spool,
    filters: [],
    overwrite: false,
    fsync: false,
    minFreeSpace: 0,
    maxFiles: 0,
  });
  expect(await store.removeAbandoned()).toBe(0);
  expect(readdirSync(spool).length).toBe(2);
});
