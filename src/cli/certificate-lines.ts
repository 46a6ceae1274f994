/** Certificates in use, as lines for the log and for --check. Pure. */
import { duration } from '../log/count.ts';
import { type CertificateReport, isShown } from '../settings/certificate-report.ts';

export interface CertificateLine {
  readonly text: string;
  /** Whether peers may not be able to verify it. */
  readonly isDoubtful: boolean;
}

/** CAs of one file that are named; there may be hundreds. */
const MOST_NAMED = 5;

/** One for each file. @param now in milliseconds since the epoch, as below */
export function certificateLines(reports: readonly CertificateReport[], now: number): CertificateLine[] {
  return byFile(reports).map(([first, ...others]) =>
    isShown(first.token) ? shownLine(first, now) : trustedLine([first, ...others], now),
  );
}

/** A block for a person; empty where there is no certificate. */
export function certificateBlock(reports: readonly CertificateReport[], now: number): string[] {
  if (reports.length === 0) return [];
  const blocks = byFile(reports).flatMap((file) => [
    `${file[0].token} ${file[0].file}`,
    ...file.flatMap((report) =>
      isShown(report.token) ? shownBlock(report, now) : [`  ${report.subject}, ${lifeText(report, now)}`],
    ),
  ]);
  return ['certificates in use', ...blocks, ''];
}

type OneFile = readonly [CertificateReport, ...CertificateReport[]];

function byFile(reports: readonly CertificateReport[]): OneFile[] {
  const tokens = [...new Set(reports.map(({ token }) => token))];
  return tokens.flatMap((token) => {
    const [first, ...others] = reports.filter((report) => report.token === token);
    return first === undefined ? [] : [[first, ...others] as const];
  });
}

function shownLine(report: CertificateReport, now: number): CertificateLine {
  const { token, file, subject, names, issuer, chain } = report;
  const what = [subject, ...names, `issued by ${issuer}`, leftText(report, now)].join(', ');
  return {
    text: `Certificate ${file} (${token}): ${what}; chain: ${chain.text}`,
    isDoubtful: !chain.complete,
  };
}

function trustedLine(all: OneFile, now: number): CertificateLine {
  const [{ token, file }] = all;
  const named = all.slice(0, MOST_NAMED).map((report) => `${report.subject}, ${leftText(report, now)}`);
  const more = all.length - named.length;
  const list = [...named, ...(more > 0 ? [`and ${String(more)} more`] : [])].join('; ');
  return { text: `CA certificates ${file} (${token}): ${list}`, isDoubtful: false };
}

function shownBlock(report: CertificateReport, now: number): string[] {
  const { subject, names, issuer, chain } = report;
  return [
    `  subject: ${subject}`,
    `    for: ${names.join(', ') || 'no alternative name'}`,
    `    issuer: ${issuer}`,
    `    ${lifeText(report, now)}`,
    `    chain: ${chain.text}`,
  ];
}

function lifeText(report: CertificateReport, now: number): string {
  return `valid until ${new Date(report.validTo).toUTCString()}, ${leftText(report, now)}`;
}

function leftText({ validTo }: CertificateReport, now: number): string {
  return validTo < now ? 'expired' : `${duration(validTo - now)} left`;
}
