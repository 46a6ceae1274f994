/** The life of one connection: first words, admission, handshake, conversation, end. The one place that catches its errors. */
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Admission, Guest } from './admission.ts';
import { identityOf } from './client-certificate.ts';
import { logEnd } from './ending.ts';
import { type Arrival, type Entrance, mustHaveAddress } from './entrance.ts';
import { TurnedAway, type TurnedAwayBy } from './gate.ts';
import type { Lobby } from './lobby.ts';
import { peerFields, type Peer, peerOf, peerText } from './peer.ts';
import type { PenaltyBox } from './penalty-box.ts';
import type { Conversation, Service } from './service.ts';
import type { TlsAcceptor } from './tls.ts';
import type { Refuse } from './turned-away.ts';
import type { Logger } from '../log/logger.ts';
import { ByteReader } from '../protocol/byte-reader.ts';
import { PeerClosed, PeerTimeout, ServerStopping, WrongPassword } from '../protocol/errors.ts';

/** What all connections of a worker share. */
export interface ConnectionContext {
  readonly entrance: Entrance;
  /** Logs a connection that the gate refused. */
  readonly refuse: Refuse;
  /** Undefined: a client need not speak first. */
  readonly lobby: Lobby | undefined;
  readonly admission: Admission;
  readonly handshakes: Admission;
  readonly penalties: PenaltyBox;
  /** Undefined: plain TCP. */
  readonly tls: TlsAcceptor | undefined;
  /** W4: in milliseconds. */
  readonly idleMs: number;
  readonly service: Service;
  readonly log: Logger;
}

/** Takes charge of an accepted, still paused socket. Must be called in the tick of its accept. */
export function acceptConnection(socket: Socket, context: ConnectionContext): Connection {
  // A reset may come at any time; whoever reads or writes then hears of it.
  socket.on('error', unheard);
  const connection = new Connection(socket, context);
  connection.begin();
  return connection;
}

export class Connection {
  readonly #socket: Socket;
  readonly #context: ConnectionContext;
  #guest: Guest | undefined;
  #peer: Peer;
  #conversation: Conversation | undefined;
  #over = false;
  #ended: Promise<void> = Promise.resolve();
  #closedFor: 'evicted' | 'turned away' | undefined;
  #stopping = false;
  /** For its TLS handshake, and so for this server. */
  #isWaiting = false;

  constructor(socket: Socket, context: ConnectionContext) {
    this.#socket = socket;
    this.#context = context;
    this.#peer = peerOf(socket);
  }

  begin(): void {
    this.#ended = this.#serve();
  }

  /** Whether it has a command in progress. */
  get busy(): boolean {
    return !this.#over && this.#conversation?.isBusy === true;
  }

  /** Resolves when its end has been logged. */
  get ended(): Promise<void> {
    return this.#ended;
  }

  /** Ends it as soon as it has no command in progress. */
  stop(): void {
    this.#stopping = true;
    // Waiting for a place, or in the handshake.
    if (this.#conversation === undefined) this.#socket.destroy();
    else this.#conversation.stop();
  }

  /** Never rejects: every error is logged here, and ends the connection. */
  async #serve(): Promise<void> {
    const { entrance, lobby, admission, log, penalties, tls, idleMs } = this.#context;
    const socket = this.#socket;
    let end = (): void => {
      socket.destroySoon();
    };
    try {
      if (entrance.isOpen) mustHaveAddress(this.#peer);
      else await entrance.pass(this.#arrival());
      log.detail(() => `Client connected from ${peerText(this.#peer)}`, {
        event: 'connected',
        ...peerFields(this.#peer),
      });
      const reader = new ByteReader(socket, idleMs);
      await lobby?.firstWords(reader, this.#evict);
      // At once: in the next turn the stream may have ended, and takes nothing back.
      if (tls !== undefined) putBack(reader.release(), socket);
      this.#guest = this.#enter(admission) ?? (await this.#wait(admission));
      if (tls === undefined) {
        await this.#converse(socket, reader);
        if (!reader.ahead) {
          end = () => {
            close(socket);
          };
        }
      } else {
        const secure = await this.#secured(tls);
        end = () => {
          secure.destroySoon();
        };
        await this.#converse(secure, new ByteReader(secure, idleMs));
      }
    } catch (error) {
      const stopped = this.#stopping && this.#conversation === undefined;
      if (error instanceof TurnedAway) this.#turnAway(error.by);
      else if (this.#closedFor !== 'turned away') {
        logEnd(this.#closedFor ?? (stopped ? new ServerStopping() : error), this.#peer, log);
      }
      if (error instanceof WrongPassword) {
        end = () => {
          penalties.hold(socket);
        };
      } else if (error instanceof PeerTimeout) {
        // What it does not read would never be flushed.
        end = () => {
          socket.destroy();
        };
      }
    } finally {
      if (this.#guest !== undefined) admission.leave(this.#guest);
      this.#over = true;
      end();
    }
  }

  #arrival(): Arrival {
    return {
      socket: this.#socket,
      peer: this.#peer,
      onNamed: (peer) => {
        this.#peer = peer;
      },
      dismiss: () => {
        this.#turnAway('max_bytes_per_ip');
      },
    };
  }

  async #converse(stream: Socket, reader: ByteReader): Promise<void> {
    const { service } = this.#context;
    if (this.#stopping) throw new ServerStopping();
    this.#conversation = service.begin({
      stream,
      reader,
      peer: this.#peer,
      progress: () => {
        this.#touch();
      },
    });
    await this.#conversation.ended;
  }

  /** The stream to talk on, after a handshake that had to wait for its turn. */
  async #secured(tls: TlsAcceptor): Promise<Socket> {
    const { handshakes, log } = this.#context;
    this.#isWaiting = true;
    const handshake = this.#enter(handshakes) ?? (await this.#wait(handshakes));
    this.#isWaiting = false;
    try {
      const secure = await this.#shakeHands(tls);
      this.#touch();
      secure.on('error', unheard);
      this.#peer = { ...this.#peer, ...identityOf(secure) };
      const version = secure.getProtocol() ?? 'TLS';
      log.detail(() => `SSL started for ${peerText(this.#peer)}`, {
        event: 'tls',
        ...peerFields(this.#peer),
        version,
      });
      return secure;
    } finally {
      handshakes.leave(handshake);
    }
  }

  async #shakeHands(tls: TlsAcceptor): Promise<TLSSocket> {
    try {
      return await tls.handshake(this.#socket);
    } catch (error) {
      const reason =
        error instanceof PeerTimeout ? 'timeout' : error instanceof PeerClosed ? 'closed' : 'failed';
      const text = `SSL not started for ${peerText(this.#peer)}: ${reason}`;
      this.#context.log.detail(text, { event: 'tls failed', ...peerFields(this.#peer), reason });
      throw error;
    }
  }

  /** A place that is free; whoever has one keeps it until it leaves, closed or not. */
  #enter(admission: Admission): Guest | undefined {
    if (this.#socket.destroyed) throw closedWhileWaiting();
    const guest = this.#guestOf(admission, unheard);
    return admission.tryEnter(guest) ? guest : undefined;
  }

  /** The same, of one who has to wait. @throws PeerClosed */
  #wait(admission: Admission): Promise<Guest> {
    return new Promise((resolve, reject) => {
      const closed = (): void => {
        admission.leave(guest);
        reject(closedWhileWaiting());
      };
      const guest = this.#guestOf(admission, () => {
        this.#socket.off('close', closed);
        resolve(guest);
      });
      this.#socket.once('close', closed);
      admission.request(guest);
    });
  }

  #guestOf(admission: Admission, enter: () => void): Guest {
    const isShaking = admission === this.#context.handshakes;
    return {
      enter,
      evict: this.#evict,
      isAwaited: () => isShaking || (this.#conversation?.isAwaited ?? !this.#isWaiting),
    };
  }

  #touch(): void {
    if (this.#guest !== undefined) this.#context.admission.touch(this.#guest);
  }

  /** Somebody else needs the place; what is pending on the socket fails. */
  readonly #evict = (): void => {
    this.#closedFor ??= 'evicted';
    this.#socket.destroy();
  };

  /** Closes it at once, so that nothing of it is left in the system. */
  #turnAway(by: TurnedAwayBy): void {
    if (this.#over || this.#closedFor !== undefined) return;
    this.#closedFor = 'turned away';
    this.#context.refuse(by, this.#peer);
    this.#socket.resetAndDestroy();
  }
}

/**
 * When all is said and read: a stream that has nothing to send need not be shut down first, which costs a fifth of a small
 * file. With bytes of the peer still unread it must be: the peer would be reset before it has read the last answer.
 */
function close(socket: Socket): void {
  if (socket.writableLength === 0) socket.destroy();
  else socket.destroySoon();
}

function putBack(bytes: Buffer, socket: Socket): void {
  if (bytes.length > 0) socket.unshift(bytes);
}

function closedWhileWaiting(): PeerClosed {
  return new PeerClosed('connection closed while it waited for its turn');
}

function unheard(): void {
  // Whoever reads or writes hears of it.
}
