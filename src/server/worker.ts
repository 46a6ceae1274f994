/** Serves connections under one frozen Settings, from listening to the last byte of the drain. */
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Admission } from './admission.ts';
import { acceptConnection, type Connection, type ConnectionContext } from './connection.ts';
import { contextOf, MOST_HANDSHAKES, type Allowance, type Work } from './connection-context.ts';
import { type Bound, type Inherited, listen } from './listener.ts';
import { Row } from './row.ts';
import type { Service } from './service.ts';
import { count } from '../log/count.ts';
import { crowdWarning } from '../log/crowd.ts';
import { reasonOf } from '../log/errno.ts';
import type { Logger } from '../log/logger.ts';
import { takesClients } from '../settings/mode.ts';
import type { Settings } from '../settings/settings.ts';
import { mostConnections, openFileLimit } from '../process/open-files.ts';

/** What a worker has of what is limited over all workers, and the sockets. */
export interface Share extends Allowance {
  /** Sockets that listen already. */
  readonly inherited?: Inherited;
}

/** A connection, until its socket is closed. */
interface Open {
  readonly socket: Socket;
  readonly connection: Connection;
}

export class Worker {
  readonly #settings: Settings;
  readonly #bound: Bound;
  readonly #context: ConnectionContext;
  readonly #connections: Row<Open>;

  /**
   * Starts listening.
   * @param share without it, everything: there is no other worker
   * @throws Error when nothing can be bound
   */
  static async start(work: Work, share: Share = wholeShare(work.settings)): Promise<Worker> {
    const { settings, log } = work;
    process.umask(settings.umask);
    const context = contextOf(work, share);
    const connections = new Row<Open>();
    const most = mostConnections(settings);
    const tooMany = descriptorWarning(log, most);
    const accept = (socket: Socket): void => {
      if (connections.size >= most) {
        tooMany();
        const hasRoom = context.lobby?.dismissFirst() === true || context.admission.dismissOne();
        // Everybody inside waits for this server: there is no room to be made.
        if (!hasRoom) return void socket.resetAndDestroy();
      }
      const link = connections.add({ socket, connection: acceptConnection(socket, context) });
      socket.once('close', () => {
        connections.remove(link);
      });
    };
    const where = takesClients(settings.mode) ? settings.listen : undefined;
    const bound = await listen(where, { accept, onError: acceptWarning(log) }, share.inherited);
    return new Worker(settings, bound, { context, connections });
  }

  private constructor(
    settings: Settings,
    bound: Bound,
    shared: {
      readonly context: ConnectionContext;
      readonly connections: Row<Open>;
    },
  ) {
    this.#settings = settings;
    this.#bound = bound;
    this.#context = shared.context;
    this.#connections = shared.connections;
  }

  /** Where it listens, and where it could not. */
  get bound(): Bound {
    return this.#bound;
  }

  /** What it does with those who got in. */
  get service(): Service {
    return this.#context.service;
  }

  /** Who decides who gets in: places come and go. */
  get admission(): Admission {
    return this.#context.admission;
  }

  /** Connections open now. */
  get open(): number {
    return this.#connections.size;
  }

  /** Connections with a command in progress. */
  get busy(): number {
    return [...this.#connections].filter(({ connection }) => connection.busy).length;
  }

  /**
   * Accepts nothing new, and lets sessions come to their end, for at most the drain time of the settings.
   * @returns how many had to be cut off
   */
  async finish(): Promise<number> {
    for (const server of this.#bound.servers) server.close();
    return this.#end();
  }

  /**
   * Accepts nothing new, ends what has no command in progress, and lets the rest finish, for at most the drain time of
   * the settings.
   * @returns how many had to be cut off
   */
  async drain(): Promise<number> {
    for (const server of this.#bound.servers) server.close();
    for (const { connection } of this.#connections) connection.stop();
    return this.#end();
  }

  async #end(): Promise<number> {
    const deadline = new AbortController();
    const late = sleep(this.#settings.drainMs, undefined, { signal: deadline.signal }).catch(() => undefined);
    const { service } = this.#context;
    const over = Promise.all([this.#allClosed(), service.finish()]);
    await Promise.race([over, late]);
    deadline.abort();
    service.cut();
    // One that closes in this very turn is still listed.
    const left = [...this.#connections].filter(({ socket }) => !socket.destroyed);
    const closed = Promise.all([this.#allClosed(), service.finish()]);
    for (const { socket } of left) socket.destroy();
    await closed;
    return left.length;
  }

  async #allClosed(): Promise<void> {
    const closed = [...this.#connections].map(async ({ socket, connection }) => {
      // Not events.once: a reset on the way there is no failure of the stop.
      if (!socket.closed) await new Promise((resolve) => socket.once('close', resolve));
      // Its last words are logged then.
      await connection.ended;
    });
    await Promise.all(closed);
  }
}

function wholeShare({ maxConnections }: Settings): Share {
  return { places: maxConnections, handshakes: MOST_HANDSHAKES };
}

function descriptorWarning(log: Logger, most: number): () => void {
  return crowdWarning(log, (times) => {
    const limit = `the limit of open files (${String(openFileLimit())}) leaves a worker ${count(most, 'connection')}`;
    return `${limit}: ${String(times)} closed to make room; raise LimitNOFILE (ulimit -n), or lower max_connections`;
  });
}

/** The system gives no more connections, again and again until it does. */
function acceptWarning(log: Logger): (cause: Error) => void {
  return crowdWarning(log, (times, cause: Error) => {
    return `Cannot accept connections, ${count(times, 'failure')}: ${reasonOf(cause)}`;
  });
}
