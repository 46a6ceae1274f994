/** Data files as messages of a stream: each name once, until it is delivered. */
import type { StoredMsg } from '@nats-io/jetstream';
import { setTimeout as sleep } from 'node:timers/promises';
import { apiCode, CODES, JetStreamAway } from './away.ts';
import type { Cluster } from './cluster.ts';
import { type DataFile, readHeaders, writeHeaders } from './data-file.ts';
import { dataSubject, messageId, nameOfSubject, streamSubject } from './names.ts';
import { absentAs } from './setup/setup.ts';
import { printable } from '../log/printable.ts';
import { Refusal } from '../protocol/errors.ts';

/** Right behind an election, who refuses a name and who is asked for it may not know the same. */
const MOST_MEETINGS = 5;
const MEETING_MS = 50;

/** A file that waits in the stream. */
export interface Waiting {
  /** Of its message. */
  readonly sequence: number;
  /** What it is known by: see messageId(). */
  readonly id: string;
  readonly file: DataFile;
  /** Empty when an object has the bytes. */
  readonly data: Buffer;
}

export interface Publication {
  readonly file: DataFile;
  readonly sha256: Buffer;
  /** Empty when an object has the bytes. */
  readonly data: Buffer;
  /** Whether it may take the place of another file of its name. */
  readonly overwrite: boolean;
}

export class DataStream {
  readonly #cluster: Cluster;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  /**
   * N3: when this resolves, a quorum has the file, once, whoever else sends the same.
   * @param patienceMs how long to wait for the quorum, in milliseconds
   * @returns whether it was there already, from an earlier attempt
   * @throws Refusal when another file has its name; JetStreamAway, then it may be there or not; what the servers refuse
   */
  async publish(publication: Publication, patienceMs: number): Promise<'stored' | 'repeated'> {
    try {
      const { duplicate } = await this.#send(publication, patienceMs);
      if (!duplicate) return 'stored';
      return publication.overwrite ? await this.#sendAgain(publication, patienceMs) : 'repeated';
    } catch (cause) {
      if (apiCode(cause) !== CODES.wrongLastSequence) throw cause;
      return this.#meet(publication, patienceMs);
    }
  }

  /** A file of this name that waits; undefined when there is none. @throws JetStreamAway */
  async look(name: string): Promise<Waiting | undefined> {
    const wanted = { last_by_subj: this.#subject(name) };
    // Whoever answers first may not have heard of it yet: that there is none, only the leader knows.
    const found = await this.#cluster.use(
      async ({ jsm }) =>
        (await jsm.direct.getMessage(this.#stream, wanted)) ?? jsm.streams.getMessage(this.#stream, wanted),
    );
    return found === null ? undefined : waitingOf(found);
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

  /** What was taken before is no repeat when another file waits behind it, which this one is to replace in turn. */
  async #sendAgain(publication: Publication, patienceMs: number): Promise<'stored' | 'repeated'> {
    const { file, sha256 } = publication;
    const last = await this.#last(file.name);
    const id = messageId(file.name, sha256);
    if (last === undefined || last.id === id || last.id.startsWith(`${id}.`)) return 'repeated';
    const { duplicate } = await this.#send(publication, patienceMs, `${id}.${String(last.sequence)}`);
    return duplicate ? 'repeated' : 'stored';
  }

  /** By the leader: others may not know of it yet. */
  async #last(name: string): Promise<Waiting | undefined> {
    const found = await this.#cluster.use(({ jsm }) =>
      jsm.streams.getMessage(this.#stream, { last_by_subj: this.#subject(name) }),
    );
    return found === null ? undefined : waitingOf(found);
  }

  #send(
    { file, sha256, data, overwrite }: Publication,
    timeout: number,
    msgID = messageId(file.name, sha256),
  ): Promise<{ duplicate: boolean }> {
    return this.#cluster.use(({ js }) => {
      const headers = this.#cluster.packages.transport.headers();
      writeHeaders(file, headers);
      return js.publish(this.#subject(file.name), data, {
        headers,
        timeout,
        msgID,
        expect: overwrite ? {} : { lastSubjectSequence: 0 },
      });
    });
  }

  /** The name is taken: by these very bytes, sent before the duplicate window, or by others. */
  async #meet(publication: Publication, patienceMs: number): Promise<'stored' | 'repeated'> {
    const { file, sha256 } = publication;
    for (let attempt = 1; attempt <= MOST_MEETINGS; attempt++) {
      const found = await this.#last(file.name);
      if (found !== undefined) {
        if (found.id === messageId(file.name, sha256)) return 'repeated';
        throw new Refusal('file already exists');
      }
      try {
        // Delivered this very moment.
        const { duplicate } = await this.#send(publication, patienceMs);
        return duplicate ? 'repeated' : 'stored';
      } catch (cause) {
        if (apiCode(cause) !== CODES.wrongLastSequence) throw cause;
      }
      await sleep(MEETING_MS);
    }
    throw new JetStreamAway(
      `the stream does not know yet what it has under the name '${printable(file.name)}'`,
    );
  }
}

function waitingOf({ subject, seq, header, data, time }: StoredMsg): Waiting {
  return {
    sequence: seq,
    id: header.get('Nats-Msg-Id'),
    file: readHeaders(subject, header, { storedAt: time.getTime(), size: data.length }),
    data: Buffer.from(data.buffer, data.byteOffset, data.byteLength),
  };
}
