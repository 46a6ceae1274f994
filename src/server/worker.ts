/** Serves connections under one frozen Settings, from listening to the last byte of the drain. */
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Admission } from './admission.ts';
import { acceptConnection, type Connection, type ConnectionContext } from './connection.ts';
import { Gate } from './gate.ts';
import { Libwrap } from './libwrap.ts';
import { type Bound, type Inherited, listen } from './listener.ts';
import { isClientHello, isFirstLine } from './first-words.ts';
import { Lobby } from './lobby.ts';
import { PenaltyBox } from './penalty-box.ts';
import type { Service } from './service.ts';
import { TlsAcceptor } from './tls.ts';
import { turnedAwayLog } from './turned-away.ts';
import { count } from '../log/count.ts';
import { crowdWarning } from '../log/crowd.ts';
import { reasonOf } from '../log/errno.ts';
import type { Logger } from '../log/logger.ts';
import type { Settings } from '../settings/settings.ts';
import { filesNeeded, LEAST_WAITING_ROOM, mostConnections, openFileLimit } from '../process/open-files.ts';

/** An unfinished handshake costs 68 KB, a silent plain socket 5 KB. */
export const MOST_HANDSHAKES = 256;
/** W4: a handshake takes several round trips, whatever the idle limit. */
const LEAST_HANDSHAKE_MS = 10_000;

/** Silent clients that are held open, over all workers; 10 KB each, and as much again until its memory is collected. */
const MOST_IN_LOBBY = 1024;

/** What a client that waited may still need to be heard: its first line is here; a handshake takes round trips. */
const GRACE_MS = 100;
const TLS_GRACE_MS = 500;

/** What a worker has of what is limited over all workers, and how it gets more. */
export interface Share {
  /** Connections served at a time, to begin with. */
  readonly places: number;
  /** Unfinished TLS handshakes at a time. */
  readonly handshakes: number;
  readonly onFull?: (urgently: boolean) => void;
  readonly onGivenBack?: (places: number) => void;
  /** Sockets that listen already. */
  readonly inherited?: Inherited;
}

/** What a worker does, and how. */
export interface Work {
  readonly settings: Settings;
  readonly service: Service;
  readonly log: Logger;
}

export class Worker {
  readonly #settings: Settings;
  readonly #bound: Bound;
  readonly #context: ConnectionContext;
  readonly #connections: ReadonlyMap<Socket, Connection>;

  /**
   * Starts listening.
   * @param share without it, everything: there is no other worker
   * @throws Error when nothing can be bound
   */
  static async start(work: Work, share: Share = wholeShare(work.settings)): Promise<Worker> {
    const { settings, log } = work;
    process.umask(settings.umask);
    const context = contextOf(work, share);
    const connections = new Map<Socket, Connection>();
    const most = mostConnections(settings);
    const tooMany = descriptorWarning(log, most);
    const accept = (socket: Socket): void => {
      if (connections.size >= most) {
        tooMany();
        const hasRoom = context.lobby?.dismissFirst() === true || context.admission.dismissOne();
        // Everybody inside waits for this server: there is no room to be made.
        if (!hasRoom) return void socket.resetAndDestroy();
      }
      connections.set(socket, acceptConnection(socket, context));
      socket.once('close', () => connections.delete(socket));
    };
    const bound = await listen(settings.listen, { accept, onError: acceptWarning(log) }, share.inherited);
    return new Worker(settings, bound, { context, connections });
  }

  private constructor(
    settings: Settings,
    bound: Bound,
    shared: {
      readonly context: ConnectionContext;
      readonly connections: ReadonlyMap<Socket, Connection>;
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
    return [...this.#connections.values()].filter(({ busy }) => busy).length;
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
    for (const connection of this.#connections.values()) connection.stop();
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
    const left = [...this.#connections.keys()].filter(({ destroyed }) => !destroyed);
    const closed = Promise.all([this.#allClosed(), service.finish()]);
    for (const socket of left) socket.destroy();
    await closed;
    return left.length;
  }

  async #allClosed(): Promise<void> {
    const closed = [...this.#connections].map(async ([socket, connection]) => {
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

/** What its connections share. */
function contextOf({ settings, service, log }: Work, share: Share): ConnectionContext {
  const { tls, idleMs, maxConnections, proxyProtocolFrom } = settings;
  const waitingRoom = waitingRoomFor(settings);
  const warnOfCrowd = crowdWarning(log, (evicted) => {
    const closed = count(evicted, 'silent connection');
    return `max_connections ${String(maxConnections)} reached: ${closed} closed to make room`;
  });
  const graceMs = tls === undefined ? GRACE_MS : TLS_GRACE_MS;
  return {
    gate: new Gate(settings, settings.access.libwrap ? new Libwrap(idleMs) : undefined),
    refuse: turnedAwayLog(log),
    lobby: lobbyOf(settings, log),
    admission: new Admission({
      ...share,
      capacity: share.places,
      waitingRoom,
      graceMs,
      onEvicted: warnOfCrowd,
    }),
    handshakes: new Admission({ capacity: share.handshakes, waitingRoom, graceMs }),
    penalties: new PenaltyBox(),
    tls: tls && new TlsAcceptor(tls, Math.max(idleMs, LEAST_HANDSHAKE_MS)),
    proxyProtocolFrom,
    idleMs,
    service,
    log,
  };
}

/**
 * As many may wait as are served, if the limit of open files allows it: beyond that limit the system closes
 * connections before anybody hears of them.
 */
function waitingRoomFor(settings: Settings): number {
  const spare = openFileLimit() - filesNeeded(settings);
  return Math.max(Math.min(settings.maxConnections, spare), LEAST_WAITING_ROOM);
}

const LINE_TEXTS = { late: 'timed out', brokenOff: 'connection closed in the middle of a line' };
const HANDSHAKE_TEXTS = {
  late: 'timed out in the TLS handshake',
  brokenOff: 'connection closed during the TLS handshake',
};

/** As many as the limit of open files leaves room for. A relay passes on whatever comes, and the upstream may begin. */
function lobbyOf(settings: Settings, log: Logger): Lobby | undefined {
  const { mode, passwords, tls, idleMs, lineLimit, maxConnections, workers } = settings;
  if (mode.kind === 'relay' && tls === undefined && passwords.length === 0) return undefined;
  const spare = openFileLimit() - filesNeeded(settings) - waitingRoomFor(settings);
  const share = Math.ceil(Math.max(MOST_IN_LOBBY, maxConnections) / workers);
  return new Lobby({
    capacity: Math.max(Math.min(share, spare), LEAST_WAITING_ROOM),
    idleMs: tls === undefined ? idleMs : Math.max(idleMs, LEAST_HANDSHAKE_MS),
    isEnough: tls === undefined ? (bytes) => isFirstLine(bytes, lineLimit) : isClientHello,
    texts: tls === undefined ? LINE_TEXTS : HANDSHAKE_TEXTS,
    onEvicted: crowdWarning(log, (evicted) => {
      const closed = count(evicted, 'silent connection');
      return `more clients than can be held open: ${closed} closed to make room`;
    }),
  });
}
