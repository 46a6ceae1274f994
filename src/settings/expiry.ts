/** Says how near the end of a certificate is, in the same words at every place. Pure. */
import { duration } from '../log/count.ts';

const MS_PER_DAY = 86_400_000;
/** Days before its end at which a certificate is warned about. */
const WARNED_DAYS = [30, 14, 3, 0] as const;

interface Ending {
  /** `CN=..., O=...`, printable. */
  readonly subject: string;
  /** In milliseconds since the epoch. */
  readonly validTo: number;
}

/** How many of the warnings are due: 0, or up to 4 when it has expired. @param now in milliseconds since the epoch */
export function warningsDue(validTo: number, now: number): number {
  return WARNED_DAYS.filter((days) => validTo - now < days * MS_PER_DAY).length;
}

/** The warning that is due: `(CN=server) expires in 10 days, on ...: renew it`; undefined for none. */
export function expiryText({ subject, validTo }: Ending, now: number): string | undefined {
  if (warningsDue(validTo, now) === 0) return undefined;
  const date = new Date(validTo).toUTCString();
  if (validTo < now) return `(${subject}) expired on ${date}: renew it`;
  return `(${subject}) expires in ${duration(validTo - now)}, on ${date}: renew it`;
}
