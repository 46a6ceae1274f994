/** Who sends: the peers seen last, and those that send most. */
import { html, type Html } from './html.ts';
import { type Column, table } from './table.ts';
import { ago, foreign, whole } from './units.ts';
import type { PeerReport, StatusReport } from '../report.ts';
import { byteCount } from '../../log/byte-count.ts';

export function peers({ peers: { known, latest, busiest }, now }: StatusReport): Html {
  return html`<section id="latest" class="peers">
      <h2>Latest peers</h2>
      <p class="aside">of ${whole(known)} known</p>
      ${peerTable({ id: 'latest-peers', caption: 'Peers, the one seen last first', rows: latest, now })}
    </section>
    <section id="busiest" class="peers">
      <h2>Busiest peers</h2>
      <p class="aside">since the start</p>
      ${peerTable({ id: 'busiest-peers', caption: 'Peers, the one with most files first', rows: busiest, now })}
    </section>`;
}

interface PeerTable {
  readonly id: string;
  readonly caption: string;
  readonly rows: readonly PeerReport[];
  readonly now: number;
}

function peerTable({ now, ...about }: PeerTable): Html {
  return table<PeerReport>({
    ...about,
    columns: columns(now),
    key: ({ address }) => address,
    empty: 'No peer since the start',
  });
}

function columns(now: number): readonly Column<PeerReport>[] {
  return [
    { head: 'Address', cell: ({ address }) => foreign(address), names: true, kind: 'name' },
    { head: 'Last seen', cell: ({ lastSeen }) => ago(lastSeen, now), kind: 'number' },
    { head: 'Files', cell: ({ files }) => whole(files), kind: 'number' },
    { head: 'Data', cell: ({ bytes }) => byteCount(bytes), kind: 'number' },
    { head: 'Refused', cell: ({ refused }) => whole(refused), kind: 'number' },
    { head: 'Last file', cell: ({ lastFile }) => foreign(lastFile), kind: 'name' },
  ];
}
