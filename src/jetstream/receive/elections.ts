/**
 * Publishes once more what was confirmed while the stream changed its leader: NATS 2.9 may lose one of those files then,
 * and deliverers know a repeat.
 */
import type { NatsConnection } from '@nats-io/transport-node';
import pLimit from 'p-limit';
import type { Cluster } from '../cluster.ts';
import { persist } from './patience.ts';
import { count } from '../../log/count.ts';
import type { Logger } from '../../log/logger.ts';
import { monotonicMs } from '../../protocol/timer.ts';

/** So long before and after a leader was elected, what was confirmed is in doubt. */
const [BEFORE_MS, AFTER_MS] = [2000, 1000];
/** Kept for that, at most; what is older goes first. Bytes. */
const MOST_KEPT = 32 * 1024 * 1024;
/** Together with all that it takes to publish it again. Bytes. */
const OVERHEAD = 1024;
const AT_A_TIME = 16;
const PATIENCE_MS = 30_000;

interface Confirmed {
  readonly atMs: number;
  readonly bytes: number;
  readonly again: () => Promise<void>;
}

export class Elections {
  readonly #cluster: Cluster;
  readonly #log: Logger;
  readonly #stopFollowing: () => void;
  readonly #timers = new Set<NodeJS.Timeout>();
  #confirmed: Confirmed[] = [];
  #bytes = 0;
  #heardOn: NatsConnection | undefined;

  /** Listens from now on. To be closed. */
  constructor(cluster: Cluster, log: Logger) {
    this.#cluster = cluster;
    this.#log = log;
    this.#stopFollowing = cluster.onChange(() => void this.#listen());
    void this.#listen();
  }

  close(): void {
    this.#stopFollowing();
    for (const timer of this.#timers) clearTimeout(timer);
    this.#confirmed = [];
  }

  /**
   * To be called when somebody is told that a file of so many bytes is stored.
   * @param again publishes it once more; throws as Cluster.use()
   */
  confirmed(size: number, again: () => Promise<void>): void {
    const atMs = monotonicMs();
    const bytes = size + OVERHEAD;
    this.#confirmed.push({ atMs, bytes, again });
    this.#bytes += bytes;
    let old = 0;
    for (const { atMs: at, bytes: of } of this.#confirmed) {
      if (at > atMs - BEFORE_MS - AFTER_MS && this.#bytes <= MOST_KEPT) break;
      this.#bytes -= of;
      old++;
    }
    if (old > 0) this.#confirmed.splice(0, old);
  }

  async #listen(): Promise<void> {
    await this.#cluster
      .use(({ connection }) => {
        if (connection !== this.#heardOn) {
          this.#heardOn = connection;
          connection.subscribe(`$JS.EVENT.ADVISORY.STREAM.LEADER_ELECTED.${this.#cluster.settings.stream}`, {
            callback: (error) => {
              if (error === null) this.#elected();
            },
          });
        }
        return Promise.resolve();
      })
      .catch(() => undefined);
  }

  #elected(): void {
    const sinceMs = monotonicMs() - BEFORE_MS;
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      void this.#repeat(this.#confirmed.filter(({ atMs }) => atMs >= sinceMs));
    }, AFTER_MS);
    this.#timers.add(timer);
  }

  /** Never throws: they are confirmed, and most probably there. */
  async #repeat(confirmed: readonly Confirmed[]): Promise<void> {
    if (confirmed.length === 0) return;
    const { stream } = this.#cluster.settings;
    const files = count(confirmed.length, 'file');
    this.#log.notice(
      `Stream ${stream} has a new leader: ${files} of its last moments ${confirmed.length === 1 ? 'is' : 'are'} published once more`,
      {
        event: 'jetstream',
      },
    );
    const limit = pLimit(AT_A_TIME);
    const done = await Promise.allSettled(
      confirmed.map(({ again }) => limit(() => persist(PATIENCE_MS, again))),
    );
    const failed = done.filter(({ status }) => status === 'rejected').length;
    if (failed === 0) return;
    const text = `${count(failed, 'file')} of the last moments of a leader could not be published once more`;
    this.#log.warning(text, { event: 'jetstream' });
  }
}
