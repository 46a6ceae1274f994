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

/** Settings, as far as they need open files. */
export interface Busyness {
  readonly maxConnections: number;
  /** `connections`: over which stored files are sent on. */
  readonly mode: { readonly kind: string; readonly connections?: number };
}

/** Of a worker with nobody in it: log, listeners, pipes, libwrap's helpers. */
const OWN_FILES = 40;
/** However low the limit is, so many may come. */
const LEAST_CONNECTIONS = 8;

/**
 * How many connections this process may have open, so that each finds a descriptor for its file or upstream. Beyond the
 * limit the system closes new ones before anybody hears of them, and refuses the files of those who are there.
 * @returns Infinity when max_connections and the rest keep it within the limit anyway
 */
export function mostConnections(settings: Busyness, limit = openFileLimit()): number {
  if (limit >= filesNeeded(settings)) return Infinity;
  const left = limit - OWN_FILES - 2 * (settings.mode.connections ?? 0);
  return Math.max(Math.floor(left / 2), LEAST_CONNECTIONS);
}

/** What the server needs at least: each connection has a socket, and beside it a file or a socket to the upstream. */
export function filesNeeded({ maxConnections, mode: { connections = 0 } }: Busyness): number {
  return 2 * (maxConnections + connections) + MOST_PENALTIES + OTHER_FILES + LEAST_WAITING_ROOM;
}
