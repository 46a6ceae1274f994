/** Compares a file with bytes that come from elsewhere. */
import { constants, type Stats } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';

/**
 * Whether a regular file holds just these bytes.
 * @param about what is known of the file
 * @throws the system's error when it cannot be read
 */
export async function holdsSame(
  path: Buffer,
  about: Stats,
  bytes: { readonly size: number; readonly chunks: () => AsyncIterable<Buffer> },
): Promise<boolean> {
  if (!about.isFile() || about.size !== bytes.size) return false;
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    let position = 0;
    for await (const chunk of bytes.chunks()) {
      if (!chunk.equals(await readAt(file, position, chunk.length))) return false;
      position += chunk.length;
    }
    return position === bytes.size;
  } finally {
    await file.close();
  }
}

/** Fewer at the end of the file. */
async function readAt(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const into = Buffer.alloc(length);
  let read = 0;
  while (read < length) {
    const { bytesRead } = await file.read(into, read, length - read, position + read);
    if (bytesRead === 0) break;
    read += bytesRead;
  }
  return into.subarray(0, read);
}
