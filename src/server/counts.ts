/** Counts what happened, by listening to what is logged of it. */
import type { Recent } from './recent.ts';
import type { Fields, Logger } from '../log/logger.ts';

/** How often, by what. The words come from this program, never from a peer: there are few of them. */
export type Tally = Readonly<Record<string, number>>;

export interface Counts {
  /** Connections open now. */
  readonly open: number;
  /** Connections that got past the gate since the start, those open included. */
  readonly connections: number;
  /** Those that are over: `completed`, or the reason that the log gives. */
  readonly ended: Tally;
  /** Commands that are over, as `SEND received`, `RECV sent`, `MV declined`, `SEND refused`. */
  readonly files: Tally;
  /** Of files, or what a relay passed on, from clients. */
  readonly bytesReceived: number;
  /** The same, to clients. */
  readonly bytesSent: number;
  /** Attempts to send a stored file on: `forwarded`, `rejected`, `not forwarded`. */
  readonly forwarded: Tally;
  /** Files of a stream: `delivered`, `put into rejected`, `not delivered` (an attempt that failed), `lost`. */
  readonly delivered: Tally;
  /** Files of a console and its store: `taken` from the store, `given` to it, `deleted`, `conflict`. */
  readonly synced: Tally;
  /** Of the files that were delivered, taken and given. */
  readonly bytesMoved: number;
  /** Commands refused, by the reason that the client heard. */
  readonly refusals: Tally;
  /** Connections refused for their address, by the reason. */
  readonly turnedAway: Tally;
  /** As `TLSv1.3 completed`, `none timeout`. */
  readonly handshakes: Tally;
  /** Transfers by how long they took: as many as there are bounds, and one for those that took longer. */
  readonly durations: readonly number[];
  /** What all transfers took together. */
  readonly transferSeconds: number;
  /** Processor time of workers. */
  readonly cpuSeconds: number;
}

/** Ends of a connection by which a client was refused, as the log gives them. */
export const REFUSING_ENDS: readonly unknown[] = [
  'password',
  'unauthenticated',
  'insecure',
  'client certificate',
  'no upstream',
];

/** Seconds: how long a transfer takes at most, for each of its classes. */
export const DURATION_BOUNDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60];

type Sums = {
  -readonly [Key in keyof Counts]: Counts[Key] extends Tally
    ? Record<string, number>
    : Counts[Key] extends number
      ? number
      : number[];
};

function nothing(): Sums {
  return {
    open: 0,
    connections: 0,
    ended: {},
    files: {},
    bytesReceived: 0,
    bytesSent: 0,
    forwarded: {},
    delivered: {},
    synced: {},
    bytesMoved: 0,
    refusals: {},
    turnedAway: {},
    handshakes: {},
    durations: Array.from({ length: DURATION_BOUNDS.length + 1 }, () => 0),
    transferSeconds: 0,
    cpuSeconds: 0,
  };
}

export const NOTHING: Counts = nothing();

export function sum(all: Iterable<Counts>): Counts {
  const total = nothing();
  for (const counts of all) {
    for (const key of Object.keys(counts) as (keyof Counts)[]) {
      const more = counts[key];
      if (typeof more === 'number') (total[key] as number) += more;
      else addTo(total[key] as unknown as Record<string, number>, more as Tally);
    }
  }
  return total;
}

/** Of an array, too: its indexes are its words. */
function addTo(total: Record<string, number>, more: Tally): void {
  for (const [word, times] of Object.entries(more)) total[word] = (total[word] ?? 0) + times;
}

/** How often, whatever it was. */
export function total(tally: Tally): number {
  return Object.values(tally).reduce((sum, times) => sum + times, 0);
}

/** How often each thing was refused, commands, connections and passwords alike, by the words of protocol and option. */
export function refusals({ refusals: commands, turnedAway, ended }: Counts): Tally {
  const ends = Object.entries(ended).filter(([reason]) => REFUSING_ENDS.includes(reason));
  return { ...commands, ...turnedAway, ...Object.fromEntries(ends) };
}

export function filesReceived({ files }: Pick<Counts, 'files'>): number {
  return (files['SEND received'] ?? 0) + (files['ZSEND received'] ?? 0);
}

export function filesSent({ files }: Pick<Counts, 'files'>): number {
  return total(Object.fromEntries(Object.entries(files).filter(([what]) => what.endsWith(' sent'))));
}

/** Files that were delivered from a stream, or carried over between a console and its store. */
export function filesMoved({ delivered, synced }: Counts): number {
  return (delivered.delivered ?? 0) + (synced.taken ?? 0) + (synced.given ?? 0);
}

type Level = keyof Logger;

/** Every event is logged exactly once, at whatever level: so the log is where it can be counted. */
export class Counter {
  readonly #counts = nothing();
  readonly #recent: Recent | undefined;

  /** @param recent undefined: nobody wants to know more than how often */
  constructor(recent?: Recent) {
    this.#recent = recent;
  }

  /** What happened so far. @param open connections open now */
  counts(open: number): Counts {
    const { user, system } = process.cpuUsage();
    return { ...this.#counts, open, cpuSeconds: (user + system) / 1e6 };
  }

  /** The same logger, with every line counted, shown or not. */
  counting(log: Logger): Logger {
    const counted = (level: Level): Logger['event'] => {
      const write = log[level];
      return (message, fields) => {
        if (fields !== undefined) this.#count(fields);
        this.#recent?.note(level, message, fields);
        write(message, fields);
      };
    };
    return {
      error: counted('error'),
      warning: counted('warning'),
      notice: counted('notice'),
      event: counted('event'),
      detail: counted('detail'),
    };
  }

  #count(fields: Fields): void {
    const counts = this.#counts;
    switch (fields.event) {
      case 'connected':
        counts.connections++;
        break;
      case 'closed':
        more(counts.ended, 'completed');
        break;
      case 'ended':
        more(counts.ended, String(fields.reason));
        break;
      case 'relayed':
        more(counts.ended, 'completed');
        counts.bytesReceived += Number(fields.bytes);
        counts.bytesSent += Number(fields.answered);
        break;
      case 'received':
        more(counts.files, fields.command === 'SEND' ? 'SEND received' : 'ZSEND received');
        counts.bytesReceived += Number(fields.bytes);
        this.#took(Number(fields.ms));
        break;
      case 'sent':
        more(counts.files, `${String(fields.command)} sent`);
        counts.bytesSent += Number(fields.bytes);
        this.#took(Number(fields.ms));
        break;
      case 'not sent':
        more(counts.files, `${String(fields.command)} declined`);
        break;
      case 'refused':
        more(counts.files, `${String(fields.command)} refused`);
        more(counts.refusals, String(fields.reason));
        break;
      case 'forwarded':
      case 'rejected':
      case 'not forwarded':
        more(counts.forwarded, fields.event);
        break;
      case 'delivered':
        more(counts.delivered, 'delivered');
        counts.bytesMoved += Number(fields.bytes);
        break;
      case 'delivery':
        more(counts.delivered, String(fields.outcome));
        break;
      case 'taken':
      case 'given':
        counts.bytesMoved += Number(fields.bytes);
        more(counts.synced, fields.event);
        break;
      case 'deleted':
      case 'conflict':
        more(counts.synced, fields.event);
        break;
      case 'turned away':
        more(counts.turnedAway, String(fields.reason));
        break;
      case 'tls':
        more(counts.handshakes, `${String(fields.version)} completed`);
        break;
      case 'tls failed':
        more(counts.handshakes, `none ${String(fields.reason)}`);
        break;
      default:
    }
  }

  #took(ms: number): void {
    const seconds = ms / 1000;
    const counts = this.#counts;
    let bound = 0;
    while (bound < DURATION_BOUNDS.length && seconds > (DURATION_BOUNDS[bound] ?? 0)) bound++;
    counts.durations[bound] = (counts.durations[bound] ?? 0) + 1;
    counts.transferSeconds += seconds;
  }
}

function more(tally: Record<string, number>, word: string): void {
  tally[word] = (tally[word] ?? 0) + 1;
}
