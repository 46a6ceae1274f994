/** Of a server that keeps files on JetStream: the stream and its replicas, and what waits here for them. */
import { type Fact, facts } from './facts.ts';
import { html, type Html } from './html.ts';
import { table } from './table.ts';
import { ago, NONE, span, whole } from './units.ts';
import type {
  BucketReport,
  JetStreamFigures,
  JetStreamReport,
  QueueReport,
  StatusReport,
} from '../report.ts';
import type { ReplicaState } from '../../jetstream/state/replicas.ts';
import { byteCount } from '../../log/byte-count.ts';

export function jetstream({ jetstream, queue, totals, now }: StatusReport): Html | undefined {
  if (jetstream === undefined) return undefined;
  const { figures } = jetstream;
  return html`<section id="jetstream">
    <h2>JetStream</h2>
    <p class="aside">stream ${jetstream.stream}</p>
    ${facts([
      ['State', state(jetstream)],
      ['Since', jetstream.since === undefined ? NONE : ago(jetstream.since, now)],
      ...(figures === undefined ? [] : figureFacts(figures)),
      ...(queue === undefined ? [] : queueFacts(queue, totals.filesForwarded)),
    ])}
    ${figures !== undefined && tables(figures)}
  </section>`;
}

function state({ up, text }: JetStreamReport): Html {
  return up
    ? html`<span class="ok"><span aria-hidden="true">✓</span> ${text}</span>`
    : html`<span class="bad"><span aria-hidden="true">✕</span> ${text}</span>`;
}

function figureFacts(figures: JetStreamFigures): readonly Fact[] {
  const { server, messages, bytes, oldestSeconds, quorum, pending, unacknowledged } = figures;
  const spare = quorum.spare === 0 ? 'no further replica may fail' : `${whole(quorum.spare)} more may fail`;
  return [
    ['Connected to', server],
    ['Quorum', quorum.isThere ? `yes; ${spare}` : html`<span class="bad">no</span>`],
    ['Files on it', `${whole(messages)} (${byteCount(bytes)})`],
    ['Oldest', oldestSeconds === undefined ? NONE : `${span(oldestSeconds)} old`],
    ['To be delivered', pending === undefined ? NONE : whole(pending)],
    ['Being delivered', unacknowledged === undefined ? NONE : whole(unacknowledged)],
  ];
}

function queueFacts({ files, bytes, oldestSeconds }: QueueReport, forwarded: number): readonly Fact[] {
  return [
    ['Waiting here', `${whole(files)} ${files === 1 ? 'file' : 'files'} (${byteCount(bytes)})`],
    ['Oldest here', oldestSeconds === undefined ? NONE : `${span(oldestSeconds)} old`],
    ['Sent on since the start', whole(forwarded)],
  ];
}

function tables({ replicas, buckets }: JetStreamFigures): readonly Html[] {
  return [
    table<ReplicaState>({
      id: 'replicas',
      caption: 'Replicas of the stream, the leader first',
      columns: [
        { head: 'Server', cell: ({ name }) => name, names: true, kind: 'name' },
        { head: 'State', cell: replicaState },
        { head: 'Behind by', cell: ({ lag }) => whole(lag), kind: 'number' },
      ],
      rows: replicas,
      key: ({ name }) => name,
      empty: 'The stream is not there',
    }),
    table<BucketReport>({
      id: 'buckets',
      caption: 'Buckets',
      columns: [
        { head: 'Bucket', cell: ({ name }) => name, names: true, kind: 'name' },
        { head: 'Objects, about', cell: ({ objects }) => whole(objects), kind: 'number' },
        { head: 'Size', cell: ({ bytes }) => byteCount(bytes), kind: 'number' },
      ],
      rows: buckets,
      key: ({ name }) => name,
      empty: 'No bucket is there',
    }),
  ];
}

function replicaState({ state, silentMs }: ReplicaState): Html {
  switch (state) {
    case 'silent':
      return html`<span class="bad"
        ><span aria-hidden="true">✕</span> silent for ${span(silentMs / 1000)}</span
      >`;
    case 'behind':
      return html`<span class="warn"><span aria-hidden="true">!</span> behind</span>`;
    default:
      return html`<span class="ok"><span aria-hidden="true">✓</span> ${state}</span>`;
  }
}
