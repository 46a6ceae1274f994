/** The figures that Prometheus gets, each with its name, its meaning and its values. Pure. */
import type { Figures } from './metrics.ts';
import type { JetStreamFigures, StatusReport } from './report.ts';
import type { ReplicaState } from '../jetstream/state/replicas.ts';
import { type Counts, DURATION_BOUNDS, refusals, type Tally, total } from '../server/counts.ts';

type Labels = Readonly<Record<string, string>>;

/** The name only where it is not the family's. */
export type Value = readonly [labels: Labels, value: number, name?: string];

export interface Family {
  /** With the ending _total, for a counter. */
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  readonly values: readonly Value[];
}

const MS = 1000;

/** What can be refused, so that a series is there before the first time, and its increase is seen. */
const REFUSALS = [
  ...(['invalid file name', 'not permitted', 'file is too big', 'file already exists'] as const),
  ...(['file does not exist', 'not enough space', 'too many files', 'cannot store file'] as const),
  ...(['does not unpack', 'cannot list', 'password', 'unauthenticated', 'insecure'] as const),
  ...(['client certificate', 'no upstream'] as const),
  ...(['allow_from', 'max_connections_per_ip', 'max_rate_per_ip', 'max_bytes_per_ip'] as const),
];
const FILES = ['SEND received', 'ZSEND received', 'RECV sent', 'ZRECV sent', 'SEND refused', 'RECV refused'];

/** No label takes what a peer said: there are as many series on a busy day as on a quiet one. */
export function families({ report, counts }: Figures): Family[] {
  return [
    ...traffic(counts, report),
    ...storage(report),
    ...jetStream(report),
    ...health(report),
    ...processes(report, counts),
  ];
}

function traffic(counts: Counts, { connections }: StatusReport): Family[] {
  return [
    counter('tentacle_connections', 'Connections that are over, by how they ended.', [
      ...byWord('result', counts.ended, ['completed', 'timeout', 'closed', 'protocol', 'evicted', 'error']),
      [{ result: 'refused' }, total(counts.turnedAway)],
    ]),
    gauge('tentacle_connections_open', 'Connections open now.', connections.open),
    gauge('tentacle_connections_limit', 'Connections served at the same time at most.', connections.limit),
    counter(
      'tentacle_files',
      'Commands about files that are over, by command and result.',
      Object.entries(withAll(counts.files, FILES)).map(([word, times]) => {
        const [command = '', result = ''] = word.split(' ');
        return [{ command, result }, times];
      }),
    ),
    counter('tentacle_bytes', 'Bytes of files, or passed on by a relay, from clients and to them.', [
      [{ direction: 'received' }, counts.bytesReceived],
      [{ direction: 'sent' }, counts.bytesSent],
    ]),
    transferSeconds(counts),
    counter(
      'tentacle_refusals',
      'Commands, connections and passwords refused, by reason.',
      byWord('reason', refusals(counts), REFUSALS),
    ),
    counter(
      'tentacle_tls_handshakes',
      'TLS handshakes with clients, by version and result.',
      Object.entries(withAll(counts.handshakes, ['TLSv1.3 completed', 'none failed'])).map(
        ([word, times]) => {
          const [version = '', result = ''] = word.split(' ');
          return [{ version, result }, times];
        },
      ),
    ),
  ];
}

function transferSeconds({ durations, transferSeconds: seconds }: Counts): Family {
  const name = 'tentacle_transfer_seconds';
  let below = 0;
  const buckets = [...DURATION_BOUNDS.map(String), '+Inf'].map((le, index): Value => {
    below += durations[index] ?? 0;
    return [{ le }, below, `${name}_bucket`];
  });
  return {
    name,
    type: 'histogram',
    help: 'How long files took, from the command to their last byte on the disk or on the wire.',
    values: [...buckets, [{}, seconds, `${name}_sum`], [{}, below, `${name}_count`]],
  };
}

function storage({ spool, queue }: StatusReport): Family[] {
  const found: Family[] = [];
  if (spool !== undefined) {
    found.push(
      gauge('tentacle_spool_files', 'Data files in the spool that nobody has taken yet.', spool.files),
      gauge(
        'tentacle_spool_oldest_seconds',
        'Age of the oldest of them, 0 without any.',
        spool.oldestSeconds ?? 0,
      ),
      gauge('tentacle_spool_free_bytes', "Free on the spool's file system.", spool.freeBytes),
      gauge('tentacle_spool_size_bytes', "Size of the spool's file system.", spool.totalBytes),
      gauge(
        'tentacle_spool_reserve_bytes',
        'What must stay free there (min_free_space).',
        spool.reserveBytes,
      ),
    );
  }
  if (queue !== undefined) {
    found.push(
      gauge('tentacle_queue_files', 'Files that wait to be sent on.', queue.files),
      gauge('tentacle_queue_bytes', 'Their size.', queue.bytes),
      gauge(
        'tentacle_queue_oldest_seconds',
        'Age of the oldest of them, 0 without any.',
        queue.oldestSeconds ?? 0,
      ),
    );
  }
  return found;
}

function jetStream({ jetstream }: StatusReport): Family[] {
  if (jetstream === undefined) return [];
  const { up, figures, wantedReplicas } = jetstream;
  return [
    gauge('tentacle_jetstream_up', 'Whether files can be stored on JetStream and delivered.', Number(up)),
    gauge(
      'tentacle_jetstream_quorum',
      'Whether enough replicas of the stream are there; 0, too, where nobody says so.',
      Number(figures?.quorum.isThere ?? false),
    ),
    gauge('tentacle_jetstream_replicas_wanted', 'As nats_replicas says.', wantedReplicas),
    ...(figures === undefined ? [] : streamFamilies(figures)),
  ];
}

/** Not told while they are not known. */
function streamFamilies(figures: JetStreamFigures): Family[] {
  const { messages, bytes, oldestSeconds, replicas, pending, unacknowledged, buckets } = figures;
  const isCurrent = ({ state }: ReplicaState): boolean => state === 'leader' || state === 'current';
  return [
    gauge('tentacle_jetstream_stream_messages', 'Files on the stream, not delivered yet.', messages),
    gauge('tentacle_jetstream_stream_bytes', 'Their size there.', bytes),
    gauge(
      'tentacle_jetstream_stream_oldest_seconds',
      'Age of the oldest of them, 0 without any.',
      oldestSeconds ?? 0,
    ),
    gauge(
      'tentacle_jetstream_replicas_current',
      'Replicas of the stream that have everything, the leader among them.',
      replicas.filter(isCurrent).length,
    ),
    {
      ...gauge('tentacle_jetstream_replica_current', 'Whether a replica of the stream has everything.'),
      values: replicas.map((replica) => [{ server: replica.name }, Number(isCurrent(replica))]),
    },
    {
      ...gauge('tentacle_jetstream_replica_lag', 'Operations that a replica of the stream has still to do.'),
      values: replicas.map(({ name, lag }) => [{ server: name }, lag]),
    },
    gauge('tentacle_jetstream_pending', 'Files that no deliverer has been given yet.', pending),
    gauge(
      'tentacle_jetstream_unacknowledged',
      'Files that a deliverer was given, and has not delivered yet.',
      unacknowledged,
    ),
    {
      ...gauge('tentacle_jetstream_bucket_bytes', 'Size of a bucket.'),
      values: buckets.map(({ name, bytes }) => [{ bucket: name }, bytes]),
    },
    {
      ...gauge('tentacle_jetstream_bucket_objects', 'Objects in a bucket, about.'),
      values: buckets.map(({ name, objects }) => [{ bucket: name }, objects]),
    },
  ];
}

function health({ ready, checks, certificates, reloads, upstreams, now }: StatusReport): Family[] {
  return [
    gauge('tentacle_ready', 'Whether all checks of /readyz are good.', Number(ready)),
    {
      ...gauge('tentacle_check', 'Whether a check of /readyz is good.'),
      values: checks.map(({ name, ok }) => [{ check: name }, Number(ok)]),
    },
    {
      ...gauge(
        'tentacle_certificate_expiry_seconds',
        'Time until the first certificate of a file expires; negative: since then.',
      ),
      values: firstToExpire(certificates).map(([file, validTo]) => [{ file }, (validTo - now) / MS]),
    },
    counter('tentacle_config_reloads', 'Reloads, by result.', [
      [{ result: 'succeeded' }, reloads.succeeded],
      [{ result: 'refused' }, reloads.refused],
    ]),
    gauge(
      'tentacle_config_last_reload_refused',
      'Whether the files say something that was refused; the settings of before are in force.',
      Number(reloads.lastRefusal !== undefined),
    ),
    gauge(
      'tentacle_config_last_good_seconds',
      'Time since the settings in force were taken over.',
      (now - reloads.lastGoodAt) / MS,
    ),
    {
      ...gauge('tentacle_upstream_up', 'Whether a server of proxy_ip takes connections.'),
      values: upstreams.map(({ server, up }) => [{ upstream: server }, Number(up)]),
    },
  ];
}

function processes({ version, workers, restarts }: StatusReport, counts: Counts): Family[] {
  const of = (state: string): Value => [{ state }, workers.filter((worker) => worker.state === state).length];
  const memory = workers.reduce((sum, { memoryBytes }) => sum + memoryBytes, 0);
  return [
    { ...gauge('tentacle_build_info', 'The version that runs.'), values: [[{ version }, 1]] },
    {
      ...gauge('tentacle_workers', 'Worker processes.'),
      values: [of('serving'), of('draining'), of('silent')],
    },
    counter('tentacle_worker_restarts', 'Workers that were gone before their time.', [[{}, restarts]]),
    gauge('tentacle_worker_resident_memory_bytes', 'Memory of all workers together.', memory),
    counter('tentacle_worker_cpu_seconds', 'Processor time of all workers.', [[{}, counts.cpuSeconds]]),
    gauge(
      'tentacle_worker_event_loop_lag_seconds',
      'By how much the event loop of any worker was late at worst in the last seconds.',
      Math.max(0, ...workers.map(({ lagSeconds }) => lagSeconds)),
    ),
    counter(
      'tentacle_delivered_files',
      'Files of the stream, and attempts to deliver them, by result.',
      byWord('result', counts.delivered, ['delivered', 'not delivered', 'put into rejected', 'lost']),
    ),
    counter(
      'tentacle_synced_files',
      'Files carried over between a console and its store, deleted, or kept beside a newer one.',
      byWord('action', counts.synced, ['taken', 'given', 'deleted', 'conflict']),
    ),
    counter('tentacle_moved_bytes', 'Bytes of files that were delivered, taken or given.', [
      [{}, counts.bytesMoved],
    ]),
    counter(
      'tentacle_forwarded_files',
      'Attempts to send a stored file on, by result.',
      byWord('result', counts.forwarded, ['forwarded', 'rejected', 'not forwarded']),
    ),
  ];
}

/** One series for each file: the next renewal is what counts. */
function firstToExpire(certificates: StatusReport['certificates']): [file: string, validTo: number][] {
  const files = new Map<string, number>();
  for (const { file, validTo } of certificates)
    files.set(file, Math.min(validTo, files.get(file) ?? Infinity));
  return [...files];
}

function counter(name: string, help: string, values: readonly Value[]): Family {
  return { name: `${name}_total`, type: 'counter', help, values };
}

function gauge(name: string, help: string, value?: number): Family {
  return { name, type: 'gauge', help, values: value === undefined ? [] : [[{}, value]] };
}

function byWord(label: string, tally: Tally, known: readonly string[]): Value[] {
  return Object.entries(withAll(tally, known)).map(([word, times]) => [
    { [label]: word.replaceAll(' ', '_') },
    times,
  ]);
}

/** With those that never happened. */
function withAll(tally: Tally, known: readonly string[]): Tally {
  return { ...Object.fromEntries(known.map((word) => [word, 0])), ...tally };
}
