/** Serves connections under one frozen Settings, from listening to the last byte of the drain. */
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Admission } from './admission.ts';
import { acceptConnection, type ConnectionContext } from './connection.ts';
import { type Bound, listen } from './listener.ts';
import { PenaltyBox } from './penalty-box.ts';
import { TlsAcceptor } from './tls.ts';
import type { Logger } from '../log/logger.ts';
import { passwordDigest } from '../protocol/password.ts';
import type { Settings } from '../settings/settings.ts';
import { DirectoryStore } from '../store/directory-store.ts';

/** An unfinished handshake costs 68 KB, a silent plain socket 5 KB. */
const MOST_HANDSHAKES = 256;
/** W4: a handshake takes several round trips, whatever the idle limit. */
const LEAST_HANDSHAKE_MS = 10_000;
/** Fewer than this many may always wait, however small max_connections is. */
const LEAST_WAITING_ROOM = 64;

/** What a client that waited may still need to be heard: its first line is here; a handshake takes round trips. */
const GRACE_MS = 100;
const TLS_GRACE_MS = 500;

export class Worker {
  readonly #settings: Settings;
  readonly #bound: Bound;
  readonly #sockets: ReadonlySet<Socket>;

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
      log.notice(`Removed ${String(removed)} unfinished files of an earlier run`, { event: 'cleaned' });
    const waitingRoom = Math.max(maxConnections, LEAST_WAITING_ROOM);
    const graceMs = tls === undefined ? GRACE_MS : TLS_GRACE_MS;
    const context: ConnectionContext = {
      admission: new Admission({ capacity: maxConnections, waitingRoom, graceMs }),
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
    const sockets = new Set<Socket>();
    const bound = await listen(settings.listen, (socket) => {
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
      acceptConnection(socket, context);
    });
    for (const failure of bound.failures) log.warning(failure, { event: 'not bound' });
    for (const { address, port } of bound.addresses) {
      log.notice(`Server listening on ${address} port ${String(port)} (press <ctr-c> to stop)`, {
        event: 'listening',
        address,
        port,
      });
    }
    return new Worker(settings, bound, sockets);
  }

  private constructor(settings: Settings, bound: Bound, sockets: ReadonlySet<Socket>) {
    this.#settings = settings;
    this.#bound = bound;
    this.#sockets = sockets;
  }

  /** Where it listens. */
  get addresses(): Bound['addresses'] {
    return this.#bound.addresses;
  }

  /**
   * Accepts nothing new and lets sessions finish, for at most the drain time of the settings.
   * @returns how many had to be cut off
   */
  async drain(): Promise<number> {
    for (const server of this.#bound.servers) server.close();
    const deadline = new AbortController();
    const late = sleep(this.#settings.drainMs, undefined, { signal: deadline.signal }).catch(() => undefined);
    await Promise.race([this.#allClosed(), late]);
    deadline.abort();
    const left = this.#sockets.size;
    for (const socket of this.#sockets) socket.destroy();
    return left;
  }

  async #allClosed(): Promise<void> {
    const closed = [...this.#sockets].map(
      (socket) =>
        new Promise<void>((resolve) => {
          socket.once('close', () => {
            resolve();
          });
        }),
    );
    await Promise.all(closed);
  }
}
