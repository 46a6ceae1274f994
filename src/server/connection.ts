/** The life of one connection: admission, handshake, conversation, end. The one place that catches its errors. */
import type { Socket } from 'node:net';
import type { Admission, Guest } from './admission.ts';
import { logEnd } from './ending.ts';
import { peerFields, type Peer, peerOf, peerText } from './peer.ts';
import type { PenaltyBox } from './penalty-box.ts';
import { readProxyHeader } from './proxied-peer.ts';
import type { Conversation, Service } from './service.ts';
import { subjectOf, type TlsAcceptor } from './tls.ts';
import type { Logger } from '../log/logger.ts';
import { printable } from '../log/printable.ts';
import { PeerClosed, PeerTimeout, ServerStopping, WrongPassword } from '../protocol/errors.ts';
import { contains, type Network } from '../settings/networks.ts';

/** What all connections of a worker share. */
export interface ConnectionContext {
  readonly admission: Admission;
  readonly handshakes: Admission;
  readonly penalties: PenaltyBox;
  /** Undefined: plain TCP. */
  readonly tls: TlsAcceptor | undefined;
  /** From whom a PROXY protocol header is required. */
  readonly proxyProtocolFrom: readonly Network[];
  /** W4: in milliseconds. */
  readonly idleMs: number;
  readonly service: Service;
  readonly log: Logger;
}

/** Takes charge of an accepted, still paused socket. Must be called in the tick of its accept. */
export function acceptConnection(socket: Socket, context: ConnectionContext): Connection {
  // A reset may come at any time; whoever reads or writes then hears of it.
  socket.on('error', () => undefined);
  socket.setNoDelay(true);
  const connection = new Connection(socket, context);
  connection.admit();
  return connection;
}

export class Connection {
  readonly #socket: Socket;
  readonly #context: ConnectionContext;
  readonly #guest: Guest;
  #peer: Peer;
  #conversation: Conversation | undefined;
  #inside = false;
  #over = false;
  #ended: Promise<void> = Promise.resolve();
  #evicted = false;
  #stopping = false;

  constructor(socket: Socket, context: ConnectionContext) {
    this.#socket = socket;
    this.#context = context;
    this.#peer = peerOf(socket);
    this.#guest = {
      enter: () => {
        this.#inside = true;
        this.#ended = this.#serve();
      },
      evict: () => {
        this.#evict();
      },
      isAwaited: () => this.#conversation?.isAwaited ?? true,
    };
  }

  admit(): void {
    const { admission } = this.#context;
    // Whoever is closed while it waits must not be let in afterwards; one inside keeps its place while it works.
    this.#socket.once('close', () => {
      if (!this.#inside) admission.leave(this.#guest);
    });
    admission.request(this.#guest);
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
    const { admission, log, penalties } = this.#context;
    const socket = this.#socket;
    let end = (): void => {
      socket.destroySoon();
    };
    try {
      await this.#identify();
      log.detail(`Client connected from ${peerText(this.#peer)}`, {
        event: 'connected',
        ...peerFields(this.#peer),
      });
      const stream = await this.#secured();
      end = () => {
        stream.destroySoon();
      };
      await this.#converse(stream);
    } catch (error) {
      const stopped = this.#stopping && this.#conversation === undefined;
      logEnd(this.#evicted ? 'evicted' : stopped ? new ServerStopping() : error, this.#peer, log);
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
      admission.leave(this.#guest);
      this.#over = true;
      end();
    }
  }

  async #converse(stream: Socket): Promise<void> {
    const { admission, service } = this.#context;
    if (this.#stopping) throw new ServerStopping();
    this.#conversation = service.begin({
      stream,
      peer: this.#peer,
      progress: () => {
        admission.touch(this.#guest);
      },
    });
    await this.#conversation.ended;
  }

  /** Behind a balancer or proxy that is believed, the peer is whom its PROXY header names. */
  async #identify(): Promise<void> {
    const { proxyProtocolFrom, idleMs } = this.#context;
    // What it said can still be read, but not who it was: whether a header is due cannot be told, and nobody hears.
    if (this.#socket.remoteAddress === undefined) {
      throw new PeerClosed('connection reset before it was accepted');
    }
    if (!contains(proxyProtocolFrom, this.#peer.address)) return;
    const named = await readProxyHeader(this.#socket, idleMs);
    if (named !== undefined) this.#peer = { ...this.#peer, ...named };
  }

  /** The stream to talk on: the socket itself, or after a TLS handshake the TLS socket. */
  async #secured(): Promise<Socket> {
    const { tls, handshakes, log } = this.#context;
    if (tls === undefined) return this.#socket;
    const handshake = await this.#handshakePlace();
    try {
      const secure = await tls.handshake(this.#socket);
      this.#context.admission.touch(this.#guest);
      secure.on('error', () => undefined);
      this.#peer = { ...this.#peer, subject: printableSubject(subjectOf(secure)) };
      const version = secure.getProtocol() ?? 'TLS';
      log.detail(`SSL started for ${peerText(this.#peer)}`, {
        event: 'tls',
        ...peerFields(this.#peer),
        version,
      });
      return secure;
    } finally {
      handshakes.leave(handshake);
    }
  }

  /** Waits for one of the few places where a handshake costs memory. */
  #handshakePlace(): Promise<Guest> {
    return new Promise((resolve, reject) => {
      const guest: Guest = {
        enter: () => {
          resolve(guest);
        },
        evict: () => {
          this.#evict();
        },
        isAwaited: () => true,
      };
      this.#socket.once('close', () => {
        this.#context.handshakes.leave(guest);
        reject(new PeerClosed('connection closed while it waited for its TLS handshake'));
      });
      this.#context.handshakes.request(guest);
    });
  }

  /** Somebody else needs the place; what is pending on the socket fails. */
  #evict(): void {
    this.#evicted = true;
    this.#socket.destroy();
  }
}

function printableSubject(subject: string | undefined): string | undefined {
  return subject === undefined ? undefined : printable(Buffer.from(subject).toString('latin1'));
}
