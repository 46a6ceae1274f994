/** Of a proxy: the servers behind it, and what waits for them. */
import { facts } from './facts.ts';
import { html, type Html } from './html.ts';
import { table } from './table.ts';
import { ago, NONE, span, whole } from './units.ts';
import type { QueueReport, StatusReport, UpstreamReport } from '../report.ts';
import { byteCount } from '../../log/byte-count.ts';

export function proxy({ mode, upstreams, queue, totals, now }: StatusReport): Html | undefined {
  if (mode !== 'relay' && mode !== 'store') return undefined;
  return html`<section id="proxy">
    <h2>Upstreams</h2>
    <p class="aside">
      ${mode === 'relay' ? 'each connection is relayed to one of them' : 'files are stored here, then sent on'}
    </p>
    ${queue !== undefined && waiting(queue, totals.filesForwarded)}
    ${table<UpstreamReport>({
      id: 'upstreams',
      caption: 'Upstream servers, in the order of proxy_ip',
      columns: [
        { head: 'Server', cell: ({ server }) => server, names: true, kind: 'name' },
        { head: 'State', cell: ({ up }) => state(up) },
        { head: 'What it says', cell: ({ text }) => text || NONE, kind: 'text' },
        { head: 'Since', cell: ({ since }) => (since === undefined ? NONE : ago(since, now)) },
      ],
      rows: upstreams,
      key: ({ server }) => server,
      empty: 'No upstream is known yet',
    })}
  </section>`;
}

function state(up: boolean): Html {
  return up
    ? html`<span class="ok"><span aria-hidden="true">✓</span> up</span>`
    : html`<span class="bad"><span aria-hidden="true">✕</span> down</span>`;
}

function waiting({ files, bytes, oldestSeconds }: QueueReport, forwarded: number): Html {
  return facts([
    ['Waiting to be sent on', `${whole(files)} ${files === 1 ? 'file' : 'files'}`],
    ['Their size', byteCount(bytes)],
    ['Oldest', oldestSeconds === undefined ? NONE : `${span(oldestSeconds)} old`],
    ['Sent on since the start', whole(forwarded)],
  ]);
}
