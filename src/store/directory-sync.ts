/** Waits until the disk has what a directory lists: all who wait at a time wait for one call. */
import { constants, fsync, type Stats } from 'node:fs';
import { open } from 'node:fs/promises';
import { promisify } from 'node:util';

const { O_RDONLY, O_DIRECTORY } = constants;
/** What file systems answer that cannot sync a directory: there is no more to be had from them. */
const NO_DIRECTORY_SYNC: readonly (string | undefined)[] = ['EINVAL', 'ENOTSUP', 'EOPNOTSUPP'];

type Fsync = (fd: number) => Promise<void>;

const inThreadFsync: Fsync = promisify(fsync);

export interface OpenDirectory {
  /** Open until it is synced. */
  readonly fd: number;
  readonly facts: Pick<Stats, 'dev' | 'ino'>;
}

/**
 * Of the directory at one path: one call at a time. Who comes while it is in progress shares the next with all who wait.
 * Two or four at a time cost more of the processor than they gain, with 8 clients as with 64.
 */
export class DirectorySync {
  readonly #fsync: Fsync;
  #isRunning = false;
  /** The call that begins next, and sees what was named until then. */
  #next: { readonly directory: OpenDirectory; readonly synced: Promise<void> } | undefined;
  #onEnd: (() => void) | undefined;

  constructor(fsync = inThreadFsync) {
    this.#fsync = fsync;
  }

  /** @throws the system's error, the same to all who wait, unless this file system can sync no directory */
  sync(directory: OpenDirectory): Promise<void> {
    this.#next ??= { directory, synced: this.#turn().then(() => this.#begin(directory)) };
    if (isSame(this.#next.directory, directory)) return this.#next.synced;
    // It was replaced since the others opened theirs.
    return syncOpen(directory.fd, this.#fsync);
  }

  async #turn(): Promise<void> {
    if (this.#isRunning) await new Promise<void>((resolve) => (this.#onEnd = resolve));
  }

  async #begin({ fd }: OpenDirectory): Promise<void> {
    // Whoever gives a name from now on is too late for this one.
    this.#next = undefined;
    this.#isRunning = true;
    try {
      await syncOpen(fd, this.#fsync);
    } finally {
      this.#isRunning = false;
      this.#onEnd?.();
      this.#onEnd = undefined;
    }
  }
}

/** @throws as DirectorySync, and when the directory cannot be opened */
export async function syncDirectory(directory: Buffer): Promise<void> {
  const handle = await open(directory, O_RDONLY | O_DIRECTORY);
  await syncOpen(handle.fd, inThreadFsync).finally(() => handle.close());
}

async function syncOpen(fd: number, sync: Fsync): Promise<void> {
  await sync(fd).catch((cause: unknown) => {
    if (!NO_DIRECTORY_SYNC.includes((cause as NodeJS.ErrnoException).code)) throw cause;
  });
}

function isSame({ facts: a }: OpenDirectory, { facts: b }: OpenDirectory): boolean {
  return a.ino === b.ino && a.dev === b.dev;
}
