/** Store mode: files are received and confirmed here, and sent on to an upstream. */
import { Dialer } from './dial.ts';
import { Forwarder } from './forwarder.ts';
import { ForwardingStore } from './forwarding-store.ts';
import { Queue } from './queue.ts';
import { UpstreamDestination } from './upstream-destination.ts';
import { Upstreams } from './upstreams.ts';
import type { TentacleClient } from '../client/client.ts';
import { Receiving } from '../server/receiving.ts';
import type { Client, Conversation, Service, Surroundings } from '../server/service.ts';
import type { ServerAddress, Settings, StoreMode } from '../settings/settings.ts';
import { DirectoryStore } from '../store/directory-store.ts';
import { fullWarning } from '../store/file-limit.ts';
import { QueueDirectory } from '../store/queue-directory.ts';

export class Storing implements Service {
  readonly #local: DirectoryStore;
  readonly #receiving: Receiving;
  readonly #forwarder: Forwarder;
  #state: 'receiving' | 'forwarding' | 'finishing' = 'receiving';

  constructor(mode: StoreMode, settings: Settings, { log, elsewhere }: Surroundings) {
    const { spool, rules, connections } = mode;
    const local = new DirectoryStore(spool, elsewhere, fullWarning(spool.maxFiles, log));
    const queue = new Queue(new QueueDirectory(spool.directory), { log });
    const upstreams = new Upstreams(mode.upstream, log);
    const dialer = new Dialer(mode.upstream, settings.idleMs);
    const connect = (server: ServerAddress, signal?: AbortSignal): Promise<TentacleClient> =>
      dialer.client(server, signal);
    const store = new ForwardingStore({ local, queue, upstreams, connect });
    this.#local = local;
    this.#receiving = new Receiving({ store, rules }, settings, log);
    const destination = new UpstreamDestination(upstreams, connect);
    this.#forwarder = new Forwarder({ store: local, queue, destination, connections, log });
  }

  begin(client: Client): Conversation {
    return this.#receiving.begin(client);
  }

  clean(ending: AbortSignal): Promise<number> {
    return this.#local.removeAbandoned(ending);
  }

  /** Two that forward would send every file twice. */
  lead(): void {
    if (this.#state !== 'receiving') return;
    this.#state = 'forwarding';
    this.#forwarder.start();
  }

  finish(): Promise<void> {
    this.#state = 'finishing';
    return this.#forwarder.stop();
  }

  /** What was not confirmed is sent again by whoever leads next. */
  cut(): void {
    this.#forwarder.cut();
  }
}
