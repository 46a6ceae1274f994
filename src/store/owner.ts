/** Names staged files after the process that writes them, so that a later start knows which are abandoned. */
import { createHash } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname, uptime } from 'node:os';

/** Who wrote a staged file. Each part is free of dots. */
interface Owner {
  readonly host: string;
  readonly boot: string;
  readonly namespace: string;
  readonly pid: string;
  readonly started: string;
}

const UNKNOWN = '0';
const PREFIX = '.tentacle';
const SUFFIX = 'part';
/** A transfer stalls for seconds at most (W4): what was not touched for an hour belongs to nobody. */
const UNTOUCHED_MS = 3_600_000;
/** A lock is made and at once says whose it is; one that does not after so long never will. */
export const UNSIGNED_MS = 10_000;

const self: Owner = {
  // Hosts that share an NFS mount (N6) may share a name, too.
  host: short(hostname() + line('/etc/machine-id')),
  boot: short(line('/proc/sys/kernel/random/boot_id')),
  namespace: short(link('/proc/self/ns/pid')),
  pid: String(process.pid),
  started: startTime(process.pid) ?? UNKNOWN,
};
let count = 0;

/** A new name that begins with a dot, so that neither consumer (N3) nor peer (N1) can mean it. */
export function stagedName(): string {
  const parts = [self.host, self.boot, self.namespace, self.pid, self.started, String(count++)];
  return `${PREFIX}.${parts.join('.')}.${SUFFIX}`;
}

/** The hidden name that serves as a lock for a final name; its content is a staged name: its owner's. */
export function lockName(name: string): string {
  return `${PREFIX}.lock.${short(name)}`;
}

/** Whether a name is that of a lock. */
export function isLockName(name: string): boolean {
  return name.startsWith(`${PREFIX}.lock.`);
}

/**
 * Whether a staged file may be removed: it is of this host, and its process is gone.
 * @param name that of a staged file, or '' for one whose owner is not known
 * @param untouchedMs how long ago it was last written, in milliseconds
 */
export function isAbandoned(name: string, untouchedMs: number): boolean {
  if (name === '') return untouchedMs > UNSIGNED_MS;
  const [empty, prefix, host, boot, namespace, pid, started, , suffix] = name.split('.');
  if (empty !== '' || `.${prefix ?? ''}` !== PREFIX || suffix !== SUFFIX || host !== self.host) return false;
  // A clone of this machine on the same mount has another boot as well, but writes now.
  if (boot !== self.boot) return untouchedMs > uptime() * 1000;
  // Another container on this machine: its processes cannot be seen from here.
  if (namespace !== self.namespace) return untouchedMs > UNTOUCHED_MS;
  return !isAlive(Number(pid), started);
}

/** Whether a staged file was made since this machine started. @param name of the file, whatever is before it */
export function isOfThisBoot(name: string): boolean {
  return name.split('.')[3] === self.boot;
}

function isAlive(pid: number, started: string | undefined): boolean {
  if (self.started !== UNKNOWN) return startTime(pid) === started;
  try {
    // Without /proc: signal 0 only asks whether there is such a process.
    return process.kill(pid, 0);
  } catch (cause) {
    return (cause as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** When a process started, in ticks since boot; undefined when there is none. A pid alone may be used again. */
function startTime(pid: number): string | undefined {
  const stat = line(`/proc/${String(pid)}/stat`);
  // The second field is the program's name in parentheses, which may hold anything.
  const [state = '', ...fields] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  // One that is dead but not buried writes no more.
  return 'ZX'.includes(state) ? undefined : fields[18];
}

function short(text: string): string {
  return createHash('sha256').update(text, 'latin1').digest('hex').slice(0, 12);
}

function line(path: string): string {
  try {
    return readFileSync(path, 'latin1').trim();
  } catch {
    return '';
  }
}

function link(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}
