/** Who sends: the peers seen last, and those that send most. */
import { html, type Html } from './html.ts';
import { type Column, type Table, table } from './table.ts';
import { ago, foreign, whole } from './units.ts';
import { hasClients } from '../has-clients.ts';
import type { PeerReport, StatusReport } from '../report.ts';
import { byteCount } from '../../log/byte-count.ts';

export function peers(report: StatusReport): Html | undefined {
  if (!hasClients(report)) return undefined;
  const { known, latest, busiest } = report.peers;
  const columns = columnsOf(report);
  return html`<section id="latest" class="peers">
      <h2>Latest peers</h2>
      <p class="aside">of ${whole(known)} known</p>
      ${peerTable({ id: 'latest-peers', caption: 'Peers, the one seen last first', rows: latest, columns })}
    </section>
    <section id="busiest" class="peers">
      <h2>Busiest peers</h2>
      <p class="aside">since the start</p>
      ${peerTable({ id: 'busiest-peers', caption: 'Peers, the busiest one first', rows: busiest, columns })}
    </section>`;
}

function peerTable(about: Pick<Table<PeerReport>, 'id' | 'caption' | 'rows' | 'columns'>): Html {
  return table({ ...about, key: ({ address }) => address, empty: 'No peer since the start' });
}

function columnsOf({ mode, now }: StatusReport): readonly Column<PeerReport>[] {
  const address: Column<PeerReport> = {
    head: 'Address',
    cell: ({ address }) => foreign(address),
    names: true,
    kind: 'name',
  };
  const visit: readonly Column<PeerReport>[] = [
    { head: 'Last seen', cell: ({ lastSeen }) => ago(lastSeen, now), kind: 'number' },
    { head: 'Refused', cell: ({ refused }) => whole(refused), kind: 'number' },
    { head: 'Data', cell: ({ bytes }) => byteCount(bytes), kind: 'number' },
  ];
  // A relay does not look into what it passes on.
  if (mode === 'relay') return [address, ...visit];
  return [
    address,
    ...visit,
    { head: 'Files', cell: ({ files }) => whole(files), kind: 'number' },
    { head: 'Last file', cell: ({ lastFile }) => foreign(lastFile), kind: 'name' },
  ];
}
