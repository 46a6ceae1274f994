/** Makes the stream, its consumers and the buckets, or brings those that are there to what they should be. */
import type { ConsumerConfig, StreamConfig } from '@nats-io/jetstream';
import { apiCode, CODES } from '../away.ts';
import { explained, refuseForeign, type Wanted } from './cannot-set-up.ts';
import type { Cluster, Link } from '../cluster.ts';
import { differing } from './differing.ts';
import {
  bodiesBucket,
  bucketOf,
  consumerName,
  PARTITIONS,
  partitionSubject,
  streamSubject,
} from '../names.ts';
import type { JetStreamSettings } from '../../settings/settings.ts';

/** A message that was given to a deliverer which then said nothing is given to another one. Milliseconds. */
export const ACK_WAIT_MS = 10_000;
const NANOS = 1_000_000;
/** Streams of the library's object stores are called so. */
export const BUCKET_PREFIX = 'OBJ_';

/** What was done about one thing: `stream TENTACLE: made`, `bucket TENTACLE_conf: is as it should be`. */
export interface Step {
  readonly what: string;
  readonly done: 'made' | 'changed' | 'as it should be';
  /** What was changed: `replicas 1 -> 3`. */
  readonly changes: readonly string[];
}

/**
 * Can be run any number of times, and by several at once. What is somebody else's is left alone.
 * @param directories those that filters name, each of which gets a bucket
 * @param tell hears of each step as it is done
 * @throws JetStreamAway; CannotSetUp, which says what to do
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
    for (const bucket of bucketsOf(settings, directories))
      tell(await settleStream(link, bucketStream(settings, bucket), `bucket ${bucket}`));
  });
}

/** The names of all buckets, that of large bodies first. @param directories as for setUp() */
export function bucketsOf({ stream }: JetStreamSettings, directories: readonly string[]): readonly string[] {
  const names = directories.filter((name) => name !== '').map((name) => bucketOf(stream, name));
  return [...new Set([bodiesBucket(stream), ...names])];
}

/** N3: what was delivered goes; a full stream refuses, it forgets nothing. */
export function dataStream({ stream, replicas }: JetStreamSettings): Wanted {
  return {
    name: stream,
    description: 'Data files of Pandora FMS agents, until they are delivered',
    subjects: [streamSubject(stream)],
    retention: 'workqueue',
    storage: 'file',
    discard: 'new',
    num_replicas: replicas,
    // What was confirmed stays until it is delivered, however long that takes.
    max_age: 0,
    allow_direct: true,
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
    max_age: 0,
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

async function settleStream(link: Link, wanted: Wanted, what = `stream ${wanted.name}`): Promise<Step> {
  const { streams } = link.jsm;
  const look = async (): Promise<StreamConfig | undefined> =>
    (await absentAs(undefined, streams.info(wanted.name), CODES.streamNotFound))?.config;
  return explained({ link, what, replicas: wanted.num_replicas }, async () => {
    const found = (await look()) ?? (await made(streams.add(wanted), look));
    if (found === undefined) return { what, done: 'made', changes: [] };
    const changes = differing(found, wanted);
    if (changes.length === 0) return { what, done: 'as it should be', changes };
    refuseForeign(what, found, wanted);
    await streams.update(wanted.name, { ...found, ...wanted });
    return { what, done: 'changed', changes };
  });
}

async function settleConsumer(link: Link, settings: JetStreamSettings, partition: number): Promise<Step> {
  const { consumers } = link.jsm;
  const [{ stream }, name] = [settings, consumerName(partition)];
  const wanted = partitionConsumer(settings, partition);
  const what = `consumer ${name}`;
  const look = async (): Promise<ConsumerConfig | undefined> =>
    (await absentAs(undefined, consumers.info(stream, name), CODES.consumerNotFound))?.config;
  return explained({ link, what, replicas: settings.replicas }, async () => {
    const found = (await look()) ?? (await made(consumers.add(stream, wanted), look));
    if (found === undefined) return { what, done: 'made', changes: [] };
    const changes = differing(found, wanted);
    if (changes.length === 0) return { what, done: 'as it should be', changes };
    await consumers.update(stream, name, { ...found, ...wanted });
    return { what, done: 'changed', changes };
  });
}

/** Somebody else may be about to make the same. @returns what that one made; undefined: it was made by this one */
async function made<T>(adding: Promise<unknown>, look: () => Promise<T | undefined>): Promise<T | undefined> {
  try {
    await adding;
    return undefined;
  } catch (error) {
    if (apiCode(error) === undefined) throw error;
    const found = await look();
    if (found === undefined) throw error;
    return found;
  }
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
