/** What supervisor and workers say to each other. */
import type { Bound } from './listener.ts';
import type { Counts } from './counts.ts';
import type { Happened } from './recent.ts';
import type { SentBlueprint } from '../settings/blueprint.ts';

/** Everything a worker needs to begin. */
export interface StartOrder {
  readonly kind: 'start';
  readonly blueprint: SentBlueprint;
  /** Connections it may serve at a time, before it asks for more. */
  readonly places: number;
  /** Unfinished TLS handshakes at a time. */
  readonly handshakes: number;
  /** How many sockets its parent's service manager opened: they are its descriptors from FIRST_INHERITED on. */
  readonly descriptors: number;
  /** Whether it is to remove what earlier processes left in the spool. */
  readonly clean: boolean;
  /** What a service manager said in its environment, for a worker that must answer for its supervisor. */
  readonly notify: Readonly<Record<string, string>>;
}

/** Behind the standard streams and the channel to the supervisor. */
export const FIRST_INHERITED = 4;

export type ToWorker =
  /** Comes with a socket that listens; all that there are come before the start order. */
  | { readonly kind: 'socket'; readonly name: string }
  | StartOrder
  /** Listen no more; let sessions come to their end. */
  | { readonly kind: 'finish' }
  /** Listen no more; let commands in progress come to their end. */
  | { readonly kind: 'stop' }
  | { readonly kind: 'granted'; readonly places: number }
  /** Others need places. */
  | { readonly kind: 'recall'; readonly urgently: boolean }
  /** The other workers have promised so many bytes of a device to transfers in progress. */
  | { readonly kind: 'promised'; readonly device: number; readonly bytes: number }
  /** Alone among all workers, do what only one may do at a time. */
  | { readonly kind: 'lead' }
  | { readonly kind: 'ping' };

export type ToSupervisor =
  /** Comes with a socket that it bound, to be kept and given to others; all come before 'listening'. */
  | { readonly kind: 'bound'; readonly name: string }
  | {
      readonly kind: 'listening';
      /** Names of the sockets that it listens on. */
      readonly names: readonly string[];
      readonly addresses: Bound['addresses'];
      /** One message for each address that could not be bound. */
      readonly failures: Bound['failures'];
    }
  /** It removed so many files of earlier processes from the spool. */
  | { readonly kind: 'removed'; readonly files: number }
  | { readonly kind: 'failed'; readonly reason: string }
  | { readonly kind: 'wanted'; readonly urgently: boolean }
  | { readonly kind: 'returned'; readonly places: number }
  /** It has promised so many bytes of a device to transfers in progress. */
  | { readonly kind: 'promised'; readonly device: number; readonly bytes: number }
  /** It does no more what only one may do at a time. */
  | { readonly kind: 'resigned' }
  /** It stops, with so many commands in progress. */
  | { readonly kind: 'stopping'; readonly busy: number }
  /** All is over; so many connections had to be cut off. */
  | { readonly kind: 'ended'; readonly cut: number; readonly report: WorkerReport }
  | { readonly kind: 'pong'; readonly report: WorkerReport };

/** How a worker is. */
export interface WorkerReport {
  readonly counts: Counts;
  /** What it occupies, in bytes. */
  readonly memory: number;
  /** By how much its event loop was late at worst since the last report, in seconds; 0 unless somebody wants to know. */
  readonly lag: number;
  /** Since the last report; undefined unless somebody wants to know. */
  readonly happened: Happened | undefined;
}
