/** Tells the troubles that a log meets apart. */
import { codeOf, reasonOf } from './errno.ts';

/** A reader is there, but does not keep up. */
export function isSlowReader(cause: unknown): boolean {
  return codeOf(cause) === 'EAGAIN';
}

/** Passes while the file stays the same file: no reason to open it anew. */
export function keepsFile(cause: unknown): boolean {
  return isSlowReader(cause) || ['ENOSPC', 'EDQUOT', 'EFBIG'].includes(codeOf(cause) ?? '');
}

/** The disk's trouble, not a mistake in the settings: it may pass by itself. */
export function isDiskTrouble(cause: unknown): boolean {
  return ['ENOSPC', 'EDQUOT', 'EROFS', 'EIO'].includes(codeOf(cause) ?? '');
}

/** Why lines cannot be written, in words. */
export function troubleOf(cause: unknown): string {
  switch (codeOf(cause)) {
    case 'EPIPE':
    case 'ENXIO':
      return 'nobody reads it';
    case 'EAGAIN':
      return 'whoever reads it does not keep up';
    default:
      return reasonOf(cause);
  }
}
