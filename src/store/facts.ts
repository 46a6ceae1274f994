/** What tells without reading whether a file is still the same. */
import type { Stats } from 'node:fs';

export interface Facts {
  /** Bytes. */
  readonly size: number;
  /** Since the epoch, with fractions. */
  readonly mtimeMs: number;
  readonly ino: number;
}

export function factsOf({ size, mtimeMs, ino }: Stats): Facts {
  return { size, mtimeMs, ino };
}

/** Whether both are of the same file with the same content, as far as that can be told. */
export function sameFacts(one: Facts | undefined, other: Facts | undefined): boolean {
  if (one === undefined || other === undefined) return one === other;
  return one.size === other.size && one.mtimeMs === other.mtimeMs && one.ino === other.ino;
}
