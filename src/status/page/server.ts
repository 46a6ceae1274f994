/** The server itself: its workers, its reloads, and what it has done since its start. */
import { type Fact, facts } from './facts.ts';
import { html, type Html } from './html.ts';
import { type Column, table } from './table.ts';
import { ago, since, whole } from './units.ts';
import { hasClients } from '../has-clients.ts';
import type { StatusReport, WorkerReport } from '../report.ts';
import { byteCount } from '../../log/byte-count.ts';

export function server({ workers, reloads, restarts, notListening, now }: StatusReport): Html {
  const { succeeded, refused, lastGoodAt, lastRefusal } = reloads;
  const refusal: readonly Fact[] =
    lastRefusal === undefined
      ? []
      : [['Last refused reload', html`${ago(lastRefusal.at, now)}: ${lastRefusal.text}`]];
  return html`<section id="server" class="half">
    <h2>Workers</h2>
    <p class="aside">${restarts === 0 ? 'none' : whole(restarts)} crashed or hung since the start</p>
    ${table<WorkerReport>({
      id: 'workers',
      caption: 'Workers and what they need',
      columns: columns(now),
      rows: workers,
      key: ({ pid }) => pid,
      empty: 'No worker runs',
    })}
    ${facts([
      ['Settings in force', ago(lastGoodAt, now)],
      ['Reloads', `${whole(succeeded)} succeeded, ${whole(refused)} refused`],
      ...refusal,
      ...notListening.map((text): Fact => ['Not listening', text]),
    ])}
  </section>`;
}

function columns(now: number): readonly Column<WorkerReport>[] {
  return [
    { head: 'Process', cell: ({ pid }) => pid, names: true },
    { head: 'State', cell: ({ state }) => state },
    { head: 'Generation', cell: ({ generation }) => generation, kind: 'number' },
    { head: 'Up', cell: ({ startedAt }) => since(startedAt, now), kind: 'number' },
    { head: 'Open', cell: ({ open }) => whole(open), kind: 'number' },
    { head: 'Memory', cell: ({ memoryBytes }) => byteCount(memoryBytes), kind: 'number' },
    { head: 'Processor', cell: ({ cpuSeconds }) => `${whole(cpuSeconds)} s`, kind: 'number' },
    { head: 'Late by', cell: ({ lagSeconds }) => `${whole(lagSeconds * 1000)} ms`, kind: 'number' },
  ];
}

export function totals({ totals, startedAt, now, mode, queue }: StatusReport): Html | undefined {
  if (!hasClients({ mode })) return carried({ totals, startedAt, now, mode });
  const { filesReceived, bytesReceived, filesSent, bytesSent, filesForwarded, refused } = totals;
  const amount = (files: number, bytes: number): string => `${whole(files)} (${byteCount(bytes)})`;
  const moved: readonly Fact[] =
    mode === 'relay'
      ? [
          ['Passed on', byteCount(bytesReceived)],
          ['Answered', byteCount(bytesSent)],
        ]
      : [
          ['Files received', amount(filesReceived, bytesReceived)],
          ['Files fetched by peers', amount(filesSent, bytesSent)],
        ];
  return html`<section id="totals">
    <h2>Since the start</h2>
    <p class="aside">${ago(startedAt, now)}</p>
    ${facts([
      ...moved,
      ...(queue !== undefined ? ([['Files sent on', whole(filesForwarded)]] as const) : []),
      ['Connections', whole(totals.connections)],
      ['Refused', whole(refused)],
    ])}
  </section>`;
}

/** What was carried over from JetStream, or to it. */
function carried({
  totals: { filesDelivered, filesTaken, filesGiven, bytesMoved },
  startedAt,
  now,
  mode,
}: Pick<StatusReport, 'totals' | 'startedAt' | 'now' | 'mode'>): Html {
  const moved: readonly Fact[] =
    mode === 'deliver'
      ? [['Files delivered', whole(filesDelivered)]]
      : [
          ['Files taken from the store', whole(filesTaken)],
          ['Files given to the store', whole(filesGiven)],
        ];
  return html`<section id="totals">
    <h2>Since the start</h2>
    <p class="aside">${ago(startedAt, now)}</p>
    ${facts([...moved, ['Data', byteCount(bytesMoved)]])}
  </section>`;
}
