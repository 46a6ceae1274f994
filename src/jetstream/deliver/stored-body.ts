/** The bytes of a data file that waits in the stream: in its message, or in the bucket for large ones. */
import { Bucket } from '../bucket.ts';
import type { Cluster } from '../cluster.ts';
import { bodiesBucket } from '../names.ts';
import { FileChanged } from '../../protocol/errors.ts';

export interface StoredBody {
  /** Bytes. */
  readonly size: number;
  /**
   * May be called again for another pass.
   * @throws BodyLost, JetStreamAway, and what the servers refuse
   */
  readonly chunks: () => AsyncIterable<Buffer>;
}

/** The object is not there, or not as it was stored, as far as this attempt could tell. */
export class BodyLost extends Error {
  override readonly name = 'BodyLost';
}

/** Of a message that has them. */
export function bodyInMessage(data: Buffer): StoredBody {
  return {
    size: data.length,
    // eslint-disable-next-line @typescript-eslint/require-await -- others have to wait for theirs
    chunks: async function* () {
      if (data.length > 0) yield data;
    },
  };
}

/** @throws as chunks() */
export async function bodyInBucket(cluster: Cluster, object: string): Promise<StoredBody> {
  const bucket = new Bucket(cluster, bodiesBucket(cluster.settings.stream));
  // Not from whoever answers first, who may be behind: a body that is missing is given up in the end.
  const stored = await bucket.latest(object);
  if (stored === undefined || stored.deleted)
    throw new BodyLost(`object '${object}' of bucket ${bucket.name} is missing`);
  return {
    size: stored.size,
    chunks: async function* () {
      try {
        yield* bucket.content(stored);
      } catch (cause) {
        if (!(cause instanceof FileChanged)) throw cause;
        throw new BodyLost(`object '${object}' of bucket ${bucket.name} is damaged: ${cause.message}`);
      }
    },
  };
}
