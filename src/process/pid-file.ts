/** Tells others the process id of the running server, by a file, and keeps a second server from starting. */
import {
  closeSync,
  fchmodSync,
  lstatSync,
  openSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { basename, dirname } from 'node:path';
import { userInfo } from 'node:os';

const MODE = 0o644;
/** More than that is no process id, but somebody's file that was named by mistake. */
const LONGEST = 64;
/** A server as it is started: not an editor that has our configuration open. */
const SERVER = /^tentacle_server(\.(c?js|ts))?$/;

/** A pid file that holds the id of this process. */
export class PidFile {
  readonly #path: string;

  private constructor(path: string) {
    this.#path = path;
  }

  /**
   * Writes the file whole, with mode 0644; one that names no running server is replaced.
   * @throws Error when a server with this file runs, or the file cannot be written: what happened and what to do
   */
  static write(path: string): PidFile {
    try {
      // Whoever names /dev/null hears that, not that there is no right to write beside it.
      refuseIfStrange(path);
      withLock(path, () => {
        refuseIfHeld(path);
        writeWhole(path);
      });
    } catch (cause) {
      throw cause instanceof Held ? new Error(cause.message) : new Error(adviceOn(path, cause), { cause });
    }
    return new PidFile(path);
  }

  /** Removes the file unless it is another process's by now; never throws. */
  remove(): void {
    try {
      if (readFileSync(this.#path, 'latin1') === line(process.pid)) unlinkSync(this.#path);
    } catch {
      // It is gone already, or its directory is closed to us: the next start recognises it as stale.
    }
  }
}

/** Somebody else is running, or starting. */
class Held extends Error {}

/**
 * Of two starts at once only one may judge and replace the file. The lock is a link to a process id: made in one step,
 * with its content. It stays behind only when a process is killed between two lines of this file.
 */
function withLock(path: string, work: () => void): void {
  const lock = `${path}.lock`;
  while (!couldLock(lock)) {
    const holder = holderOf(lock);
    if (holder === undefined) continue;
    if (isServer(holder))
      throw new Held(`another start, with PID ${String(holder)}, is writing pid_file ${path}`);
    rmSync(lock, { force: true });
  }
  try {
    work();
  } finally {
    unlinkSync(lock);
  }
}

function couldLock(lock: string): boolean {
  try {
    symlinkSync(String(process.pid), lock);
    return true;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw cause;
  }
}

/** Undefined when it was let go in this moment. */
function holderOf(lock: string): number | undefined {
  try {
    return Number(readlinkSync(lock));
  } catch {
    return undefined;
  }
}

/** @returns whether there is a file, which may be a pid file */
function refuseIfStrange(path: string): boolean {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined || found.isSymbolicLink()) return false;
  if (!found.isFile() || found.size > LONGEST) {
    throw new Held(`pid_file ${path} is something else than a pid file: name a file that may be replaced`);
  }
  return true;
}

function refuseIfHeld(path: string): void {
  if (!refuseIfStrange(path)) return;
  const holder = Number(readFileSync(path, 'latin1').trim());
  if (isServer(holder)) throw new Held(`already running with PID ${String(holder)} (pid_file ${path})`);
}

/** Whether that is a running server, of ours or the one in Perl, but not this very start. */
function isServer(pid: number): boolean {
  // After a restart of the machine or of a container the same ids come again.
  if (!Number.isInteger(pid) || pid <= 0 || pid === process.pid || pid === process.ppid) return false;
  try {
    // A process that changed its title has blanks where the others have NUL.
    const words = readFileSync(`/proc/${String(pid)}/cmdline`, 'utf8').split(/[\0 ]/);
    return words.some((word) => SERVER.test(basename(word)));
  } catch {
    return false;
  }
}

/** N3 for a small file: whoever reads it finds all of it. */
function writeWhole(path: string): void {
  const part = `${path}.${String(process.pid)}`;
  const file = openSync(part, 'wx', MODE);
  try {
    // Whatever the umask says: the init script and monitoring run as other users.
    fchmodSync(file, MODE);
    writeSync(file, line(process.pid));
    renameSync(part, path);
  } catch (cause) {
    unlinkSync(part);
    throw cause;
  } finally {
    closeSync(file);
  }
}

function line(pid: number): string {
  return `${String(pid)}\n`;
}

function adviceOn(path: string, cause: unknown): string {
  const { code, message } = cause as NodeJS.ErrnoException;
  const directory = dirname(path);
  const user = userName();
  const make = `make a directory for it, with "install -d -o ${user} /run/tentacle", and set pid_file to a file in it`;
  switch (code) {
    case 'EACCES':
    case 'EPERM':
      return `cannot write pid_file ${path}: user ${user} may not write in ${directory}; ${make}`;
    case 'EROFS':
      return `cannot write pid_file ${path}: the file system is read-only, or the service's sandbox makes it so; ${make}`;
    case 'ENOENT':
      return `cannot write pid_file ${path}: there is no directory ${directory}; make it, with "install -d -o ${user} ${directory}"`;
    default:
      return `cannot write pid_file ${path}: ${message}`;
  }
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    // A number without a name, as in containers.
    return String(process.geteuid?.() ?? '');
  }
}
