/** The report of --check: every setting with its source, then what is wrong. */
import { certificateBlock } from './certificate-lines.ts';
import type { CheckedJetStream } from './jetstream-actions.ts';
import { isError } from './problems.ts';
import { count } from '../log/count.ts';
import { describe, type Problem } from '../settings/assignment.ts';
import { certificatesOf } from '../settings/certificate-report.ts';
import type { Request } from '../settings/load.ts';
import { OPTIONS } from '../settings/options.ts';
import { shownValue } from '../settings/shown.ts';
import type { Material } from '../settings/validate.ts';

/** What was found. */
interface Checked {
  /** What stood in the files that the settings name. */
  readonly material: Material;
  readonly problems: readonly Problem[];
  /** What was found there; undefined in a mode that has nothing to do with it. */
  readonly jetstream: CheckedJetStream | undefined;
}

/** Lines for a terminal. Secrets are redacted. */
export function checkReport(request: Request, { material, problems, jetstream }: Checked): string {
  const rows = OPTIONS.map((row) => [
    row.token,
    shownValue(row, request.values[row.token]) || '-',
    request.sources[row.token],
  ]);
  const width = (column: number): number =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0).map((n) => Math.min(n, 48)));
  const [tokens, values] = [width(0), width(1)];
  const table = rows.map(
    ([token = '', value = '', source = '']) => `${token.padEnd(tokens)}  ${value.padEnd(values)}  ${source}`,
  );
  const { lines = [], problems: found = [] } = jetstream ?? {};
  const told = [...problems, ...found].map((problem) => `${problem.severity}: ${describe(problem)}`);
  const settings = [`settings of ${request.confFile ?? 'the command line'}`, ...table, ''];
  const certificates = certificateBlock(certificatesOf({ ...request, material }), Date.now());
  return [...settings, ...certificates, ...lines, ...told, verdict(problems, jetstream), ''].join('\n');
}

/** A server that finds no JetStream starts, and waits for it. */
function verdict(problems: readonly Problem[], jetstream: CheckedJetStream | undefined): string {
  const own = problems.filter(isError).length;
  const others = jetstream?.problems.filter(isError).length ?? 0;
  if (own > 0 || jetstream?.preventsStart === true)
    return `${count(own + others, 'error')}: the server would not start`;
  return others === 0
    ? 'OK: the server would start'
    : `${count(others, 'error')}: the server would start, but have no work before JetStream is there`;
}
