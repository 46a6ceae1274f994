/** Where files are stored: what waits there, and how much room is left. */
import { facts } from './facts.ts';
import { html, type Html } from './html.ts';
import { NONE, span, whole } from './units.ts';
import type { StatusReport } from '../report.ts';
import { byteCount } from '../../log/byte-count.ts';

export function spool({ spool }: StatusReport): Html | undefined {
  if (spool === undefined) return undefined;
  const { directory, files, oldestSeconds, freeBytes, totalBytes, reserveBytes } = spool;
  // Some file systems do not say how large they are.
  const free = Number.isFinite(totalBytes) ? (freeBytes / Math.max(totalBytes, 1)) * 100 : undefined;
  return html`<section id="spool">
    <h2>Spool</h2>
    ${facts([
      ['Directory', html`<code>${directory}</code>`],
      ['Files nobody has taken yet', whole(files)],
      ['Oldest of them', oldestSeconds === undefined ? NONE : `${span(oldestSeconds)} old`],
      [
        'Free',
        free === undefined
          ? 'unknown'
          : `${byteCount(freeBytes)} of ${byteCount(totalBytes)} (${whole(free)} %)`,
      ],
      ['Must stay free', byteCount(reserveBytes)],
    ])}
    ${free !== undefined && disk(100 - free)}
  </section>`;
}

/** @param used in per cent */
function disk(used: number): Html {
  return html`<svg class="bar disk" viewBox="0 0 100 8" preserveAspectRatio="none" role="img">
    <title>${whole(used)} % of the disk is used</title>
    <rect width="${used.toFixed(1)}" height="8" />
  </svg>`;
}
