/**
 * Receivers tell each other which names they are about to store: only about those that somebody has had lately, the stream
 * must be asked. Nobody waits for an answer.
 */
import { createHash, randomBytes } from 'node:crypto';
import type { Msg, NatsConnection } from '@nats-io/transport-node';
import type { Cluster } from '../cluster.ts';
import type { Announced, Announcer } from '../data-stream.ts';
import { announcementsSubject } from '../names.ts';
import { RecentMap } from '../recent-map.ts';
import { WaitingSince } from './waiting-since.ts';
import { monotonicMs } from '../../protocol/timer.ts';

/** Longer than WaitingSince lets a file wait without being asked for. */
const REMEMBERED_MS = 60_000;
/** Bytes of what stands for a process, and for a name. */
const [OWN, HASH] = [8, 8];
/** With more names in a second, they are told together, since NATS has enough to do. */
const MANY = 150;
const SECOND_MS = 1000;
const TOGETHER_MS = 10;

export class Announcements implements Announcer {
  readonly #cluster: Cluster;
  readonly #waiting: WaitingSince;
  readonly #self = randomBytes(OWN);
  readonly #stopFollowing: () => void;
  /** The number of the last announcement of each name, by its hash. */
  readonly #last = new RecentMap<number>(REMEMBERED_MS);
  #number = 0;
  #untold: Buffer[] = [];
  #timer: NodeJS.Timeout | undefined;
  /** Announcements of this second, and of the one before. */
  #counts = { sinceMs: monotonicMs(), now: 0, before: 0 };
  #heardOn: NatsConnection | undefined;

  /** Listens from now on. To be closed. */
  constructor(cluster: Cluster) {
    this.#cluster = cluster;
    this.#waiting = new WaitingSince(cluster);
    this.#stopFollowing = cluster.onChange(() => void this.#listen());
    void this.#listen();
  }

  close(): void {
    this.#stopFollowing();
    this.#waiting.close();
    clearTimeout(this.#timer);
  }

  /**
   * To be called right before a file of this name is stored, over the same connection: of two that are stored at once, at
   * least the second is confirmed after its receiver has heard of the first; where very many are, within some milliseconds.
   */
  announce(name: string): Announced {
    const hash = createHash('sha256').update(name, 'latin1').digest().subarray(0, HASH);
    const key = hash.toString('latin1');
    const before = this.#last.get(key);
    const own = this.#remember(key);
    this.#untold.push(hash);
    if (this.#areMany()) this.#timer ??= setTimeout(() => void this.#tell(), TOGETHER_MS);
    else void this.#tell();
    const isContested = (): boolean => before !== undefined || this.#last.get(key) !== own;
    return {
      get isContested(): boolean {
        return isContested();
      },
      mayWait: !this.#waiting.isShort,
    };
  }

  #remember(key: string): number {
    const number = ++this.#number;
    this.#last.set(key, number);
    return number;
  }

  /** Counts one. */
  #areMany(): boolean {
    const seconds = Math.floor((monotonicMs() - this.#counts.sinceMs) / SECOND_MS);
    if (seconds > 0) {
      const { sinceMs, now } = this.#counts;
      this.#counts = { sinceMs: sinceMs + seconds * SECOND_MS, now: 0, before: seconds === 1 ? now : 0 };
    }
    this.#counts.now++;
    return Math.max(this.#counts.now, this.#counts.before) > MANY;
  }

  /** Before it waits for anything, all is said. */
  async #tell(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const payload = Buffer.concat([this.#self, ...this.#untold]);
    this.#untold = [];
    await this.#cluster
      .use(({ connection }) => {
        connection.publish(announcementsSubject(this.#cluster.settings.stream), payload);
        return Promise.resolve();
      })
      .catch(() => undefined);
  }

  async #listen(): Promise<void> {
    await this.#cluster
      .use(async ({ connection }) => {
        if (connection === this.#heardOn) return;
        this.#heardOn = connection;
        this.#waiting.forget();
        connection.subscribe(announcementsSubject(this.#cluster.settings.stream), {
          callback: (error, message) => {
            if (error === null) this.#hear(message);
          },
        });
        await connection.flush();
        this.#waiting.begin();
      })
      .catch(() => undefined);
  }

  #hear({ data }: Msg): void {
    const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
    if (bytes.subarray(0, OWN).equals(this.#self)) return;
    for (let from = OWN; from + HASH <= bytes.length; from += HASH)
      this.#remember(bytes.toString('latin1', from, from + HASH));
  }
}
