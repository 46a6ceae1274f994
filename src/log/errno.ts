/** Says in usual words what the system's usual errors mean. */

import { userInfo } from 'node:os';

/** What happened, as it goes behind "cannot read FILE: " and the like. */
export function reasonOf(cause: unknown): string {
  const { code, message } = cause as NodeJS.ErrnoException;
  switch (code) {
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
    case 'EDQUOT':
      return 'the disk is full';
    case 'EADDRINUSE':
      return 'another program is listening there';
    case 'EADDRNOTAVAIL':
      return 'this host has no such address';
    case 'ENOTFOUND':
      return 'the name is unknown';
    default:
      return message;
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
