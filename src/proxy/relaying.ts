/** Relay mode: every connection is passed on to an upstream (P1, P2). */
import type { Socket } from 'node:net';
import { Dialer } from './dial.ts';
import { Recall } from './recall.ts';
import { Relay, type RelayOptions } from './relay.ts';
import { type Reached, Upstreams } from './upstreams.ts';
import { endpointText } from '../client/endpoint.ts';
import { peerFields, peerText } from '../server/peer.ts';
import type { Client, Conversation, Service, Surroundings } from '../server/service.ts';
import { welcome } from '../server/session.ts';
import type { Logger } from '../log/logger.ts';
import { ByteWriter } from '../protocol/byte-writer.ts';
import { PeerClosed, ServerStopping, UpstreamLost } from '../protocol/errors.ts';
import { passwordDigest } from '../protocol/password.ts';
import type { ProxiedConnection } from '../protocol/proxied-connection.ts';
import type { RelayMode, ServerAddress, Settings } from '../settings/settings.ts';

/** What all relays of a worker share. */
interface RelayContext extends Omit<RelayOptions, 'head' | 'progress'>, Pick<Settings, 'lineLimit'> {
  readonly upstreams: Upstreams;
  readonly dialer: Dialer;
  /** P2: one of these is what the client must say first, when this proxy has a password of its own. */
  readonly passwordDigests: readonly string[];
  readonly log: Logger;
}

export class Relaying implements Service {
  readonly #context: RelayContext;

  constructor({ upstream, relayTimeoutMs }: RelayMode, settings: Settings, { log }: Surroundings) {
    const { idleMs, lineLimit, passwords } = settings;
    this.#context = {
      upstreams: new Upstreams(upstream, log),
      dialer: new Dialer(upstream, idleMs),
      silenceMs: relayTimeoutMs,
      idleMs,
      lineLimit,
      passwordDigests: passwords.map((password) => passwordDigest(password.reveal())),
      log,
    };
  }

  begin(client: Client): Conversation {
    return new RelayConversation(client, this.#context);
  }

  clean(): Promise<number> {
    return Promise.resolve(0);
  }

  lead(): void {
    // Every worker relays what it accepted.
  }

  finish(): Promise<void> {
    return Promise.resolve();
  }

  cut(): void {
    // A relay ends with its client.
  }
}

class RelayConversation implements Conversation {
  readonly ended: Promise<void>;
  readonly #client: Client;
  readonly #context: RelayContext;
  #relay: Relay | undefined;
  /** Ends the attempt to reach an upstream. */
  readonly #stopping = new Recall();

  constructor(client: Client, context: RelayContext) {
    this.#client = client;
    this.#context = context;
    this.ended = this.#run().catch((error: unknown) => {
      throw this.#stopping.reason ?? error;
    });
  }

  /** What passes by is not understood here: any of it may be a command in progress. */
  get isBusy(): boolean {
    return this.#relay !== undefined;
  }

  get isAwaited(): boolean {
    return this.#relay?.isAwaited ?? true;
  }

  /** No command takes longer than an idle limit without a byte. */
  stop(): void {
    if (this.#relay !== undefined) {
      this.#relay.shorten();
      return;
    }
    this.#stopping.abort(new ServerStopping());
    this.#client.stream.destroy();
  }

  async #run(): Promise<void> {
    const { upstreams, dialer } = this.#context;
    const head = await this.#welcomed();
    if (head === undefined) {
      const { peer } = this.#client;
      const text = `Connection closed from ${peerText(peer)}`;
      this.#context.log.detail(text, { event: 'closed', ...peerFields(peer) });
      return;
    }
    const behalf = (): ProxiedConnection => behalfOf(this.#client);
    const dial = (server: ServerAddress): Promise<Socket> => dialer.stream(server, behalf, this.#stopping);
    const reached = await upstreams.reach(dial, this.#stopping);
    try {
      await this.#passOn(reached, head);
    } catch (error) {
      if (error instanceof UpstreamLost) reached.broke(error);
      throw error;
    } finally {
      reached.value.destroy();
      reached.release();
    }
  }

  /** P2: PASS, where this proxy asks for it. Gives what the client has said behind it; undefined when it closed. */
  async #welcomed(): Promise<Buffer | undefined> {
    const { idleMs, lineLimit, passwordDigests, log } = this.#context;
    const { stream, reader, peer, progress } = this.#client;
    if (passwordDigests.length === 0) return reader.release();
    const writer = new ByteWriter(stream, idleMs);
    const nextLine = (): Promise<string | undefined> => reader.readLine(lineLimit);
    if (!(await welcome({ reader, writer, nextLine, passwordDigests, peer, log, progress })))
      return undefined;
    return reader.release();
  }

  async #passOn({ server, value: upstream }: Reached<Socket>, head: Buffer): Promise<void> {
    const { stream, peer, progress } = this.#client;
    if (stream.destroyed) throw new PeerClosed('connection closed before the upstream was reached');
    const { silenceMs, idleMs, log } = this.#context;
    const start = performance.now();
    const relay = new Relay(stream, upstream, { head, silenceMs, idleMs, progress });
    this.#relay = relay;
    await relay.ended;
    const ms = Math.round(performance.now() - start);
    const { up, down } = relay;
    const to = endpointText(server);
    log.event(
      `Relayed connection from ${peerText(peer)} to ${to}: ${String(up)}b sent, ${String(down)}b answered in ${String(ms)} ms`,
      { event: 'relayed', ...peerFields(peer), upstream: to, bytes: up, answered: down, ms },
    );
  }
}

/** Whom a PROXY header names: the client, and the address of this proxy that it connected to. */
function behalfOf({ peer, stream }: Client): ProxiedConnection {
  const { address, port } = peer;
  return {
    source: { address, port },
    destination: { address: stream.localAddress ?? '', port: stream.localPort ?? 0 },
  };
}
