/** Receive mode with JetStream as the store: what clients send goes there, or waits in a directory while it is away. */
import { Announcements } from './announcements.ts';
import { BucketCache } from './bucket-cache.ts';
import type { Cluster } from '../cluster.ts';
import { JetStreamDestination } from './jetstream-destination.ts';
import type { ClusterSurroundings } from '../jetstream-service.ts';
import { JetStreamStore } from './jetstream-store.ts';
import { QueueingStore, type WaitingRoom } from './queueing-store.ts';
import { Quorum } from './quorum.ts';
import { Sweep } from './sweep.ts';
import { Forwarder } from '../../proxy/forwarder.ts';
import { Queue } from '../../proxy/queue.ts';
import { Receiving } from '../../server/receiving.ts';
import type { Client, Conversation, Service } from '../../server/service.ts';
import type { PublishMode, Settings, SpoolSettings } from '../../settings/settings.ts';
import { DirectoryStore } from '../../store/directory-store.ts';
import { fullWarning } from '../../store/file-limit.ts';
import { QueueDirectory } from '../../store/queue-directory.ts';

/** Files of the queue that are sent at a time. */
const QUEUE_LINES = 16;
/** W4: how much of the idle limit an answer may take, so that the client is still there to hear it. */
const OF_IDLE = 0.75;
/** With a directory to keep a file in, nobody needs to wait for long. Milliseconds. */
const SHORT_PATIENCE_MS = 2000;

/** Files that wait in a directory, and what sends them on. */
interface Backlog extends WaitingRoom {
  readonly store: DirectoryStore;
  readonly forwarder: Forwarder;
}

export class Publishing implements Service {
  readonly #cluster: Cluster;
  readonly #cache: BucketCache;
  readonly #announcements: Announcements;
  readonly #quorum: Quorum;
  readonly #receiving: Receiving;
  readonly #backlog: Backlog | undefined;
  readonly #sweep: Sweep;
  #state: 'receiving' | 'leading' | 'finishing' = 'receiving';

  constructor(mode: PublishMode, settings: Settings, around: ClusterSurroundings) {
    const { cluster, log } = around;
    const { spool, rules } = mode;
    this.#cluster = cluster;
    this.#cache = new BucketCache(cluster);
    const meanwhile = spool === undefined ? 'files are refused' : `files wait in ${spool.directory}`;
    this.#quorum = new Quorum(cluster, log, meanwhile);
    const ofIdle = settings.idleMs * OF_IDLE;
    const patienceMs = spool === undefined ? ofIdle : Math.min(ofIdle, SHORT_PATIENCE_MS);
    this.#announcements = new Announcements(cluster);
    const common = { cluster, cache: this.#cache, announcer: this.#announcements, mode, patienceMs };
    const remote = new JetStreamStore(common);
    this.#backlog = spool && this.#backlogOf(spool, new JetStreamStore({ ...common, queued: true }), around);
    const store = new QueueingStore({ remote, quorum: this.#quorum, room: this.#backlog });
    this.#receiving = new Receiving({ store, rules }, settings, log);
    this.#sweep = new Sweep(cluster, mode.filters, log);
  }

  begin(client: Client): Conversation {
    return this.#receiving.begin(client);
  }

  clean(ending: AbortSignal): Promise<number> {
    return this.#backlog?.store.removeAbandoned(ending) ?? Promise.resolve(0);
  }

  /** Two that forward would send every file twice. */
  lead(): void {
    if (this.#state !== 'receiving') return;
    this.#state = 'leading';
    this.#backlog?.forwarder.start();
    this.#sweep.start();
  }

  async finish(): Promise<void> {
    this.#state = 'finishing';
    await Promise.all([this.#backlog?.forwarder.stop(), this.#sweep.stop()]);
  }

  /** What was not confirmed is sent again by whoever leads next. */
  cut(): void {
    this.#backlog?.forwarder.cut();
    this.#announcements.close();
    void Promise.all([this.#quorum.close(), this.#cache.close()]).then(() => this.#cluster.close());
  }

  #backlogOf(spool: SpoolSettings, queued: JetStreamStore, around: ClusterSurroundings): Backlog {
    const { cluster, log, elsewhere } = around;
    const store = new DirectoryStore(spool, elsewhere, fullWarning(spool.maxFiles, log));
    const queue = new Queue(new QueueDirectory(spool.directory), { log });
    const name = `stream ${cluster.settings.stream}`;
    const destination = new JetStreamDestination({ store: queued, quorum: this.#quorum, name });
    const forwarder = new Forwarder({ store, queue, destination, connections: QUEUE_LINES, log });
    return { store, queue, forwarder };
  }
}
