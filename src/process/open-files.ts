/** Knows how many files and sockets this process may have open. */
import { readFileSync } from 'node:fs';

/** The limit (`ulimit -n`, LimitNOFILE); Infinity where the system does not tell. */
export function openFileLimit(): number {
  try {
    const limit = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
    return limit === undefined ? Infinity : Number(limit);
  } catch {
    return Infinity;
  }
}

/** At least so many may wait, however small max_connections is. */
export const LEAST_WAITING_ROOM = 64;
/** Sockets kept for a moment after a wrong password; more are closed at once. */
export const MOST_PENALTIES = 1000;
/** Log, listeners, pipes, threads. */
const OTHER_FILES = 100;

/** What the server needs at least: each connection served has a socket and a file. */
export function filesNeeded(maxConnections: number): number {
  return 2 * maxConnections + MOST_PENALTIES + OTHER_FILES + LEAST_WAITING_ROOM;
}
