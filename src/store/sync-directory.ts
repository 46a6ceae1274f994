/** Waits until the disk has what a directory lists. */
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';

const { O_RDONLY, O_DIRECTORY } = constants;
/** What file systems answer that cannot sync a directory: there is no more to be had from them. */
const NO_DIRECTORY_SYNC: readonly (string | undefined)[] = ['EINVAL', 'ENOTSUP', 'EOPNOTSUPP'];

/** A directory, to be synced later: what can fail early should. To be closed. */
export function openDirectory(directory: Buffer): Promise<FileHandle> {
  return open(directory, O_RDONLY | O_DIRECTORY);
}

/** @throws the system's error, unless this file system can sync no directory */
export async function syncOpen(directory: FileHandle): Promise<void> {
  await directory.sync().catch((cause: unknown) => {
    if (!NO_DIRECTORY_SYNC.includes((cause as NodeJS.ErrnoException).code)) throw cause;
  });
}

/** @throws as syncOpen, and when the directory cannot be opened */
export async function syncDirectory(directory: Buffer): Promise<void> {
  const handle = await openDirectory(directory);
  await syncOpen(handle).finally(() => handle.close());
}
