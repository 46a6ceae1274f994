/** Reads how stream, consumers and buckets are, at little cost: an information about each, and one list. */
import type { ConsumerInfo, StreamInfo } from '@nats-io/jetstream';
import { CODES, isAway } from '../away.ts';
import { serversOfCluster } from '../setup/cannot-set-up.ts';
import type { Cluster, Link } from '../cluster.ts';
import { differing } from '../setup/differing.ts';
import { consumerName, PARTITIONS } from '../names.ts';
import { type ReplicaState, replicasOf } from './replicas.ts';
import {
  absentAs,
  BUCKET_PREFIX,
  bucketsOf,
  bucketStream,
  dataStream,
  partitionConsumer,
} from '../setup/setup.ts';
import { printable } from '../../log/printable.ts';
import type { JetStreamSettings } from '../../settings/settings.ts';

/** Text of servers is printable. */
export interface JetStreamState {
  readonly server: ServerState;
  /** Undefined: it is not there. */
  readonly stream: StreamState | undefined;
  /** Undefined: not all of them answered, as while their leaders are elected. */
  readonly consumers: ConsumersState | undefined;
  readonly buckets: readonly BucketState[];
}

/** The server that this one is connected to. */
export interface ServerState {
  /** `192.0.2.7:4222`. */
  readonly address: string;
  readonly name: string;
  readonly version: string;
  /** Bytes. */
  readonly maxPayload: number;
  /** Of its cluster, those that it knows now; undefined where it keeps that to itself. */
  readonly servers: number | undefined;
}

export interface StreamState {
  readonly messages: number;
  readonly bytes: number;
  /** When the oldest message was stored, by the servers' clock, in milliseconds since the epoch; undefined without any. */
  readonly oldestAt: number | undefined;
  /** The leader first; a server that is no cluster is the only one. */
  readonly replicas: readonly ReplicaState[];
  /** What is otherwise than settings say: `num_replicas 1 -> 3`. */
  readonly differs: readonly string[];
}

export interface ConsumersState {
  /** Messages that no deliverer has been given yet. */
  readonly pending: number;
  /** Those that were given to one, which has not said yet that they are delivered. */
  readonly unacknowledged: number;
  readonly missing: readonly string[];
  readonly differs: readonly string[];
}

export interface BucketState {
  readonly name: string;
  /** Undefined: it does not answer, as while its leader is elected. */
  readonly isThere: boolean | undefined;
  /** About so many: an empty one, or one that was removed, counts half. */
  readonly objects: number;
  readonly bytes: number;
  readonly differs: readonly string[];
}

/**
 * @param directories those whose buckets are looked at, as for setUp()
 * @throws JetStreamAway when there is no connection, or nobody answers for the stream
 */
export async function readState(cluster: Cluster, directories: readonly string[]): Promise<JetStreamState> {
  const { settings } = cluster;
  return cluster.use(async (link) => {
    const [stream, consumers, buckets] = await Promise.all([
      readStream(link, settings),
      readConsumers(link, settings),
      Promise.all(bucketsOf(settings, directories).map((name) => readBucket(link, settings, name))),
    ]);
    return { server: serverOf(link), stream, consumers, buckets };
  });
}

function serverOf({ connection }: Link): ServerState {
  const { info } = connection;
  return {
    address: connection.getServer(),
    name: printable(info?.server_name ?? ''),
    version: printable(info?.version ?? ''),
    maxPayload: info?.max_payload ?? 0,
    servers: serversOfCluster(info),
  };
}

async function readStream(link: Link, settings: JetStreamSettings): Promise<StreamState | undefined> {
  const info = await infoOf(link, settings.stream);
  if (info === undefined) return undefined;
  const { messages, bytes, first_ts: first } = info.state;
  return {
    messages,
    bytes,
    oldestAt: messages === 0 ? undefined : Date.parse(first),
    replicas: replicasOf(info.cluster, link.connection.info?.server_name ?? ''),
    differs: differing(info.config, dataStream(settings)),
  };
}

async function readConsumers(link: Link, settings: JetStreamSettings): Promise<ConsumersState | undefined> {
  const all = Array.from({ length: PARTITIONS }, (_, partition) => partition);
  const listing = absentAs([], link.jsm.consumers.list(settings.stream).next(), CODES.streamNotFound);
  const listed: readonly ConsumerInfo[] | undefined = await unlessAway(listing);
  if (listed === undefined) return undefined;
  const found = new Map(listed.map((info) => [info.name, info]));
  const ours = all.flatMap((partition) => found.get(consumerName(partition)) ?? []);
  return {
    pending: ours.reduce((sum, info) => sum + info.num_pending, 0),
    unacknowledged: ours.reduce((sum, info) => sum + info.num_ack_pending, 0),
    missing: all.map(consumerName).filter((name) => !found.has(name)),
    differs: differencesOf(all, found, settings),
  };
}

function differencesOf(
  partitions: readonly number[],
  found: ReadonlyMap<string, ConsumerInfo>,
  settings: JetStreamSettings,
): string[] {
  const differs = partitions.flatMap((partition) => {
    const config = found.get(consumerName(partition))?.config;
    return config === undefined ? [] : differing(config, partitionConsumer(settings, partition));
  });
  return [...new Set(differs)];
}

async function readBucket(link: Link, settings: JetStreamSettings, name: string): Promise<BucketState> {
  const info = await unlessAway(infoOf(link, `${BUCKET_PREFIX}${name}`).then((found) => found ?? 'missing'));
  if (info === undefined || info === 'missing')
    return { name, isThere: info && false, objects: 0, bytes: 0, differs: [] };
  const { bytes, num_subjects: subjects = 0 } = info.state;
  // Each has a subject for what it is, and one for its bytes.
  const objects = Math.ceil(subjects / 2);
  return {
    name,
    isThere: true,
    objects,
    bytes,
    differs: differing(info.config, bucketStream(settings, name)),
  };
}

async function infoOf({ jsm }: Link, stream: string): Promise<StreamInfo | undefined> {
  return absentAs(undefined, jsm.streams.info(stream), CODES.streamNotFound);
}

/** Undefined when nobody answers for it: the rest is worth knowing all the same. */
async function unlessAway<T>(asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked;
  } catch (error) {
    if (isAway(error)) return undefined;
    throw error;
  }
}
