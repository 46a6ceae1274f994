/** Lays out for --check what was found of JetStream. Pure. */
import { byteCount } from '../log/byte-count.ts';
import { count, duration } from '../log/count.ts';
import type { ClockDifference } from '../jetstream/state/clocks.ts';
import { quorumOf, type ReplicaState } from '../jetstream/state/replicas.ts';
import type { ServerAnswer } from '../jetstream/state/servers.ts';
import type {
  BucketState,
  ConsumersState,
  JetStreamState,
  StreamState,
} from '../jetstream/state/stream-state.ts';
import type { JetStreamSettings } from '../settings/settings.ts';

export interface Looked {
  readonly servers: readonly ServerAnswer[];
  /** Undefined: it could not be read. */
  readonly state: JetStreamState | undefined;
  readonly clocks: readonly ClockDifference[];
}

type Row = readonly [name: string, value: string];

/** @param now in milliseconds since the epoch */
export function jetStreamBlock(
  { stream, credentials, tls }: JetStreamSettings,
  { servers, state, clocks }: Looked,
  now: number,
): string[] {
  const letIn = servers.some(({ trouble }) => trouble === undefined);
  const rows: Row[] = [
    ...servers.map((server): Row => ['server', serverText(server)]),
    ...(letIn
      ? [['credentials', credentials === undefined ? 'none, and none are wanted' : 'accepted'] as const]
      : []),
    ['TLS', tls === undefined ? 'off' : `on, the servers are ${tls.ca === undefined ? 'not ' : ''}verified`],
    ...(state === undefined ? [] : stateRows(state, now)),
    ...(state === undefined ? [] : [['clocks', clockText(clocks)] as const]),
  ];
  return [`JetStream, stream ${stream}`, ...rows.map(([name, value]) => `  ${name.padEnd(14)}${value}`), ''];
}

function serverText({ address, trouble, name, version, tookMs }: ServerAnswer): string {
  if (trouble !== undefined) return `${address}: ${trouble}`;
  return `${address}: ${name}, NATS ${version}, connected within ${String(Math.ceil(tookMs))} ms`;
}

function stateRows({ server, stream, consumers, buckets }: JetStreamState, now: number): Row[] {
  return [
    ['connected to', `${server.address} (${server.name}); max_payload ${byteCount(server.maxPayload)}`],
    ...(stream === undefined ? [['stream', 'not there'] as const] : streamRows(stream, now)),
    ['consumers', consumersText(consumers)],
    ['buckets', buckets.map(bucketText).join(', ')],
  ];
}

function streamRows({ messages, bytes, oldestAt, replicas }: StreamState, now: number): Row[] {
  const { isThere, spare } = quorumOf(replicas);
  const oldest = oldestAt === undefined ? '' : `, the oldest for ${duration(Math.max(0, now - oldestAt))}`;
  const more = spare === 0 ? 'no further replica may fail' : `${String(spare)} more may fail`;
  return [
    ['stream', `${count(messages, 'message')} (${byteCount(bytes)})${oldest}`],
    ['replicas', replicas.map(replicaText).join(', ')],
    ['quorum', isThere ? `yes; ${more}` : 'no'],
  ];
}

/** `n2 behind by 12 operations`. */
export function replicaText({ name, state, lag, silentMs }: ReplicaState): string {
  switch (state) {
    case 'behind':
      return `${name} behind by ${count(lag, 'operation')}`;
    case 'silent':
      return `${name} silent for ${duration(silentMs)}`;
    default:
      return `${name} ${state}`;
  }
}

function consumersText(consumers: ConsumersState | undefined): string {
  if (consumers === undefined) return 'not all of them answer';
  const { pending, unacknowledged, missing } = consumers;
  const gone = missing.length === 0 ? '' : `, ${String(missing.length)} missing`;
  return `${count(pending, 'message')} to be delivered, ${String(unacknowledged)} not acknowledged yet${gone}`;
}

function bucketText({ name, isThere, objects, bytes }: BucketState): string {
  if (isThere === undefined) return `${name} (does not answer)`;
  return isThere ? `${name} (about ${count(objects, 'object')}, ${byteCount(bytes)})` : `${name} (missing)`;
}

function clockText(clocks: readonly ClockDifference[]): string {
  if (clocks.length === 0) return 'not known: no server told its time';
  return clocks.map(oneClock).join(', ');
}

/** `n1 12 ms ahead of this host (+- 1 ms)`. */
export function oneClock({ server, aheadMs, errorMs }: ClockDifference): string {
  const ms = Math.round(Math.abs(aheadMs));
  const where = aheadMs < 0 ? 'behind' : 'ahead of';
  return `${server} ${String(ms)} ms ${where} this host (+- ${String(Math.ceil(errorMs))} ms)`;
}
