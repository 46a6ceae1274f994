/** Follows the changes of a bucket, whatever server dies meanwhile: asks for the next one, and is woken when there is one. */
import type { Subscription } from '@nats-io/transport-node';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Bucket, Stored } from './bucket.ts';
import type { Cluster } from './cluster.ts';
import { monotonicMs } from '../protocol/timer.ts';

/** Nothing is heard of a change that was announced over a connection that was lost. */
const INTERVAL_MS = 500;
/** What was announced a moment ago may not be stored yet. */
const SOON_MS = [3, 10, 30, 100] as const;
/** Beyond it, what was last heard is nothing to rely on. */
const LIVE_MS = 2000;
/** How often to look whether it is still the same bucket. */
const IDENTITY_MS = 5000;

export interface Follower {
  /** Each change, in order; of one name perhaps only the latest. */
  readonly onChange: (stored: Stored) => void | Promise<void>;
  /** From now on changes are told; whatever was known before is in doubt. */
  readonly onBegin?: () => void | Promise<void>;
}

export class BucketWatch {
  readonly #cluster: Cluster;
  readonly #bucket: Bucket;
  readonly #follower: Follower;
  readonly #ending = new AbortController();
  readonly #running: Promise<void>;
  #wake: (() => void) | undefined;
  /** How often it has been looked since something was announced. */
  #looks = Infinity;
  #heardMs = -Infinity;
  #identifiedMs = -Infinity;
  #created = '';
  #next = 0;

  /** Begins to follow at the end of what there is. To be closed. */
  constructor(cluster: Cluster, bucket: Bucket, follower: Follower) {
    this.#cluster = cluster;
    this.#bucket = bucket;
    this.#follower = follower;
    this.#running = this.#run();
  }

  /** Whether all changes of some seconds ago have been told. */
  get isLive(): boolean {
    return monotonicMs() - this.#heardMs < LIVE_MS;
  }

  async close(): Promise<void> {
    this.#ending.abort();
    this.#wake?.();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#ending;
    let subscription: Subscription | undefined;
    const subscribe = (): void => {
      subscription?.unsubscribe();
      subscription = undefined;
      if (signal.aborted) return;
      void this.#cluster
        .use(({ connection }) => {
          const callback = (): void => {
            this.#looks = 0;
            this.#wake?.();
          };
          subscription = connection.subscribe(this.#bucket.announcements, { callback });
          return Promise.resolve();
        })
        .catch(() => undefined);
    };
    const stop = this.#cluster.onChange(subscribe);
    subscribe();
    while (!signal.aborted) await this.#step();
    stop();
    subscription?.unsubscribe();
  }

  async #step(): Promise<void> {
    try {
      if (monotonicMs() - this.#identifiedMs > IDENTITY_MS) await this.#identify();
      const askedMs = monotonicMs();
      const change = await this.#bucket.changeFrom(this.#next);
      if (change === undefined) {
        this.#heardMs = askedMs;
        await this.#pause();
        return;
      }
      this.#next = change.revision + 1;
      await this.#follower.onChange(change);
    } catch {
      // The cluster says itself that it is away.
      await this.#pause();
    }
  }

  /** A bucket that was made anew counts from one again. */
  async #identify(): Promise<void> {
    const { revision, created } = await this.#bucket.end();
    if (created !== this.#created) {
      this.#next = revision + 1;
      await this.#follower.onBegin?.();
      this.#created = created;
    }
    this.#identifiedMs = monotonicMs();
  }

  async #pause(): Promise<void> {
    const pause = new AbortController();
    this.#wake = () => {
      pause.abort();
    };
    const ms = SOON_MS[this.#looks++] ?? INTERVAL_MS;
    if (!this.#ending.signal.aborted)
      await sleep(ms, undefined, { signal: pause.signal }).catch(() => undefined);
    this.#wake = undefined;
  }
}
