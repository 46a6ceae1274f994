/** Proves that a path which the unit's sandbox closes is told with the line that opens it, and no other is. */
import { expect, test } from 'vitest';
import { sandboxHint } from '../../../src/process/sandbox.ts';

const SERVICE = { INVOCATION_ID: '0123456789abcdef' };

test.each([
  ['/srv/spool', 'EROFS', 'ReadWritePaths=/srv/spool'],
  ['/home/me/key.pem', 'EACCES', 'ProtectHome=read-only'],
  ['/root/key.pem', 'EACCES', 'ProtectHome=read-only'],
  ['/tmp/data_in', 'ENOENT', 'PrivateTmp=no'],
])('%s with %s: %s', (path, code, line) => {
  expect(sandboxHint(path, code, SERVICE)).toContain(`"${line}"`);
});

test.each([
  ['/etc/key.pem', 'EACCES'],
  ['/srv/spool', 'ENOENT'],
  ['/homeless', 'EACCES'],
  ['/srv/spool', undefined],
])('%s with %s is not the doing of a sandbox', (path, code) => {
  expect(sandboxHint(path, code, SERVICE)).toBe('');
});

test('without systemd there is no sandbox', () => {
  expect(sandboxHint('/srv/spool', 'EROFS', {})).toBe('');
});
