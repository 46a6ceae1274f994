/** Where the files of a queue go, as the forwarder sees it: servers of proxy_ip, or JetStream. */
import type { QueuedFile } from '../store/queue-directory.ts';
import type { Outgoing } from '../store/store.ts';

export interface Destination {
  /**
   * A way to send files, of which each carries one at a time.
   * @param attempt ends the attempt, and is never aborted later
   * @param stopping is aborted when nobody needs it any more
   * @throws NoUpstream when there is none for now
   */
  reach(attempt: AbortSignal, stopping: AbortSignal): Promise<Line>;
  /** Resolves when there may be a way again, after so many milliseconds, or when the signal is aborted. */
  changed(ms: number, signal: AbortSignal): Promise<void>;
  /** What is known of it, for the log. */
  readonly state: string;
}

/** A connection over which files are sent. */
export interface Line {
  /** Who is at the other end. */
  readonly to: string;
  /** Whether nothing can be sent over it any more. */
  readonly isOver: boolean;
  /**
   * Never throws.
   * @param otherTaken whether another file of that name was taken from here: then one that is there is not this one
   */
  send(file: QueuedFile, outgoing: Outgoing, otherTaken: boolean): Promise<Answer>;
  /** Ends it as it should be ended. @throws Error when the other side has ended it before */
  quit(): Promise<void>;
  /** Drops it; harmless after quit(). */
  close(): void;
  /** To be called once, when it is over. */
  release(): void;
  /** It failed on the way. */
  broke(error: Error): void;
}

export type Answer =
  /** It is there, `already` from an earlier time. */
  | { readonly kind: 'taken'; readonly already: boolean }
  /** It will never be taken. */
  | { readonly kind: 'unwanted'; readonly reason: string }
  /** It cannot be taken now. */
  | { readonly kind: 'refused'; readonly reason: string }
  /** This host could not read it. */
  | { readonly kind: 'unreadable'; readonly error: Error }
  /** The line ended before the file was confirmed. */
  | { readonly kind: 'broken'; readonly error: Error };
