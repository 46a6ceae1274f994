/** Data files as messages of a stream, by their names, until they are delivered. */
import type { StoredMsg } from '@nats-io/jetstream';
import { setTimeout as sleep } from 'node:timers/promises';
import { apiCode, isAway } from './away.ts';
import type { Cluster } from './cluster.ts';
import { type DataFile, readHeaders, writeHeaders } from './data-file.ts';
import { dataSubject, nameOfSubject, streamSubject } from './names.ts';
import { Refusal } from '../protocol/errors.ts';

/** A file that waits in the stream. */
export interface Waiting {
  /** Of its message. */
  readonly sequence: number;
  readonly file: DataFile;
  /** Empty when an object has the bytes. */
  readonly data: Buffer;
}

export interface Publication {
  readonly file: DataFile & { readonly id: string };
  /** Empty when an object has the bytes. */
  readonly data: Buffer;
  /** Whether it may take the place of another file of its name. */
  readonly overwrite: boolean;
}

/** Tells the other receivers that a file of a name is about to be stored, over the same connection. */
export interface Announcer {
  announce(name: string): Announced;
}

export interface Announced {
  /** Whether another of its name may wait, so that the leader has to be asked; false only where all names are known. */
  readonly mayBeTaken: boolean;
  /** Whether another of its name is on its way, by now, and goes first: worth waiting for a moment. */
  readonly goesSecond: boolean;
  /** Resolves when the others are about to hear of it. Never rejects. */
  readonly told: Promise<void>;
}

/** Between two questions about a name that another one is about to have. */
const AGAIN_MS = 25;

export class DataStream {
  readonly #cluster: Cluster;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  /**
   * N3: when this resolves, a quorum has the file, under a name that no other file had which waits.
   *
   * The servers are never left to refuse a message, be it by an id or by an expected sequence. Of NATS 2.9 (and in part of
   * later ones) each replica refuses for itself, when it applies the message: one that was started anew, or has not heard
   * of a delivery, takes what the others refuse, numbers what follows otherwise than they do, and removes other files than
   * were acknowledged. So the leader is asked before. Nor is a message taken back: somebody may have relied on it. What is
   * stored twice all the same is known by the deliverers.
   * @param patienceMs how long to wait for the quorum, in milliseconds
   * @returns whether it waits there already, from an earlier attempt
   * @throws Refusal when another file has its name; JetStreamAway, then it may be there or not; what the servers refuse
   */
  async publish(
    publication: Publication,
    announcer: Announcer,
    patienceMs: number,
  ): Promise<'stored' | 'repeated'> {
    const { file, overwrite } = publication;
    const waiting = await this.#taken(file.name, announcer.announce(file.name));
    if (waiting === undefined) {
      await this.#send(publication, file.id, patienceMs);
      return 'stored';
    }
    if (isRepeat(waiting, file.id)) return 'repeated';
    if (!overwrite) throw new Refusal('file already exists');
    // What was delivered before is no repeat when it is to replace another file that waits.
    await this.#send(publication, `${file.id}.${String(waiting.sequence)}`, patienceMs);
    return 'stored';
  }

  /** A file of this name that waits; undefined when there is none. @throws JetStreamAway */
  async look(name: string): Promise<Waiting | undefined> {
    const wanted = { last_by_subj: this.#subject(name) };
    const found = await this.#cluster.use(({ jsm }) => jsm.direct.getMessage(this.#stream, wanted));
    // Whoever answers first may not have heard of it yet: that there is none, only the leader knows.
    return found === null ? this.#last(name) : waitingOf(found);
  }

  /** The names of all files that wait, in no order. @throws JetStreamAway */
  async list(): Promise<string[]> {
    const filter = { subjects_filter: streamSubject(this.#stream) };
    const { state } = await this.#cluster.use(({ jsm }) => jsm.streams.info(this.#stream, filter));
    return Object.keys(state.subjects ?? {}).map(nameOfSubject);
  }

  /** Takes a file out of the stream. @returns whether it was still there @throws JetStreamAway */
  remove(sequence: number): Promise<boolean> {
    return this.#cluster.use(async ({ jsm }) => {
      try {
        return await jsm.streams.deleteMessage(this.#stream, sequence, false);
      } catch (cause) {
        // How the servers say that it is gone depends on what else is.
        if (apiCode(cause) === undefined || isAway(cause)) throw cause;
        if ((await jsm.streams.getMessage(this.#stream, { seq: sequence })) === null) return false;
        throw cause;
      }
    });
  }

  get #stream(): string {
    return this.#cluster.settings.stream;
  }

  #subject(name: string): string {
    return dataSubject(this.#stream, name);
  }

  /** By the leader: others may not know of it yet. */
  async #last(name: string): Promise<Waiting | undefined> {
    const found = await this.#cluster.use(({ jsm }) =>
      jsm.streams.getMessage(this.#stream, { last_by_subj: this.#subject(name) }),
    );
    return found === null ? undefined : waitingOf(found);
  }

  /** What has this name, or gets it this very moment. */
  async #taken(name: string, announced: Announced): Promise<Waiting | undefined> {
    if (!announced.mayBeTaken && !announced.goesSecond) return undefined;
    // Here and back, and then there and back: so long it takes until one who had not heard of this one is heard of.
    await announced.told;
    for (;;) {
      const waiting = await this.#last(name);
      if (waiting !== undefined || !announced.goesSecond) return waiting;
      await sleep(AGAIN_MS);
    }
  }

  async #send({ file, data }: Publication, id: string, timeout: number): Promise<void> {
    await this.#cluster.use(({ js }) => {
      const headers = this.#cluster.packages.transport.headers();
      writeHeaders({ ...file, id }, headers);
      return js.publish(this.#subject(file.name), data, { headers, timeout });
    });
  }
}

function isRepeat({ file }: Waiting, id: string): boolean {
  return file.id === id || file.id?.startsWith(`${id}.`) === true;
}

function waitingOf({ subject, seq, header, data, time }: StoredMsg): Waiting {
  return {
    sequence: seq,
    file: readHeaders(subject, header, { storedAt: time.getTime(), size: data.length }),
    data: Buffer.from(data.buffer, data.byteOffset, data.byteLength),
  };
}
