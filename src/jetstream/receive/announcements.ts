/**
 * Receivers tell each other which names they are about to store, so that one of two goes first, and that under load the
 * stream is asked only about names that somebody had lately. Nobody waits for an answer.
 */
import { createHash, randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Msg, NatsConnection } from '@nats-io/transport-node';
import type { Cluster } from '../cluster.ts';
import type { Announced, Announcer } from '../data-stream.ts';
import { announcementsSubject } from '../names.ts';
import { RecentMap } from '../recent-map.ts';
import { WaitingSince } from './waiting-since.ts';
import { monotonicMs } from '../../protocol/timer.ts';

/** Longer than WaitingSince lets a file wait without being asked for. */
const REMEMBERED_MS = 60_000;
/** So long after it was announced, a file is stored, or there was trouble. */
const UNDER_WAY_MS = 500;
/** Bytes of what stands for a process, and for a name, whose lowest bit says whether another one was let go first. */
const [SELF, HASH] = [8, 8];
/** With more names in a second, of all receivers, they are told together, since NATS has enough to do. */
const MANY = 300;
const SECOND_MS = 1000;
const TOGETHER_MS = 10;
const FLUSH_MS = 500;

/** What this process announced. */
interface Own {
  readonly atMs: number;
  isSecond: boolean;
}

interface Heard {
  /** The last time that anybody announced it. */
  readonly atMs: number;
  /** Of those of this process that are under way the first one. */
  readonly own: Own | undefined;
}

export class Announcements implements Announcer {
  readonly #cluster: Cluster;
  readonly #waiting: WaitingSince;
  readonly #self = randomBytes(SELF);
  readonly #stopFollowing: () => void;
  /** By the hashes of names. */
  readonly #names = new RecentMap<Heard>(REMEMBERED_MS);
  #untold: Buffer[] = [];
  #timer: NodeJS.Timeout | undefined;
  /** Names of this second, and of the one before. */
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

  announce(name: string): Announced {
    const hash = createHash('sha256').update(name, 'latin1').digest().subarray(0, HASH);
    const atMs = monotonicMs();
    const before = this.#names.get(keyOf(hash));
    const own: Own = { atMs, isSecond: before !== undefined && isUnderWay(before) };
    this.#names.set(keyOf(hash), { atMs, own: before?.own && isUnderWay(before.own) ? before.own : own });
    hash[HASH - 1] = ((hash[HASH - 1] ?? 0) & ~1) | Number(own.isSecond);
    this.#untold.push(hash);
    this.#count(1);
    const areMany = this.#areMany;
    if (areMany) this.#timer ??= setTimeout(() => void this.#tell(), TOGETHER_MS);
    const told = areMany ? Promise.resolve() : this.#tell();
    return {
      told,
      mayBeTaken: !areMany || before !== undefined || !this.#waiting.isShort,
      get goesSecond(): boolean {
        return own.isSecond && isUnderWay(own);
      },
    };
  }

  get #areMany(): boolean {
    return Math.max(this.#counts.now, this.#counts.before) > MANY;
  }

  #count(names: number): void {
    const seconds = Math.floor((monotonicMs() - this.#counts.sinceMs) / SECOND_MS);
    if (seconds > 0) {
      const { sinceMs, now } = this.#counts;
      this.#counts = { sinceMs: sinceMs + seconds * SECOND_MS, now: 0, before: seconds === 1 ? now : 0 };
    }
    this.#counts.now += names;
  }

  /** Before it waits for anything, all is said; resolves when a server has heard it. */
  async #tell(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const payload = Buffer.concat([this.#self, ...this.#untold]);
    this.#untold = [];
    await this.#cluster
      .use(({ connection }) => {
        connection.publish(announcementsSubject(this.#cluster.settings.stream), payload);
        // A connection that is lost meanwhile never says that it is flushed.
        return Promise.race([connection.flush(), sleep(FLUSH_MS, undefined, { ref: false })]);
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
            // Whoever may not listen asks about every name.
            else this.#waiting.forget();
          },
        });
        await connection.flush();
        this.#waiting.begin();
      })
      .catch(() => undefined);
  }

  #hear({ data }: Msg): void {
    const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
    const order = bytes.subarray(0, SELF).compare(this.#self);
    if (order === 0 || bytes.length < SELF) return;
    const atMs = monotonicMs();
    for (let from = SELF; from + HASH <= bytes.length; from += HASH) {
      const hash = bytes.subarray(from, from + HASH);
      const key = keyOf(hash);
      const own = this.#names.get(key)?.own;
      const letsGoFirst = ((hash[HASH - 1] ?? 0) & 1) === 1;
      // Neither had heard of the other: both decide the same.
      if (own !== undefined && !letsGoFirst && order < 0 && isUnderWay(own)) own.isSecond = true;
      this.#names.set(key, { atMs, own });
      this.#count(1);
    }
  }
}

function isUnderWay({ atMs }: { readonly atMs: number }): boolean {
  return monotonicMs() - atMs < UNDER_WAY_MS;
}

/** Without what the lowest bit says. */
function keyOf(hash: Buffer): string {
  return hash.toString('latin1', 0, HASH - 1);
}
