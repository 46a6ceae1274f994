/** Makes standard output and standard error safe to write to: no reader, however slow, blocks the process. */
import { constants, fstatSync, openSync } from 'node:fs';
import { isatty } from 'node:tty';

export type StandardFd = 1 | 2;

/**
 * A file descriptor for the same stream that never blocks. A pipe or terminal is opened anew for this process alone,
 * so that whoever shares it keeps it as it was.
 */
export function openStandard(fd: StandardFd): number {
  const kind = fstatSync(fd);
  if (kind.isFIFO() || isatty(fd)) {
    try {
      const flags = constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY;
      return openSync(`/proc/self/fd/${String(fd)}`, flags);
    } catch {
      // Without /proc, as another user, or without a reader: as it is.
    }
  }
  if (kind.isFIFO() || kind.isSocket()) makeNonBlocking(fd);
  return fd;
}

/** Node sets O_NONBLOCK when it makes a stream of a pipe or socket, which it does at the first look. */
function makeNonBlocking(fd: StandardFd): void {
  const stream = fd === 1 ? process.stdout : process.stderr;
  // What a library prints must not end the process when its reader is gone.
  if (stream.listenerCount('error') === 0) stream.on('error', () => undefined);
}
