/** Serves connections under one frozen Settings, from listening to the last byte of the drain. */
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Admission } from './admission.ts';
import { acceptConnection, type Connection, type ConnectionContext } from './connection.ts';
import { type Bound, listen } from './listener.ts';
import { PenaltyBox } from './penalty-box.ts';
import { TlsAcceptor } from './tls.ts';
import { count } from '../log/count.ts';
import type { Logger } from '../log/logger.ts';
import { passwordDigest } from '../protocol/password.ts';
import type { Settings } from '../settings/settings.ts';
import { filesNeeded, LEAST_WAITING_ROOM, openFileLimit } from '../process/open-files.ts';
import { DirectoryStore } from '../store/directory-store.ts';

/** An unfinished handshake costs 68 KB, a silent plain socket 5 KB. */
const MOST_HANDSHAKES = 256;
/** W4: a handshake takes several round trips, whatever the idle limit. */
const LEAST_HANDSHAKE_MS = 10_000;

const CROWD_INTERVAL_MS = 60_000;
/** What a client that waited may still need to be heard: its first line is here; a handshake takes round trips. */
const GRACE_MS = 100;
const TLS_GRACE_MS = 500;

export class Worker {
  readonly #settings: Settings;
  readonly #log: Logger;
  readonly #bound: Bound;
  readonly #connections: ReadonlyMap<Socket, Connection>;

  /**
   * Starts listening.
   * @throws Error when nothing can be bound
   */
  static async start(settings: Settings, log: Logger): Promise<Worker> {
    const { mode, tls, idleMs, password, maxConnections, lineLimit } = settings;
    if (mode.kind !== 'receive') throw new Error('proxy mode is not available yet');
    process.umask(settings.umask);
    const store = new DirectoryStore(mode.spool);
    const removed = await store.removeAbandoned();
    if (removed > 0)
      log.notice(`Removed ${count(removed, 'unfinished file')} of an earlier run`, { event: 'cleaned' });
    const waitingRoom = waitingRoomFor(maxConnections);
    const graceMs = tls === undefined ? GRACE_MS : TLS_GRACE_MS;
    const context: ConnectionContext = {
      admission: new Admission({
        capacity: maxConnections,
        waitingRoom,
        graceMs,
        onEvicted: crowdWarning(maxConnections, log),
      }),
      handshakes: new Admission({ capacity: MOST_HANDSHAKES, waitingRoom, graceMs }),
      penalties: new PenaltyBox(),
      tls: tls && new TlsAcceptor(tls, Math.max(idleMs, LEAST_HANDSHAKE_MS)),
      store,
      rules: mode.rules,
      idleMs,
      lineLimit,
      passwordDigest: password && passwordDigest(password.reveal()),
      log,
    };
    const connections = new Map<Socket, Connection>();
    const bound = await listen(settings.listen, (socket) => {
      connections.set(socket, acceptConnection(socket, context));
      socket.once('close', () => connections.delete(socket));
    });
    for (const failure of bound.failures) log.warning(failure, { event: 'not bound' });
    for (const { address, port } of bound.addresses) {
      log.notice(`Server listening on ${address} port ${String(port)} (press <ctr-c> to stop)`, {
        event: 'listening',
        address,
        port,
      });
    }
    const security = [
      tls === undefined ? 'TLS off' : 'TLS on',
      password === undefined ? 'no password' : 'password',
    ];
    log.notice(`Files go to ${mode.spool.directory}; ${security.join(', ')}`, { event: 'serving' });
    return new Worker({ settings, log }, bound, connections);
  }

  private constructor(
    { settings, log }: { readonly settings: Settings; readonly log: Logger },
    bound: Bound,
    connections: ReadonlyMap<Socket, Connection>,
  ) {
    this.#settings = settings;
    this.#log = log;
    this.#bound = bound;
    this.#connections = connections;
  }

  /** Where it listens. */
  get addresses(): Bound['addresses'] {
    return this.#bound.addresses;
  }

  /**
   * Accepts nothing new, ends what has no command in progress, and lets the rest finish, for at most the drain time of
   * the settings.
   * @returns how many had to be cut off
   */
  async drain(): Promise<number> {
    for (const server of this.#bound.servers) server.close();
    for (const connection of this.#connections.values()) connection.stop();
    const busy = [...this.#connections.values()].filter(({ busy }) => busy).length;
    const wait = `: waiting up to ${count(this.#settings.drainMs / 1000, 'second')} for ${count(busy, 'transfer')}`;
    this.#log.notice(`Server going down${busy > 0 ? wait : ''}`, { event: 'stopping' });
    const deadline = new AbortController();
    const late = sleep(this.#settings.drainMs, undefined, { signal: deadline.signal }).catch(() => undefined);
    await Promise.race([this.#allClosed(), late]);
    deadline.abort();
    const left = this.#connections.size;
    const closed = this.#allClosed();
    for (const socket of this.#connections.keys()) socket.destroy();
    await closed;
    return left;
  }

  async #allClosed(): Promise<void> {
    const closed = [...this.#connections].map(async ([socket, connection]) => {
      if (!socket.closed) await once(socket, 'close');
      // Its last words are logged then.
      await connection.ended;
    });
    await Promise.all(closed);
  }
}

/**
 * As many may wait as are served, if the limit of open files allows it: beyond that limit the system closes
 * connections before anybody hears of them.
 */
function waitingRoomFor(maxConnections: number): number {
  const spare = openFileLimit() - filesNeeded(maxConnections);
  return Math.max(Math.min(maxConnections, spare), LEAST_WAITING_ROOM);
}

/** Tells the log of a crowd: at once, and then once a minute how many had to go. */
function crowdWarning(maxConnections: number, log: Logger): () => void {
  let evicted = 0;
  let told = -Infinity;
  return () => {
    evicted++;
    if (performance.now() - told < CROWD_INTERVAL_MS) return;
    told = performance.now();
    const closed = count(evicted, 'silent connection');
    log.warning(`max_connections ${String(maxConnections)} reached: ${closed} closed to make room`, {
      event: 'crowd',
    });
    evicted = 0;
  };
}
