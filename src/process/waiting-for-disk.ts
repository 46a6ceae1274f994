/** Recognises a process that hangs on a disk, which is no fault of its own. */
import { readFileSync } from 'node:fs';

/** Whether the main thread of a process is in uninterruptible sleep (state D, proc_pid_stat(5)); false when it is gone. */
export function isWaitingForDisk(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${String(pid)}/stat`, 'latin1');
    // Its name, in parentheses, may hold anything, parentheses too.
    return stat.slice(stat.lastIndexOf(')')).startsWith(') D ');
  } catch {
    return false;
  }
}
