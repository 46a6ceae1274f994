/** Makes the stream, its consumers and the buckets, or brings those that are there to what they should be. */
import type { ConsumerConfig, StreamConfig } from '@nats-io/jetstream';
import { apiCode, CODES } from './away.ts';
import type { Cluster, Link } from './cluster.ts';
import {
  bodiesBucket,
  bucketOf,
  consumerName,
  PARTITIONS,
  partitionSubject,
  streamSubject,
} from './names.ts';
import type { JetStreamSettings } from '../settings/settings.ts';

/** A message that was given to a deliverer which then said nothing is given to another one. Milliseconds. */
export const ACK_WAIT_MS = 10_000;
const NANOS = 1_000_000;
/** Streams of the library's object stores are called so. */
const BUCKET_PREFIX = 'OBJ_';

/** What was done about one thing: `stream TENTACLE: made`, `bucket TENTACLE_conf: is as it should be`. */
export interface Step {
  readonly what: string;
  readonly done: 'made' | 'changed' | 'as it should be';
  /** What was changed: `replicas 1 -> 3`. */
  readonly changes: readonly string[];
}

/**
 * Can be run any number of times, and by several at once. What cannot be changed is told by the server's error.
 * @param directories those that filters name, each of which gets a bucket
 * @param tell hears of each step as it is done
 * @throws JetStreamAway, and what the servers refuse
 */
export async function setUp(
  cluster: Cluster,
  directories: readonly string[],
  tell: (step: Step) => void,
): Promise<void> {
  const { settings } = cluster;
  await cluster.use(async (link) => {
    tell(await settleStream(link, dataStream(settings)));
    const consumers = await Promise.all(
      Array.from({ length: PARTITIONS }, (_, partition) => settleConsumer(link, settings, partition)),
    );
    tell(together(`consumers ${consumerName(0)} to ${consumerName(PARTITIONS - 1)}`, consumers));
    const names = directories.filter((name) => name !== '').map((name) => bucketOf(settings.stream, name));
    for (const bucket of new Set([bodiesBucket(settings.stream), ...names]))
      tell(await settleStream(link, bucketStream(settings, bucket), `bucket ${bucket}`));
  });
}

type Wanted = Partial<StreamConfig> & Pick<StreamConfig, 'name'>;

/** N3: a subject holds one message at most, which goes when it was delivered; a full stream refuses, it forgets nothing. */
export function dataStream({ stream, replicas, duplicateWindowMs }: JetStreamSettings): Wanted {
  return {
    name: stream,
    description: 'Data files of Pandora FMS agents, until they are delivered',
    subjects: [streamSubject(stream)],
    retention: 'workqueue',
    storage: 'file',
    discard: 'new',
    num_replicas: replicas,
    allow_direct: true,
    duplicate_window: duplicateWindowMs * NANOS,
  };
}

/** As the library's object store makes it. */
export function bucketStream({ replicas }: JetStreamSettings, bucket: string): Wanted {
  return {
    name: `${BUCKET_PREFIX}${bucket}`,
    subjects: [`$O.${bucket}.C.>`, `$O.${bucket}.M.>`],
    retention: 'limits',
    storage: 'file',
    discard: 'new',
    num_replicas: replicas,
    allow_direct: true,
    allow_rollup_hdrs: true,
  };
}

/** One message at a time: so the files of an agent keep their order, whoever delivers them. */
export function partitionConsumer({ stream }: JetStreamSettings, partition: number): Partial<ConsumerConfig> {
  return {
    durable_name: consumerName(partition),
    filter_subject: partitionSubject(stream, partition),
    ack_policy: 'explicit',
    ack_wait: ACK_WAIT_MS * NANOS,
    max_ack_pending: 1,
    max_deliver: -1,
  };
}

async function settleStream({ jsm }: Link, wanted: Wanted, what = `stream ${wanted.name}`): Promise<Step> {
  const found = await absentAs(undefined, jsm.streams.info(wanted.name), CODES.streamNotFound);
  if (found === undefined) {
    await jsm.streams.add(wanted);
    return { what, done: 'made', changes: [] };
  }
  const changes = differing(found.config, wanted);
  if (changes.length === 0) return { what, done: 'as it should be', changes };
  await jsm.streams.update(wanted.name, { ...found.config, ...wanted });
  return { what, done: 'changed', changes };
}

async function settleConsumer({ jsm }: Link, settings: JetStreamSettings, partition: number): Promise<Step> {
  const { stream } = settings;
  const wanted = partitionConsumer(settings, partition);
  const what = `consumer ${consumerName(partition)}`;
  const found = await absentAs(
    undefined,
    jsm.consumers.info(stream, consumerName(partition)),
    CODES.consumerNotFound,
  );
  if (found === undefined) {
    await jsm.consumers.add(stream, wanted);
    return { what, done: 'made', changes: [] };
  }
  const changes = differing(found.config, wanted);
  if (changes.length === 0) return { what, done: 'as it should be', changes };
  await jsm.consumers.update(stream, consumerName(partition), { ...found.config, ...wanted });
  return { what, done: 'changed', changes };
}

/** What is otherwise than wanted; what is not wanted is as the server likes it. */
function differing(found: object, wanted: object): string[] {
  const there = new Map<string, unknown>(Object.entries(found));
  return Object.entries(wanted)
    .map(([key, value]) => [key, jsonOf(there.get(key)), jsonOf(value)] as const)
    .filter(([, one, other]) => one !== other)
    .map(([key, one, other]) => `${key} ${one} -> ${other}`);
}

function jsonOf(value: unknown): string {
  return value === undefined ? 'unset' : JSON.stringify(value);
}

function together(what: string, steps: readonly Step[]): Step {
  const done = (['made', 'changed'] as const).find((each) => steps.some((step) => step.done === each));
  return {
    what,
    done: done ?? 'as it should be',
    changes: [...new Set(steps.flatMap(({ changes }) => changes))],
  };
}

/** The same, with another value for what is not there. */
export async function absentAs<T, A>(
  absent: A,
  asked: Promise<T>,
  ...codes: readonly number[]
): Promise<T | A> {
  try {
    return await asked;
  } catch (error) {
    if (codes.includes(apiCode(error) ?? 0)) return absent;
    throw error;
  }
}
