/** Remembers what a worker did lately and for whom, until its supervisor asks. */
import { REFUSING_ENDS } from './counts.ts';
import type { Fields, Logger, Text } from '../log/logger.ts';

/** Times are in milliseconds since the epoch, text is printable. */
export interface RecentFile {
  readonly at: number;
  readonly command: string;
  readonly file: string;
  readonly bytes: number;
  readonly ms: number;
  /** Its address. */
  readonly peer: string;
}

export interface RecentTrouble {
  readonly at: number;
  readonly level: 'error' | 'warning' | 'event';
  readonly text: string;
}

/** What one address did. */
export interface PeerNews {
  readonly address: string;
  readonly lastSeen: number;
  readonly files: number;
  readonly bytes: number;
  /** Commands, and connections. */
  readonly refused: number;
  /** The file it last sent or fetched; '' for none. */
  readonly lastFile: string;
}

/** Since the last time. */
export interface Happened {
  /** The oldest first, as the next one; no more than anybody looks at. */
  readonly files: readonly RecentFile[];
  readonly troubles: readonly RecentTrouble[];
  readonly peers: readonly PeerNews[];
}

/** Of each kind. */
export const MOST_RECENT = 20;
/** Addresses told apart until the supervisor asks, every two seconds: further ones are not listed. */
const MOST_PEERS = 512;

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

export class Recent {
  readonly #files = new Ring<Fields>();
  readonly #troubles = new Ring<Omit<RecentTrouble, 'at'>>();
  #peers = new Map<string, Mutable<PeerNews>>();

  /** To be called with every line of the log. */
  note(level: keyof Logger, message: Text, fields: Fields | undefined): void {
    if (level === 'error' || level === 'warning') this.#trouble(level, message);
    switch (fields?.event) {
      case 'received':
      case 'sent':
        // The fields as they are: nothing is made for each of thousands of files a second.
        this.#files.add(fields);
        this.#seen(fields, 1);
        break;
      case 'delivered':
      case 'taken':
      case 'given':
        // No peer is connected here.
        this.#files.add(fields);
        break;
      case 'relayed':
        this.#seen(fields, 0);
        break;
      case 'refused':
      case 'turned away':
        this.#seen(fields, 0, 1);
        if (level === 'event') this.#trouble(level, message);
        break;
      case 'ended':
        this.#seen(fields, 0, REFUSING_ENDS.includes(fields.reason) ? 1 : 0);
        if (level === 'event') this.#trouble(level, message);
        break;
      default:
    }
  }

  /** What happened since the last time. */
  take(): Happened {
    const happened = {
      files: this.#files.take().map(([at, fields]) => fileOf(at, fields)),
      troubles: this.#troubles.take().map(([at, trouble]) => ({ at, ...trouble })),
      peers: [...this.#peers.values()],
    };
    this.#peers = new Map();
    return happened;
  }

  #trouble(level: RecentTrouble['level'], message: Text): void {
    this.#troubles.add({ level, text: typeof message === 'string' ? message : message() });
  }

  #seen(fields: Fields, files: number, refused = 0): void {
    const address = String(fields.peer);
    const at = Date.now();
    let peer = this.#peers.get(address);
    if (peer === undefined) {
      if (this.#peers.size >= MOST_PEERS) return;
      peer = { address, lastSeen: at, files: 0, bytes: 0, refused: 0, lastFile: '' };
      this.#peers.set(address, peer);
    }
    peer.lastSeen = at;
    peer.files += files;
    peer.refused += refused;
    // What was refused, or not taken, has a size, too.
    if (refused === 0 && typeof fields.bytes === 'number') peer.bytes += fields.bytes;
    if (files > 0) peer.lastFile = String(fields.file);
  }
}

function fileOf(at: number, { event, command, file, bytes, ms = 0, peer = '' }: Fields): RecentFile {
  return {
    at,
    command: String(command ?? event),
    file: String(file),
    bytes: Number(bytes),
    ms: Number(ms),
    peer: String(peer),
  };
}

/** The last few of many things, with their times. */
class Ring<T> {
  #things: T[] = [];
  #times: number[] = [];
  #next = 0;

  add(thing: T): void {
    this.#things[this.#next] = thing;
    this.#times[this.#next] = Date.now();
    this.#next = (this.#next + 1) % MOST_RECENT;
  }

  /** The oldest first. */
  take(): (readonly [at: number, thing: T])[] {
    const all = this.#things.map((thing, index) => [this.#times[index] ?? 0, thing] as const);
    const oldest = all.length < MOST_RECENT ? 0 : this.#next;
    this.#things = [];
    this.#times = [];
    this.#next = 0;
    return [...all.slice(oldest), ...all.slice(0, oldest)];
  }
}
