/** The connection to the NATS servers: made in the background, and made again whenever it is lost. */
import type { NatsConnection, NodeConnectionOptions, TlsOptions } from '@nats-io/transport-node';
import type { JetStreamClient, JetStreamManager } from '@nats-io/jetstream';
import type { ObjectStore } from '@nats-io/obj';
import { isAway, JetStreamAway } from './away.ts';
import { reasonOfConnect, troubleOf } from './connect-trouble.ts';
import { credentialsOf } from './credentials.ts';
import { speaks } from './greeting.ts';
import { loadPackages, type Packages } from './packages.ts';
import { identityCheck } from './tls-identity.ts';
import { duration } from '../log/count.ts';
import type { Logger } from '../log/logger.ts';
import { printable } from '../log/printable.ts';
import { monotonicMs } from '../protocol/timer.ts';
import type { JetStreamSettings, ServerAddress, UpstreamTls } from '../settings/settings.ts';

/** Between two attempts at the same server. */
const RETRY_MS = 500;
const CONNECT_MS = 3000;
/** A silent server is given up after two unanswered questions. */
const PING_MS = 2000;
const MOST_PINGS = 2;
const API_MS = 3000;

/** What can be done while there is a connection. */
export interface Link {
  readonly connection: NatsConnection;
  readonly js: JetStreamClient;
  readonly jsm: JetStreamManager;
}

export interface ClusterOptions {
  readonly log: Logger;
  /** Shown by the servers beside the connection. */
  readonly name: string;
}

export class Cluster {
  readonly settings: JetStreamSettings;
  readonly packages: Packages;
  readonly #log: Logger;
  readonly #options: NodeConnectionOptions;
  readonly #buckets = new Map<string, Promise<ObjectStore>>();
  readonly #listeners = new Set<() => void>();
  #link: Link | undefined;
  #isConnected = false;
  /** Why there is none. */
  #reason = 'not connected yet';
  #awaySince = monotonicMs();
  #isClosed = false;
  #running: Promise<void> = Promise.resolve();

  /**
   * Begins to connect; whoever cannot wait may use it at once.
   * @throws Error when the packages are missing, or the credentials are none
   */
  static async open(settings: JetStreamSettings, options: ClusterOptions): Promise<Cluster> {
    const packages = await loadPackages();
    const cluster = new Cluster(packages, {
      settings,
      log: options.log,
      options: connectionOptions(settings, packages, options.name),
    });
    cluster.#running = cluster.#run();
    return cluster;
  }

  private constructor(
    packages: Packages,
    of: {
      readonly settings: JetStreamSettings;
      readonly log: Logger;
      readonly options: NodeConnectionOptions;
    },
  ) {
    this.settings = of.settings;
    this.packages = packages;
    this.#log = of.log;
    this.#options = of.options;
  }

  get isConnected(): boolean {
    return this.#isConnected;
  }

  /** Why it is not connected. */
  get reason(): string {
    return this.#reason;
  }

  /** Bytes that a message may have, with its headers. */
  get maxPayload(): number {
    return this.#link?.connection.info?.max_payload ?? 1024 * 1024;
  }

  /**
   * Does something over the connection.
   * @throws JetStreamAway at once when there is none, or when no quorum answered; then it may have been done all the same
   */
  async use<T>(work: (link: Link) => Promise<T>): Promise<T> {
    const link = this.#link;
    if (link === undefined || !this.#isConnected) throw new JetStreamAway(this.#reason);
    try {
      return await work(link);
    } catch (cause) {
      if (!isAway(cause)) throw cause;
      throw cause instanceof JetStreamAway ? cause : new JetStreamAway(awayText(cause as Error), { cause });
    }
  }

  /** A bucket, which must be there. @throws as use() */
  bucket(name: string): Promise<ObjectStore> {
    const known = this.#buckets.get(name);
    if (known !== undefined) return known;
    // Without asking for it: what is missing is told by whatever is done with it.
    const opened = this.use(({ js }) => new this.packages.obj.Objm(js).open(name, false));
    this.#buckets.set(name, opened);
    opened.catch(() => this.#buckets.delete(name));
    return opened;
  }

  /** Calls back whenever the connection was made, or was lost. @returns how to stop that */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  /** Waits until there is a connection, for so long at most, in milliseconds. @returns whether there is one */
  async connected(patienceMs: number): Promise<boolean> {
    if (this.#isConnected) return true;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        stop();
        resolve();
      };
      const stop = this.onChange(done);
      const timer = setTimeout(done, patienceMs);
    });
    return this.#isConnected;
  }

  /** Ends the connection. Never throws. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#isConnected = false;
    await this.#link?.connection.close().catch(() => undefined);
    await this.#running;
  }

  /** Until closed: connects to one server after the other, and begins anew when that is lost. */
  async #run(): Promise<void> {
    const { servers } = this.settings;
    // Many hosts do not all begin with the first.
    let turn = Math.floor(Math.random() * servers.length);
    let reasons: string[] = [];
    while (!this.#ends()) {
      const server = servers[turn++ % servers.length];
      if (server === undefined) return;
      try {
        await this.#serve(await this.#connect(server));
        reasons = [];
      } catch (cause) {
        reasons.push(`${addressOf(server)}: ${troubleOf(cause as Error, this.settings)}`);
        if (reasons.length < servers.length) continue;
        this.#lost(reasons.sort().join('; '));
        reasons = [];
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      }
    }
  }

  /** The library itself would gather sockets to servers that take connections and say nothing. */
  async #connect(server: ServerAddress): Promise<NatsConnection> {
    if (!(await speaks(server, CONNECT_MS))) throw new Error('it takes connections, and says nothing');
    const { transport } = this.packages;
    return transport.connect({ ...this.#options, servers: [addressOf(server)] });
  }

  #ends(): boolean {
    return this.#isClosed;
  }

  /** Resolves when the connection is gone for good. */
  async #serve(connection: NatsConnection): Promise<void> {
    if (this.#ends()) {
      await connection.close();
      return;
    }
    const { jetstream } = this.packages;
    const js = jetstream.jetstream(connection, { timeout: API_MS });
    const jsm = await jetstream.jetstreamManager(connection, { timeout: API_MS, checkAPI: false });
    this.#link = { connection, js, jsm };
    this.#buckets.clear();
    this.#made(connection);
    void this.#follow(connection);
    const server = connection.getServer();
    const gone = await connection.closed();
    // Most often it was told already.
    if (this.#isConnected)
      this.#lost(
        gone === undefined ? `the connection to ${server} was closed, or silent` : reasonOfConnect(gone),
      );
  }

  async #follow(connection: NatsConnection): Promise<void> {
    for await (const status of connection.status()) {
      if (status.type === 'disconnect') this.#lost(`the connection to ${status.server} was lost`);
      else if (status.type === 'error') {
        const text = `NATS: ${printable(status.error.message)}`;
        this.#log.warning(text, { event: 'jetstream' });
      }
    }
  }

  #made(connection: NatsConnection): void {
    if (this.#isConnected || this.#isClosed) return;
    this.#isConnected = true;
    const { server_name: name } = connection.info ?? {};
    const after = duration(monotonicMs() - this.#awaySince);
    const where = `${connection.getServer()}${name === undefined ? '' : ` (${printable(name)})`}`;
    this.#log.notice(`Connected to NATS at ${where} after ${after}`, { event: 'jetstream' });
    this.#tell();
  }

  #lost(reason: string): void {
    const isNews = this.#isConnected || reason !== this.#reason;
    if (this.#isConnected) this.#awaySince = monotonicMs();
    this.#isConnected = false;
    this.#reason = reason;
    if (!isNews || this.#isClosed) return;
    this.#log.warning(`NATS cannot be used: ${printable(reason)}; trying again`, { event: 'jetstream' });
    this.#tell();
  }

  #tell(): void {
    for (const listener of [...this.#listeners]) listener();
  }
}

/** How to connect to any of them, once. @throws Error when the credentials are none */
export function connectionOptions(
  { servers, tls, credentials }: JetStreamSettings,
  { transport }: Packages,
  name: string,
): NodeConnectionOptions {
  return {
    servers: servers.map(addressOf),
    name,
    // Whoever waits for something is to hear at once that the connection is gone.
    reconnect: false,
    timeout: CONNECT_MS,
    pingInterval: PING_MS,
    maxPingOut: MOST_PINGS,
    // Of each request it would note where it came from, should it fail.
    noAsyncTraces: true,
    // Only those of the settings: what a server tells of others may be addresses of another network.
    ignoreClusterUpdates: true,
    ...(credentials === undefined ? {} : credentialsOf(credentials, transport)),
    ...(tls === undefined ? {} : { tls: tlsOptions(tls, servers) }),
  };
}

/** `192.0.2.7:4222`, `[2001:db8::7]:4222`. */
export function addressOf({ host, port }: ServerAddress): string {
  return `${host.includes(':') ? `[${host}]` : host}:${String(port)}`;
}

function tlsOptions({ ca, cert, key }: UpstreamTls, servers: JetStreamSettings['servers']): TlsOptions {
  // The library hands all of them to node:tls.
  const options = {
    ...(ca === undefined ? {} : { ca: ca.toString() }),
    ...(cert === undefined ? {} : { cert: cert.toString() }),
    ...(key === undefined ? {} : { key: key.toString() }),
    checkServerIdentity: identityCheck(servers),
  };
  return options;
}

function awayText(error: Error): string {
  // A request's own error says less than what caused it.
  const { name, message } = error.name === 'RequestError' ? ((error.cause ?? error) as Error) : error;
  switch (name) {
    case 'TimeoutError':
      return 'JetStream does not answer in time';
    case 'NoRespondersError':
    case 'JetStreamNotEnabled':
      return 'nobody answers for the stream: JetStream has no quorum, or the stream is not there (--setup-jetstream)';
    default:
      return `JetStream: ${message}`;
  }
}
