/** What came lately: files, errors, and what was refused. */
import { html, type Html } from './html.ts';
import { table } from './table.ts';
import { ago, clock, foreign, whole } from './units.ts';
import { hasClients } from '../has-clients.ts';
import type { RecentFile, RecentTrouble, Refused, StatusReport } from '../report.ts';
import { byteCount } from '../../log/byte-count.ts';

export function files({ recentFiles, mode, now }: StatusReport): Html | undefined {
  // A relay does not look into what it passes on, and nobody brings files where nobody can connect.
  if (mode === 'relay' || (!hasClients({ mode }) && recentFiles.length === 0)) return undefined;
  return html`<section id="files">
    <h2>Recent files</h2>
    ${recentFiles.length > 0 && html`<p class="aside">the latest ${whole(recentFiles.length)}</p>`}
    ${table<RecentFile>({
      id: 'recent-files',
      caption: 'Recent files, the latest first',
      columns: [
        { head: 'File', cell: ({ file }) => foreign(file), names: true, kind: 'name' },
        { head: 'Size', cell: ({ bytes }) => byteCount(bytes), kind: 'number' },
        { head: 'Took', cell: ({ ms }) => `${whole(ms)} ms`, kind: 'number' },
        { head: 'Command', cell: ({ command }) => command },
        { head: 'Peer', cell: ({ peer }) => foreign(peer), kind: 'name' },
        { head: 'When', cell: ({ at }) => ago(at, now), kind: 'number' },
      ],
      rows: recentFiles,
      key: ({ at }) => at,
      empty: 'No file since the start',
    })}
  </section>`;
}

const LEVELS: Readonly<Record<RecentTrouble['level'], Html>> = {
  error: html`<span class="bad"><span aria-hidden="true">✕</span> error</span>`,
  warning: html`<span class="warn"><span aria-hidden="true">!</span> warning</span>`,
  event: html`<span class="none">event</span>`,
};

export function troubles({ recentTroubles, now }: StatusReport): Html {
  return html`<section id="troubles">
    <h2>Recent errors</h2>
    <p class="aside">with warnings and events</p>
    ${table<RecentTrouble>({
      id: 'recent-troubles',
      caption: 'Recent errors, warnings and events, the latest first',
      columns: [
        { head: 'When', cell: ({ at }) => ago(at, now) },
        {
          head: 'What happened',
          cell: ({ level, text }) => html`${LEVELS[level]} ${foreign(text)}`,
          kind: 'text',
        },
        { head: 'Time', cell: ({ at }) => clock(at), kind: 'number' },
      ],
      rows: recentTroubles,
      key: ({ at }) => at,
      empty: 'None since the start',
    })}
  </section>`;
}

export function refusals({ refusals, totals, mode }: StatusReport): Html | undefined {
  if (!hasClients({ mode })) return undefined;
  const most = Math.max(1, ...refusals.map(({ times }) => times));
  return html`<section id="refusals">
    <h2>Refusals by reason</h2>
    <p class="aside">${whole(totals.refused)} since the start</p>
    ${table<Refused>({
      id: 'refused',
      caption: 'Refused commands and connections since the start, the most frequent first',
      columns: [
        { head: 'Reason', cell: ({ reason }) => foreign(reason), names: true, kind: 'name' },
        { head: 'Times', cell: ({ times }) => whole(times), kind: 'number' },
        { head: 'Share', cell: ({ times }) => bar(times / most) },
      ],
      rows: refusals,
      key: ({ reason }) => reason,
      empty: 'Nothing was refused since the start',
    })}
  </section>`;
}

/** @param share from 0 to 1 */
function bar(share: number): Html {
  return html`<svg class="bar" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">
    <rect width="${Math.max(share * 100, 1).toFixed(0)}" height="8" />
  </svg>`;
}
