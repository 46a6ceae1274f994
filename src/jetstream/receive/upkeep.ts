/** Removes from a bucket what belongs to no file any more. */
import type { Bucket } from '../bucket.ts';
import type { Cluster } from '../cluster.ts';

export interface Age {
  /** By the clock of the servers, as all times of messages: in milliseconds since the epoch. */
  readonly now: number;
  /** What is younger stays; milliseconds. */
  readonly leastMs: number;
}

/**
 * Removes chunks that belong to no file; the file of young ones may be under way.
 * @returns of how many unfinished files
 * @throws JetStreamAway
 */
export async function removeOrphans(
  cluster: Cluster,
  bucket: Bucket,
  { now, leastMs }: Age,
): Promise<number> {
  const ids = await tokens(cluster, bucket, bucket.chunkSubject('>'));
  if (ids.length === 0) return 0;
  // What is finished between the two is not taken for an orphan: the chunks were listed first.
  const known = new Set((await bucket.list()).map(({ id }) => id));
  let removed = 0;
  for (const id of ids.filter((each) => !known.has(each))) {
    const subject = bucket.chunkSubject(id);
    const last = await cluster.use(({ jsm }) =>
      jsm.direct.getMessage(bucket.stream, { last_by_subj: subject }),
    );
    if (last === null || now - last.time.getTime() < leastMs) continue;
    await cluster.use(({ jsm }) => jsm.streams.purge(bucket.stream, { filter: subject }));
    removed++;
  }
  return removed;
}

/** Forgets files that were deleted so long ago. @returns how many @throws JetStreamAway */
export async function removeMarks(cluster: Cluster, bucket: Bucket, { now, leastMs }: Age): Promise<number> {
  const there = new Set((await bucket.list()).map(({ name }) => bucket.announcement(name)));
  const start = bucket.announcements.slice(0, -1);
  const subjects = (await tokens(cluster, bucket, bucket.announcements)).map((token) => `${start}${token}`);
  let removed = 0;
  for (const subject of subjects.filter((each) => !there.has(each))) {
    const found = await cluster.use(({ jsm }) =>
      jsm.direct.getMessage(bucket.stream, { last_by_subj: subject }),
    );
    if (found === null || bucket.versionOf(found)?.deleted !== true) continue;
    if (now - found.time.getTime() < leastMs) continue;
    // Only this one: meanwhile somebody may have stored a file of that name.
    await cluster.use(({ jsm }) => jsm.streams.deleteMessage(bucket.stream, found.seq, false));
    removed++;
  }
  return removed;
}

/** The last tokens of all subjects like this one that hold something. */
async function tokens(cluster: Cluster, { stream }: Bucket, filter: string): Promise<string[]> {
  const { state } = await cluster.use(({ jsm }) => jsm.streams.info(stream, { subjects_filter: filter }));
  return Object.keys(state.subjects ?? {}).map((subject) => subject.slice(subject.lastIndexOf('.') + 1));
}
