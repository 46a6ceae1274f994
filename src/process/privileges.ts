/** Becomes an ordinary user for good. */
import { execFileSync } from 'node:child_process';

/** Whether this process runs as root. */
export function isRoot(): boolean {
  return process.geteuid?.() === 0;
}

/** Whether this process runs as that user already. @param user a name or a number */
export function isUser(user: string): boolean {
  return lookUp(user)?.uid === process.geteuid?.();
}

/**
 * Takes the groups, then the group, then the identity of a user; there is no way back.
 * @throws Error when there is no such user, or this process may not
 */
export function becomeUser(user: string): void {
  const account = lookUp(user);
  if (account === undefined) throw new Error(`there is no user "${user}"`);
  try {
    // Documented, but missing in @types/node.
    (process as { initgroups?: (user: string, group: number) => void }).initgroups?.(
      account.name,
      account.gid,
    );
    process.setgid?.(account.gid);
    process.setuid?.(account.uid);
  } catch (cause) {
    throw new Error(adviceOn(cause, account.name), { cause });
  }
}

/** Debian 13's Node, with a libuv that may use io_uring, refuses it to everybody. */
function adviceOn(cause: unknown, user: string): string {
  const { code, message } = cause as NodeJS.ErrnoException;
  if (code !== 'ERR_INVALID_STATE') return message;
  return `this Node cannot become another user (${message}): start it with "runuser -u ${user} -- tentacle_server ..."`;
}

/** getent also knows users of LDAP and the like, which /etc/passwd does not hold. */
function lookUp(user: string): { name: string; uid: number; gid: number } | undefined {
  try {
    const line = execFileSync('getent', ['passwd', '--', user], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const [name = '', , uid, gid] = line.split(':');
    return { name, uid: Number(uid), gid: Number(gid) };
  } catch {
    return undefined;
  }
}
