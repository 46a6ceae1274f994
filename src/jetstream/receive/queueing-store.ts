/** JetStream as a store that never fails for long: while it is away, files wait in a directory, or are refused in time. */
import { JetStreamAway } from '../away.ts';
import type { Quorum } from './quorum.ts';
import { Repeat } from './repeat.ts';
import { Refusal } from '../../protocol/errors.ts';
import { OF_AGENTS } from '../../proxy/forwarding-store.ts';
import type { Queue } from '../../proxy/queue.ts';
import type { Incoming, Origin, Outgoing, Store } from '../../store/store.ts';

/** Where files wait. */
export interface WaitingRoom {
  readonly store: Pick<Store, 'receive' | 'open'>;
  readonly queue: Pick<Queue, 'added'>;
}

/** A store that says by itself what may not be stored at all. */
export interface Remote extends Store {
  /** @throws Refusal when clients may not send a file of this name */
  demand(name: string): void;
}

export interface QueueingOptions {
  /** Throws JetStreamAway. */
  readonly remote: Remote;
  readonly quorum: Pick<Quorum, 'trouble' | 'lost'>;
  /** Undefined: what JetStream cannot take now is refused. */
  readonly room: WaitingRoom | undefined;
}

/** What is begun for JetStream is kept in memory up to here, then in the waiting room, too, in case it fails. Bytes. */
const MOST_KEPT = 128 * 1024;

export class QueueingStore implements Store {
  readonly #options: QueueingOptions;

  constructor(options: QueueingOptions) {
    this.#options = options;
  }

  async receive(name: string, size: number, from?: Origin): Promise<Incoming> {
    const { remote, quorum, room } = this.#options;
    // Also while nobody else is there to say it.
    remote.demand(name);
    // An agent that cannot fetch its own believes that it is new here: what it sends must not replace what is there.
    const shelter = room === undefined || OF_AGENTS.test(name) ? undefined : new Shelter(room, name, size);
    const { trouble } = quorum;
    if (trouble !== undefined) {
      if (shelter === undefined) throw away(trouble);
      await shelter.open();
      return shelter;
    }
    try {
      return new Sheltered(await remote.receive(name, size, from), shelter, quorum);
    } catch (cause) {
      if (!(cause instanceof JetStreamAway)) throw cause;
      quorum.lost(cause);
      if (shelter === undefined) throw away(cause.message);
      await shelter.open();
      return shelter;
    }
  }

  async open(name: string, purpose: 'read' | 'move' = 'read'): Promise<Outgoing> {
    try {
      return await this.#options.remote.open(name, purpose);
    } catch (cause) {
      if (!(cause instanceof JetStreamAway)) throw cause;
      throw new Refusal('file does not exist', cause.message);
    }
  }

  async list(name: string): Promise<string[]> {
    try {
      return await this.#options.remote.list(name);
    } catch (cause) {
      if (!(cause instanceof JetStreamAway)) throw cause;
      throw new Refusal('cannot list', cause.message);
    }
  }
}

/** Without a cause: that is for the trouble of this host's disk. JetStream tells of its own. */
function away(trouble: string): Refusal {
  return new Refusal('cannot store file', trouble);
}

/** A file on its way into the waiting room, from its first byte or from when it is needed. */
class Shelter implements Incoming {
  readonly #room: WaitingRoom;
  readonly #name: string;
  readonly #size: number;
  #incoming: Incoming | undefined;
  #bytes = 0;

  constructor(room: WaitingRoom, name: string, size: number) {
    this.#room = room;
    this.#name = name;
    this.#size = size;
  }

  get isOpen(): boolean {
    return this.#incoming !== undefined;
  }

  async open(): Promise<void> {
    const { store } = this.#room;
    try {
      this.#incoming ??= await store.receive(this.#name, this.#size);
    } catch (cause) {
      if (!(cause instanceof Refusal) || cause.reason !== 'file already exists') throw cause;
      this.#incoming = new Repeat(store, this.#name);
    }
  }

  async write(chunk: Buffer): Promise<void> {
    this.#bytes += chunk.length;
    await this.#incoming?.write(chunk);
  }

  async commit(): Promise<void> {
    await this.#incoming?.commit();
    // What is there already, the queue knows.
    if (!(this.#incoming instanceof Repeat)) this.#room.queue.added(this.#name, this.#bytes);
  }

  async discard(): Promise<void> {
    await this.#incoming?.discard();
  }
}

/** A file on its way to JetStream, that goes to the shelter should JetStream fail. */
class Sheltered implements Incoming {
  readonly #remote: Incoming;
  #shelter: Shelter | undefined;
  /** Why the shelter does not take it. */
  #whyNone: Refusal | undefined;
  readonly #quorum: Pick<Quorum, 'lost'>;
  /** What the shelter does not have. */
  #kept: Buffer[] = [];
  #keptBytes = 0;
  #isLost = false;

  constructor(remote: Incoming, shelter: Shelter | undefined, quorum: Pick<Quorum, 'lost'>) {
    this.#remote = remote;
    this.#shelter = shelter;
    this.#quorum = quorum;
  }

  async write(chunk: Buffer): Promise<void> {
    await this.#keep(chunk);
    if (!this.#isLost) await this.#try(() => this.#remote.write(chunk));
  }

  async commit(): Promise<void> {
    if (!this.#isLost) await this.#try(() => this.#remote.commit());
    if (this.#isLost) await this.#shelter?.commit();
  }

  async discard(): Promise<void> {
    await Promise.all([this.#remote.discard(), this.#shelter?.discard()]);
    this.#kept = [];
  }

  async #keep(chunk: Buffer): Promise<void> {
    const shelter = this.#shelter;
    if (shelter === undefined) return;
    try {
      if (shelter.isOpen) {
        await shelter.write(chunk);
        return;
      }
      this.#kept.push(chunk);
      this.#keptBytes += chunk.length;
      if (this.#keptBytes > MOST_KEPT) await this.#moveIn(shelter);
    } catch (cause) {
      if (this.#isLost || !(cause instanceof Refusal)) throw cause;
      await this.#without(shelter, cause);
    }
  }

  async #moveIn(shelter: Shelter): Promise<void> {
    await shelter.open();
    for (const chunk of this.#kept.splice(0)) await shelter.write(chunk);
  }

  /** As long as JetStream takes the file, the disk here need not. */
  async #without(shelter: Shelter, cause: Refusal): Promise<void> {
    this.#shelter = undefined;
    this.#whyNone = cause;
    this.#kept = [];
    await shelter.discard();
  }

  /** @throws Refusal when JetStream is away and there is no shelter */
  async #try(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (cause) {
      if (!(cause instanceof JetStreamAway)) throw cause;
      this.#quorum.lost(cause);
      if (this.#shelter === undefined) throw this.#whyNone ?? away(cause.message);
      this.#isLost = true;
      await this.#moveIn(this.#shelter);
    }
  }
}
