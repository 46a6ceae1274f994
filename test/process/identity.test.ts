/** Who the program runs as, and what others can see of it. */
import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { Dialogue } from '../support/dialogue.ts';
import { runServer, ServerProcess } from '../support/program.ts';
import { testWith } from '../support/requires.ts';
import { temporarySpool } from '../support/temporary.ts';

/** The numbers of one line of /proc/PID/status. */
function statusNumbers(pid: number, field: string): number[] {
  const status = readFileSync(`/proc/${String(pid)}/status`, 'utf8');
  const line = new RegExp(`^${field}:\\s*(.*)$`, 'm').exec(status)?.[1] ?? '';
  return line.trim().split(/\s+/).map(Number);
}

function idOf(user: string, what: '-u' | '-g' | '-G'): number[] {
  return execFileSync('id', [what, user], { encoding: 'utf8' }).trim().split(' ').map(Number);
}

const ascending = (a: number, b: number): number => a - b;

describe('as root', () => {
  testWith(['root'], 'without a user it does not start, and names both tokens', () => {
    const { status, stderr } = runServer(['-s', temporarySpool()]);
    expect(stderr).toMatch(/^\[err\] refusing to run as root: .*"user NAME" \(-U NAME\).*"allow_root 1"/);
    expect(status).toBe(1);
  });

  testWith(['root'], 'with an unknown user it does not start', () => {
    const { status, stderr } = runServer(['-s', temporarySpool(), '-U', 'no-such-user']);
    expect(stderr).toMatch(/-U, --user: user: there is no user "no-such-user"/);
    expect(status).toBe(1);
  });

  testWith(['root'], 'what the user cannot read is refused at the start', () => {
    const spool = temporarySpool();
    chmodSync(spool, 0o700);
    const { status, stderr } = runServer(['-s', spool, '-U', 'nobody']);
    expect(stderr).toMatch(/cannot be written: permission denied for user nobody\n/);
    expect(status).toBe(1);
  });

  testWith(
    ['root', 'getent'],
    'N5 with -U it is that user with its groups, and so are stored files',
    async () => {
      const spool = temporarySpool();
      const [[uid = 0], [gid = 0]] = [idOf('nobody', '-u'), idOf('nobody', '-g')];
      chownSync(spool, uid, gid);
      const server = await ServerProcess.start(['-s', spool, '-U', 'nobody']);
      // Real, effective, saved and file system identity: there is no way back.
      expect(statusNumbers(server.pid, 'Uid')).toEqual([uid, uid, uid, uid]);
      expect(statusNumbers(server.pid, 'Gid')).toEqual([gid, gid, gid, gid]);
      expect(statusNumbers(server.pid, 'Groups').sort(ascending)).toEqual(
        idOf('nobody', '-G').sort(ascending),
      );
      const dialogue = await Dialogue.open(server.port);
      expect(await dialogue.ask('SEND <a.data> SIZE 1\n')).toBe('SEND OK\n');
      expect(await dialogue.ask('x')).toBe('SEND OK\n');
      const stored = statSync(join(spool, 'a.data'));
      expect({ uid: stored.uid, gid: stored.gid, mode: stored.mode & 0o7777 }).toEqual({
        uid,
        gid,
        mode: 0o660,
      });
    },
  );
});

describe('the process list', () => {
  test.each([
    [['-x', 'secret']],
    [['-xsecret']],
    [['-vxsecret']],
    [['-vx', 'secret']],
    [['--password=secret']],
    [['--password', 'secret']],
  ])('does not show the password of %j', async (password) => {
    const server = await ServerProcess.start([...password, '-s', temporarySpool()]);
    const words = readFileSync(`/proc/${String(server.pid)}/cmdline`, 'latin1');
    expect(words).not.toContain('secret');
    expect(words).toContain('tentacle_server');
    // It is the password nevertheless.
    const dialogue = await Dialogue.open(server.port);
    expect(await dialogue.ask(`PASS ${SECRET_DIGEST}\n`)).toBe('PASS OK\n');
  });
});

/** md5(md5("secret")), W10. */
const SECRET_DIGEST = execFileSync(
  'sh',
  ['-c', 'printf secret | openssl md5 -binary | openssl md5 -r | cut -c1-32'],
  { encoding: 'utf8' },
).trim();
