/** Files whose content follows from their name: whoever finds one can tell whether it is whole. */
import { createHash } from 'node:crypto';

const CHUNK = 65_536;
const NAME = /^(soak|fixture)\.(\d+)\.(\d+)\.(data|conf|md5|zip)$/;
let count = 0;

export type Suffix = 'data' | 'conf' | 'md5' | 'zip';

/** A name that no other file has, for so many bytes; the data server takes .data as Pandora's does (N3). */
export function newName(size: number, suffix: Suffix): string {
  return `soak.${String(size)}.${String(++count)}.${suffix}`;
}

/** A file that is there from the start and stays, to be fetched. */
export function fixtureName(size: number, suffix: Suffix): string {
  return `fixture.${String(size)}.0.${suffix}`;
}

/** Whether some client sends it. */
export function isSent(name: string): boolean {
  return name.startsWith('soak.') && NAME.test(name);
}

/** The directory of a spool where the shipped filters keep such a name. */
export function folderOf(name: string): string {
  const suffix = NAME.exec(name)?.[4] ?? '';
  return { conf: 'conf', md5: 'md5', zip: 'collections' }[suffix] ?? '';
}

/** @throws Error for other names than those made here */
export function sizeOf(name: string): number {
  const size = NAME.exec(name)?.[2];
  if (size === undefined) throw new Error(`${name}: not a file of this soak`);
  return Number(size);
}

/** Bytes that pack to a tenth, as XML does; each chunk is of this place in this file alone. */
export function* chunksOf(name: string): Generator<Buffer, void, undefined> {
  const size = sizeOf(name);
  for (let start = 0; start < size; start += CHUNK) {
    const line = createHash('sha256')
      .update(`${name} ${String(start)}`)
      .digest('base64');
    yield Buffer.alloc(Math.min(CHUNK, size - start), `<module>${line}</module>\n`);
  }
}

/** Whether these are the bytes that belong to the name, all of them and no others. */
export function isWhole(name: string, content: Buffer): boolean {
  let start = 0;
  for (const chunk of chunksOf(name)) {
    if (!content.subarray(start, start + chunk.length).equals(chunk)) return false;
    start += chunk.length;
  }
  return content.length === start;
}
