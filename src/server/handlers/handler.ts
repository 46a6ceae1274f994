/** What a handler is given, and what it may leave to be done. */
import type { DiskTroubles } from '../disk-troubles.ts';
import type { Peer } from '../peer.ts';
import type { Logger } from '../../log/logger.ts';
import type { ByteReader } from '../../protocol/byte-reader.ts';
import type { ByteWriter } from '../../protocol/byte-writer.ts';
import type { TransferRules } from '../../settings/settings.ts';
import type { Store } from '../../store/store.ts';

export interface Session {
  readonly reader: ByteReader;
  /** The client's next command line, or undefined when it has closed. @throws ServerStopping instead of waiting */
  readonly nextLine: () => Promise<string | undefined>;
  readonly writer: ByteWriter;
  readonly peer: Peer;
  readonly store: Store;
  readonly rules: TransferRules;
  /** W2: bytes. */
  readonly lineLimit: number;
  /** W10: one of these is what the client must say first, when the server has a password. */
  readonly passwordDigests: readonly string[];
  readonly log: Logger;
  /** Of all sessions of this worker. */
  readonly troubles: Pick<DiskTroubles, 'take'>;
  /** The client got something done: a command, or a good piece of a file. */
  readonly progress: () => void;
}

/** W16: what a command leaves to be done; exactly one of the two. */
export interface OnNextCommand {
  /** The client's next command shows that it has the answer. */
  run(): Promise<void>;
  /** The client went away instead. */
  drop(): Promise<void>;
}

/** So much of a file is worth as much as a command: whoever moves it is not silent. Bytes. */
const GOOD_PIECE = 64 * 1024;

/** Counts bytes that move, and tells of every good piece. */
export function progressOf(session: Session): (bytes: number) => void {
  let moved = 0;
  return (bytes) => {
    moved += bytes;
    if (moved < GOOD_PIECE) return;
    moved = 0;
    session.progress();
  };
}
