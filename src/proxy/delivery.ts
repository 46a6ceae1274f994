/** Sends one file of the queue over a connection, and judges what comes of it. */
import type { TentacleClient } from '../client/client.ts';
import { ClientError, LocalFileError, RefusedError } from '../client/errors.ts';
import { Refusal } from '../protocol/errors.ts';
import type { QueuedFile } from '../store/queue-directory.ts';
import type { Outgoing, Store } from '../store/store.ts';

export type Outcome =
  /** The upstream has it, `already` from an earlier time, and it is deleted here. */
  | { readonly kind: 'delivered'; readonly bytes: number; readonly already: boolean }
  /** The upstream has it, but here another file took its name meanwhile, or it was written to. */
  | { readonly kind: 'replaced' }
  /** Somebody else deleted it here. */
  | { readonly kind: 'gone' }
  /** The upstream will never take it. */
  | { readonly kind: 'unwanted'; readonly reason: string }
  /** The upstream cannot take it now. */
  | { readonly kind: 'refused'; readonly reason: string }
  /** This host could not read it. */
  | { readonly kind: 'unreadable'; readonly error: Error }
  /** The connection ended before the upstream confirmed it. */
  | { readonly kind: 'broken'; readonly error: Error };

export interface Delivery {
  readonly file: QueuedFile;
  readonly client: TentacleClient;
  readonly store: Pick<Store, 'open'>;
  /** Whether the upstream took another file of that name from here. */
  readonly otherTaken: boolean;
}

/** A name that is of this data alone: whoever has a file of that name has this one. */
const NUMBERED = /\.[0-9]+\.data$/;
const EXISTS = 'file already exists';
/** Refusals that are about the upstream's disk, not about the file. */
const TEMPORARY: readonly string[] = ['not enough space', 'cannot store file'];
/** An empty file that was touched so recently may be one that somebody copies here right now. Milliseconds. */
const BEING_WRITTEN_MS = 60_000;

/** @throws only what deleting the file here throws */
export async function deliver(delivery: Delivery): Promise<Outcome> {
  const { file, store } = delivery;
  let outgoing: Outgoing;
  try {
    outgoing = await store.open(file.name);
  } catch (error) {
    // A refusal with a cause: there is a file, but not for us.
    if (error instanceof Refusal && error.cause === undefined) return { kind: 'gone' };
    return { kind: 'unreadable', error: error as Error };
  }
  try {
    return outgoing.size === 0 ? empty(file) : await send(outgoing, delivery);
  } finally {
    await outgoing.close();
  }
}

async function send(outgoing: Outgoing, delivery: Delivery): Promise<Outcome> {
  const { file, client, otherTaken } = delivery;
  let already = false;
  try {
    await client.send({ name: file.name, size: outgoing.size, content: () => outgoing.content() });
  } catch (error) {
    already =
      error instanceof RefusedError && error.reason === EXISTS && NUMBERED.test(file.name) && !otherTaken;
    if (!already) return judge(error as Error, client);
  }
  const removed = await outgoing.remove();
  return removed ? { kind: 'delivered', bytes: outgoing.size, already } : { kind: 'replaced' };
}

function judge(error: Error, client: TentacleClient): Outcome {
  if (error instanceof RefusedError) {
    const reason = error.reason === '' ? 'it gave no reason' : error.reason;
    return { kind: TEMPORARY.includes(reason) ? 'refused' : 'unwanted', reason };
  }
  if (error instanceof LocalFileError) {
    // The client ends its connection when a file changes on the way; a name that no line can hold, it does not even say.
    if (client.stream.destroyed) return { kind: 'unreadable', error };
    return { kind: 'unwanted', reason: 'the protocol has no names with control characters' };
  }
  return { kind: error instanceof ClientError ? 'broken' : 'unreadable', error };
}

function empty({ mtimeMs }: QueuedFile): Outcome {
  const reason = 'it is empty, and the protocol has no empty file';
  const young = Date.now() - mtimeMs < BEING_WRITTEN_MS;
  return young ? { kind: 'unreadable', error: new Error(reason) } : { kind: 'unwanted', reason };
}
