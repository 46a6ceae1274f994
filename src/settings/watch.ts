/** Tells when one of some files may have changed. */
import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { FSWatcher } from 'chokidar';
import { reasonOf } from '../log/errno.ts';
import { type WatchPoints, watchPoints } from './watch-points.ts';

export interface FileWatch {
  /** Watches these files, absolute, instead of those before; they need not be there. */
  set(paths: readonly string[]): void;
  /** Nothing is told any more; until then the process stays alive. */
  close(): Promise<void>;
}

export interface WatchOptions {
  /** Told once what cannot be watched; changes there are still found by looking every now and then. */
  readonly onTrouble?: (text: string) => void;
  /** How long to wait for further changes before one is told, in milliseconds. */
  readonly settleMs?: number;
  /** After so many milliseconds a change is assumed: the system does not report those of other hosts (NFS). */
  readonly everyMs?: number;
}

/**
 * Watches files however they are changed: written, replaced, removed, made again, with their directory, or by swapping
 * a symlink on the way to them. It calls whenever something may have happened; what did is to be read from the files.
 * @param onChange called at least every `everyMs`, and after each `set` that changed what is watched
 */
export function watchFiles(onChange: () => void, options: WatchOptions = {}): FileWatch {
  return new Watch(onChange, options);
}

class Watch implements FileWatch {
  readonly #onChange: () => void;
  readonly #options: Required<WatchOptions>;
  readonly #safetyNet: NodeJS.Timeout;
  readonly #told = new Set<string>();
  #paths: readonly string[] = [];
  #watcher: DirectoryWatcher | undefined;
  /** What the watcher watches, in a form that can be compared. */
  #watched = '';
  #settling: NodeJS.Timeout | undefined;
  /** Looks follow one another. */
  #looking: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(onChange: () => void, { onTrouble, settleMs = 200, everyMs = 60_000 }: WatchOptions) {
    this.#onChange = onChange;
    this.#options = { onTrouble: onTrouble ?? (() => undefined), settleMs, everyMs };
    this.#safetyNet = setInterval(() => {
      this.#soon();
    }, everyMs).unref();
  }

  set(paths: readonly string[]): void {
    this.#paths = paths;
    this.#look();
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#safetyNet);
    clearTimeout(this.#settling);
    await this.#looking;
    await this.#watcher?.close();
  }

  /** Many events in a row are one change; a stream of them that never ends is told all the same. */
  #soon(): void {
    if (this.#closed) return;
    this.#settling ??= setTimeout(() => {
      this.#settling = undefined;
      this.#look();
      this.#onChange();
    }, this.#options.settleMs);
  }

  #look(): void {
    this.#looking = this.#looking.then(() => this.#watchAgain());
  }

  /** Watches what the files' paths lead to now, if that is not what is watched already. */
  async #watchAgain(): Promise<void> {
    const points = await watchPoints(this.#paths);
    const wanted = await identityOf(points);
    if (this.#closed || wanted === this.#watched) return;
    this.#watched = wanted;
    // The old one first: two that watch the same path would share a watch, of a directory that is gone perhaps.
    await this.#watcher?.close();
    this.#watcher = new DirectoryWatcher(points);
    this.#watcher
      // What happened since the files were read went unseen.
      .on('ready', () => {
        this.#soon();
      })
      .on('raw', (_kind: string, name: string | null, details: unknown) => {
        this.#heard(points, name, (details as { readonly watchedPath: string }).watchedPath);
      })
      .on('error', (cause) => {
        this.#trouble(cause);
      })
      .add([...points.keys()]);
  }

  /** @param name what changed, null where the system does not tell */
  #heard(points: WatchPoints, name: string | null, directory: string): void {
    // The directory itself is gone or moved, and the watch with it, whatever is in its place by now.
    if (name === basename(directory)) this.#watched = '';
    if (name === null || points.get(directory)?.has(name) !== false) this.#soon();
  }

  #trouble(cause: unknown): void {
    const { path, code } = cause as NodeJS.ErrnoException;
    const reason =
      code === 'ENOSPC' ? 'no more inotify watches (fs.inotify.max_user_watches)' : reasonOf(cause);
    const text = `cannot watch ${path ?? 'files'}: ${reason}`;
    if (this.#told.has(text)) return;
    this.#told.add(text);
    this.#options.onTrouble(text);
  }
}

/** Watches directories by one inotify watch each. */
class DirectoryWatcher extends FSWatcher {
  constructor(directories: WatchPoints) {
    super({ depth: 0, followSymlinks: false, ignored: (path) => !directories.has(path) });
  }

  /** chokidar would look at each file of the directory at each event: with 100,000 files, more than a second. */
  override _readdirp(): undefined {
    return undefined;
  }
}

/** Directories with their inodes and names: a new directory in the place of an old one is another. */
async function identityOf(points: WatchPoints): Promise<string> {
  const lines = [...points].map(async ([directory, names]) => {
    const found = await stat(directory).catch(() => undefined);
    return [directory, String(found?.dev), String(found?.ino), ...names].join('\0');
  });
  return (await Promise.all(lines)).join('\n');
}
