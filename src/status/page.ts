/** The status page. */
import type { StatusReport } from './report.ts';

export function page(report: StatusReport): string {
  return JSON.stringify(report);
}

export function pageHeaders(): Readonly<Record<string, string>> {
  return { 'content-type': 'text/plain' };
}

export function sseEvent(report: StatusReport): string {
  return `data: ${JSON.stringify(report)}\n\n`;
}
