/** A data file as a message: what its headers say. Pure. */
import type { MsgHdrs } from '@nats-io/transport-node';
import { nameOfSubject } from './names.ts';
import type { Origin } from '../store/store.ts';

/** What is known of a data file beside its bytes. */
export interface DataFile {
  /** As latin-1 (W1). */
  readonly name: string;
  /** The same for what is sent again: see fileId(). Undefined where nobody gave it one. */
  readonly id: string | undefined;
  /** Bytes. */
  readonly size: number;
  /** Undefined where it came from a queue that does not know. */
  readonly from: Origin | undefined;
  /** When a server had received it, in milliseconds since the epoch. */
  readonly receivedAt: number;
  /** The object of the bucket for bodies that has its bytes; undefined: the message itself has them. */
  readonly object: string | undefined;
  /** Whether it waited in a queue: then an earlier attempt may have brought it, longer ago than the duplicate window. */
  readonly queued: boolean;
}

/** Not the servers' own header for ids: see DataStream. */
const ID = 'Tentacle-Id';
const SIZE = 'Tentacle-Size';
const PEER = 'Tentacle-Peer';
const SUBJECT = 'Tentacle-Certificate';
const RECEIVED = 'Tentacle-Received';
const OBJECT = 'Tentacle-Object';
const QUEUED = 'Tentacle-Queued';
/** For people who look at the stream; the name itself is in the message's subject. */
const NAME = 'Tentacle-File';

/** Puts all that is known of a file into headers. */
export function writeHeaders(file: DataFile, headers: MsgHdrs): void {
  headers.set(NAME, encodeURIComponent(file.name));
  headers.set(SIZE, String(file.size));
  headers.set(RECEIVED, new Date(file.receivedAt).toISOString());
  if (file.id !== undefined) headers.set(ID, file.id);
  if (file.from !== undefined) headers.set(PEER, file.from.address);
  if (file.from?.subject !== undefined) headers.set(SUBJECT, encodeURIComponent(file.from.subject));
  if (file.object !== undefined) headers.set(OBJECT, file.object);
  if (file.queued) headers.set(QUEUED, '1');
}

/**
 * The file of a message.
 * @param storedAt when it was stored, for one whose headers do not say when it was received: milliseconds since the epoch
 */
export function readHeaders(
  subject: string,
  headers: MsgHdrs | undefined,
  { storedAt, size }: { readonly storedAt: number; readonly size: number },
): DataFile {
  const get = (name: string): string | undefined => valueOf(headers, name);
  const received = Date.parse(get(RECEIVED) ?? '');
  const peer = get(PEER);
  const certificate = get(SUBJECT);
  return {
    name: nameOfSubject(subject),
    id: get(ID),
    size: Number(get(SIZE) ?? size),
    from:
      peer === undefined
        ? undefined
        : { address: peer, subject: certificate === undefined ? undefined : decoded(certificate) },
    receivedAt: Number.isNaN(received) ? storedAt : received,
    object: get(OBJECT),
    queued: get(QUEUED) !== undefined,
  };
}

/** Of a header; undefined where it is missing, or empty. */
function valueOf(headers: MsgHdrs | undefined, name: string): string | undefined {
  const value = headers?.get(name) ?? '';
  return value === '' ? undefined : value;
}

/** Whoever wrote it otherwise does not keep the file from being read. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
