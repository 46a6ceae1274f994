/** What a worker is there for: who takes over a connection that was let in and secured. */
import type { Socket } from 'node:net';
import type { Peer } from './peer.ts';
import type { Logger } from '../log/logger.ts';
import type { ByteReader } from '../protocol/byte-reader.ts';
import type { Settings } from '../settings/settings.ts';
import type { Elsewhere } from '../store/free-space.ts';

export interface Service {
  /** Takes over a client; it listens to the stream by the end of this tick. */
  begin(client: Client): Conversation;
  /**
   * Removes what processes that were killed left behind, until told to end.
   * @returns how many files
   */
  clean(ending: AbortSignal): Promise<number>;
  /** From now on this process, alone among all workers, does what only one may do at a time. */
  lead(): void;
  /** Begins nothing of its own any more; resolves when nothing of its own is in progress. */
  finish(): Promise<void>;
  /** Drops what is still in progress of its own, and whatever it holds: it has had its time. */
  cut(): void;
}

export interface Client {
  /** Its socket, or the TLS socket above it. */
  readonly stream: Socket;
  /** Of the stream; some of what it said may be there already. */
  readonly reader: ByteReader;
  readonly peer: Peer;
  /** To be called when it got something done: others are then silent for longer. */
  readonly progress: () => void;
}

/** A client that is being served, as admission and a stop see it. */
export interface Conversation {
  /** Resolves at a proper end; rejects with what else ended it. */
  readonly ended: Promise<void>;
  /** Whether a command is in progress. */
  readonly isBusy: boolean;
  /** Whether it is the client's turn to say something, or to read. */
  readonly isAwaited: boolean;
  /** Ends it as soon as no command is in progress. */
  stop(): void;
}

/** What the services of a worker have around them. */
export interface Surroundings {
  readonly log: Logger;
  /** What other workers promised to their transfers. */
  readonly elsewhere?: Elsewhere | undefined;
}

/** @throws Error when what it needs is not installed */
export type ServiceMaker = (settings: Settings, around: Surroundings) => Service | Promise<Service>;
