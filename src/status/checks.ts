/** Judges what readiness hangs on and is not looked at elsewhere. Pure. */
import type { Check } from './report.ts';
import { duration } from '../log/count.ts';
import { type CertificateReport, isShown } from '../settings/certificate-report.ts';
import type { WorkerState } from '../server/supervisor.ts';

/** The watchdog's patience is half a minute. */
const SILENT_ADVICE = 'replaced after half a minute, unless the log says that a disk hangs';

export interface ListeningFacts {
  readonly addresses: readonly string[];
  readonly failures: readonly string[];
  readonly isStopping: boolean;
  /** Whether somebody is to connect. */
  readonly takesClients: boolean;
}

/** One that serves is enough. */
export function workersCheck(states: readonly WorkerState[]): Check {
  const name = 'workers';
  const of = (state: WorkerState): number => states.filter((each) => each === state).length;
  const [serving, silent] = [of('serving'), of('silent')];
  if (serving + silent === 0)
    return { name, ok: false, text: 'none serves: the log says why; another one starts soon' };
  const texts = [
    ...(serving === 0 ? ['none serves'] : [serving === 1 ? '1 serves' : `${String(serving)} serve`]),
    ...(silent === 0 ? [] : [`${String(silent)} not answering: ${SILENT_ADVICE}`]),
  ];
  return { name, ok: serving > 0, text: texts.join(', ') };
}

export function listeningCheck({ addresses, failures, isStopping, takesClients }: ListeningFacts): Check {
  const name = 'listening';
  if (isStopping) return { name, ok: false, text: 'the server is stopping' };
  if (!takesClients) return { name, ok: true, text: 'nobody is to connect: files come from JetStream' };
  const where = `listening on ${addresses.join(', ')}`;
  return { name, ok: addresses.length > 0, text: [where, ...failures].join('; ') };
}

/**
 * Every certificate that is shown must be valid, and of each file of CAs one at least: an expired CA verifies nobody, but a
 * bundle of the system may hold one, and so does every file while a new CA takes the place of an old one.
 * @param now in milliseconds since the epoch
 */
export function certificateCheck(certificates: readonly CertificateReport[], now: number): Check {
  const name = 'certificate';
  const valid = certificates.filter(({ validFrom, validTo }) => validFrom <= now && now <= validTo);
  const wrong = certificates.filter((each) => !valid.includes(each) && !hasOther(each, valid));
  if (wrong.length > 0)
    return { name, ok: false, text: wrong.map((each) => invalidText(each, now)).join('; ') };
  const first = valid.toSorted((a, b) => a.validTo - b.validTo)[0];
  if (first === undefined) return { name, ok: true, text: 'no TLS' };
  const left = duration(first.validTo - now);
  const found = valid.length === certificates.length ? 'all valid' : 'valid, but for CAs beside others';
  return { name, ok: true, text: `${found}; the first to expire is ${nameOf(first)}, in ${left}` };
}

/** Whether there is another CA to verify peers with. */
function hasOther({ token }: CertificateReport, valid: readonly CertificateReport[]): boolean {
  return !isShown(token) && valid.some((other) => other.token === token);
}

function invalidText(certificate: CertificateReport, now: number): string {
  const { validFrom, validTo } = certificate;
  const what =
    now > validTo
      ? `expired on ${new Date(validTo).toUTCString()}`
      : `is not valid before ${new Date(validFrom).toUTCString()}`;
  return `${nameOf(certificate)} ${what}: renew it; the server takes the new file by itself`;
}

function nameOf({ token, file, subject }: CertificateReport): string {
  return `${token} ${file} (${subject})`;
}
