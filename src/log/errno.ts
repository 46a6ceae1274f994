/** Says in usual words what the system's usual errors mean. */

import { constants, userInfo } from 'node:os';

/** Code of a system error. A used-up quota has no name in libuv, and Node calls it `Unknown system error -122`. */
export function codeOf(cause: unknown): string | undefined {
  const { code, errno } = cause as NodeJS.ErrnoException;
  return errno === -constants.errno.EDQUOT ? 'EDQUOT' : code;
}

/** What happened, as it goes behind "cannot read FILE: " and the like. */
export function reasonOf(cause: unknown): string {
  switch (codeOf(cause)) {
    case 'ENOENT':
      return 'it does not exist';
    case 'EACCES':
    case 'EPERM':
      return `permission denied for user ${userName()}`;
    case 'EISDIR':
      return 'it is a directory';
    case 'ENOTDIR':
      return 'it is not a directory';
    case 'EROFS':
      return 'the file system is read-only';
    case 'ENOSPC':
      return 'the disk is full';
    case 'EDQUOT':
      return `the disk quota of user ${userName()} is used up`;
    case 'EIO':
      return 'the disk fails (input/output error); the kernel log (dmesg) says more';
    case 'EMFILE':
      return 'this process has too many files and connections open: raise LimitNOFILE (ulimit -n)';
    case 'ENFILE':
      return 'this host has too many files open: raise fs.file-max';
    case 'EADDRINUSE':
      return 'another program is listening there';
    case 'EADDRNOTAVAIL':
      return 'this host has no such address';
    case 'ENOTFOUND':
      return 'the name is unknown';
    default:
      return (cause as Error).message;
  }
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    // A number without a name, as in containers.
    return String(process.geteuid?.() ?? 'unknown');
  }
}
