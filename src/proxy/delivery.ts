/** Sends one file of the queue over a line, and says what comes of it. */
import type { Answer, Line } from './destination.ts';
import { Refusal } from '../protocol/errors.ts';
import type { QueuedFile } from '../store/queue-directory.ts';
import type { Outgoing, Store } from '../store/store.ts';

export type Outcome =
  | Exclude<Answer, { readonly kind: 'taken' }>
  /** It is at its destination, `already` from an earlier time, and it is deleted here. */
  | { readonly kind: 'delivered'; readonly bytes: number; readonly already: boolean }
  /** It is at its destination, but here another file took its name meanwhile, or it was written to. */
  | { readonly kind: 'replaced' }
  /** Somebody else deleted it here. */
  | { readonly kind: 'gone' };

export interface Delivery {
  readonly file: QueuedFile;
  readonly line: Line;
  readonly store: Pick<Store, 'open'>;
  /** Whether the destination took another file of that name from here. */
  readonly otherTaken: boolean;
}

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

async function send(outgoing: Outgoing, { file, line, otherTaken }: Delivery): Promise<Outcome> {
  const answer = await line.send(file, outgoing, otherTaken);
  if (answer.kind !== 'taken') return answer;
  const removed = await outgoing.remove();
  return removed
    ? { kind: 'delivered', bytes: outgoing.size, already: answer.already }
    : { kind: 'replaced' };
}

function empty({ mtimeMs }: QueuedFile): Outcome {
  const reason = 'it is empty, and the protocol has no empty file';
  const young = Date.now() - mtimeMs < BEING_WRITTEN_MS;
  return young ? { kind: 'unreadable', error: new Error(reason) } : { kind: 'unwanted', reason };
}
