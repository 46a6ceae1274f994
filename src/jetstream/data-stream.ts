/** Data files as messages of a stream: each name once, until it is delivered. */
import type { StoredMsg } from '@nats-io/jetstream';
import { CODES } from './away.ts';
import type { Cluster } from './cluster.ts';
import { type DataFile, readHeaders, writeHeaders } from './data-file.ts';
import { dataSubject, nameOfSubject, streamSubject } from './names.ts';
import { absentAs } from './setup/setup.ts';
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

/** Tells others that a file of a name is about to be stored. */
export interface Announcer {
  announce(name: string): Announced;
}

export interface Announced {
  /** Whether another of its name was stored a short time ago, or is about to be: by now, not only when it was announced. */
  readonly isContested: boolean;
  /** Whether another of its name may wait for longer than anybody remembers. */
  readonly mayWait: boolean;
}

export class DataStream {
  readonly #cluster: Cluster;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  /**
   * N3: when this resolves, a quorum has the file, under a name that no other file had which waits.
   *
   * The servers are never left to refuse a message, be it by an id or by an expected sequence. Of NATS 2.9 and 2.10, each
   * replica refuses for itself, when it applies the message: one that was started anew, or has not heard of a delivery,
   * takes what the others refuse, numbers what follows otherwise than they do, and removes other files than were
   * acknowledged. Whoever sends a name that somebody had lately asks the leader instead; and a repeat of what was delivered
   * is stored, and known by the deliverers.
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
    const announced = announcer.announce(file.name);
    let { id } = file;
    if (announced.isContested || announced.mayWait) {
      const waiting = await this.#last(file.name);
      if (waiting !== undefined && isRepeat(waiting, id)) return 'repeated';
      if (waiting !== undefined && !overwrite) return this.#refuse(file);
      // What was delivered before is no repeat when it is to replace another file that waits.
      if (waiting !== undefined) id = `${id}.${String(waiting.sequence)}`;
    }
    const own = await this.#send(publication, id, patienceMs);
    return overwrite || !announced.isContested ? 'stored' : this.#settle(file, own);
  }

  /** A file of this name that waits; undefined when there is none. @throws JetStreamAway */
  async look(name: string): Promise<Waiting | undefined> {
    const wanted = { last_by_subj: this.#subject(name) };
    const found = await this.#cluster.use(({ jsm }) => jsm.direct.getMessage(this.#stream, wanted));
    // Whoever answers first may not have heard of it yet: that there is none, only the leader knows.
    return found === null ? ((await this.#last(name)) ?? (await this.#first(name))) : waitingOf(found);
  }

  /** The names of all files that wait, in no order. @throws JetStreamAway */
  async list(): Promise<string[]> {
    const filter = { subjects_filter: streamSubject(this.#stream) };
    const { state } = await this.#cluster.use(({ jsm }) => jsm.streams.info(this.#stream, filter));
    return Object.keys(state.subjects ?? {}).map(nameOfSubject);
  }

  /** Takes a file out of the stream. @returns whether it was still there @throws JetStreamAway */
  remove(sequence: number): Promise<boolean> {
    return this.#cluster.use(({ jsm }) =>
      absentAs(
        false,
        jsm.streams.deleteMessage(this.#stream, sequence, false),
        CODES.noMessageFound,
        CODES.noSuchSequence,
      ),
    );
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

  /** By the leader, too. Slow where very much waits; #last() is not, but NATS 2.9 finds none where a later one was removed. */
  async #first(name: string): Promise<Waiting | undefined> {
    const wanted = { seq: 1, next_by_subj: this.#subject(name) };
    const found = await this.#cluster.use(({ jsm }) => jsm.streams.getMessage(this.#stream, wanted));
    return found === null ? undefined : waitingOf(found);
  }

  /** @returns its sequence */
  async #send({ file, data }: Publication, id: string, timeout: number): Promise<number> {
    const { seq } = await this.#cluster.use(({ js }) => {
      const headers = this.#cluster.packages.transport.headers();
      writeHeaders({ ...file, id }, headers);
      return js.publish(this.#subject(file.name), data, { headers, timeout });
    });
    return seq;
  }

  /** Two may have been stored at once: the first one has the name. */
  async #settle({ name, id }: Publication['file'], own: number): Promise<'stored' | 'repeated'> {
    const first = await this.#first(name);
    if (first === undefined || first.sequence >= own) return 'stored';
    // Deliverers give it the time for that.
    await this.remove(own);
    if (isRepeat(first, id)) return 'repeated';
    throw new Refusal('file already exists');
  }

  /** An earlier attempt, whose answer was lost, may have stored it all the same. */
  async #refuse({ name, id }: Publication['file']): Promise<never> {
    const last = await this.#last(name);
    if (last !== undefined && isRepeat(last, id)) await this.remove(last.sequence);
    throw new Refusal('file already exists');
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
