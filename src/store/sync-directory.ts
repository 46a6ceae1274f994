/** Waits until the disk has what a directory lists. */
import { constants, fsync } from 'node:fs';
import { open } from 'node:fs/promises';
import { promisify } from 'node:util';

const { O_RDONLY, O_DIRECTORY } = constants;
/** What file systems answer that cannot sync a directory: there is no more to be had from them. */
const NO_DIRECTORY_SYNC: readonly (string | undefined)[] = ['EINVAL', 'ENOTSUP', 'EOPNOTSUPP'];

const fsyncInThread = promisify(fsync);

/** @throws the system's error, unless this file system can sync no directory */
export async function syncOpen(directory: number): Promise<void> {
  await fsyncInThread(directory).catch((cause: unknown) => {
    if (!NO_DIRECTORY_SYNC.includes((cause as NodeJS.ErrnoException).code)) throw cause;
  });
}

/** @throws as syncOpen, and when the directory cannot be opened */
export async function syncDirectory(directory: Buffer): Promise<void> {
  const handle = await open(directory, O_RDONLY | O_DIRECTORY);
  await syncOpen(handle.fd).finally(() => handle.close());
}
