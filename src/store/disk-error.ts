/** Turns what the file system says into what the peer and the log are told. */
import { codeOf, reasonOf } from '../log/errno.ts';
import { Refusal } from '../protocol/errors.ts';

const FULL: readonly (string | undefined)[] = ['ENOSPC', 'EDQUOT', 'EFBIG'];

/** The refusal for a failed operation on a path; the path and the cause are for the log. */
export function cannotStore(cause: unknown, path: Buffer): Refusal {
  const reason = FULL.includes(codeOf(cause)) ? 'not enough space' : 'cannot store file';
  return new Refusal(reason, `${path.toString('latin1')}: ${reasonOf(cause)}`, { cause });
}

/** Whether a refusal is the disk's doing, which the administrator must hear of. */
export function isDiskTrouble(refusal: Refusal): boolean {
  return refusal.cause !== undefined || refusal.reason === 'not enough space';
}
