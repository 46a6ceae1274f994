/** The life of one connection: admission, handshake, session, end. The one place where its errors end. */
import type { Socket } from 'node:net';
import type { Admission, Guest } from './admission.ts';
import { peerFields, type Peer, peerOf, peerText } from './peer.ts';
import type { PenaltyBox } from './penalty-box.ts';
import { runSession } from './session.ts';
import { subjectOf, type TlsAcceptor } from './tls.ts';
import type { Logger } from '../log/logger.ts';
import { printable } from '../log/printable.ts';
import { ByteReader } from '../protocol/byte-reader.ts';
import { ByteWriter } from '../protocol/byte-writer.ts';
import {
  ConnectionEvicted,
  FileChanged,
  PeerClosed,
  PeerTimeout,
  ProtocolError,
  UnknownCommand,
  WrongPassword,
} from '../protocol/errors.ts';
import type { TransferRules } from '../settings/settings.ts';
import type { Store } from '../store/store.ts';

/** What all connections of a worker share. */
export interface ConnectionContext {
  readonly admission: Admission;
  readonly handshakes: Admission;
  readonly penalties: PenaltyBox;
  /** Undefined: plain TCP. */
  readonly tls: TlsAcceptor | undefined;
  readonly store: Store;
  readonly rules: TransferRules;
  readonly idleMs: number;
  readonly lineLimit: number;
  readonly passwordDigest: string | undefined;
  readonly log: Logger;
}

/** Takes charge of an accepted, still paused socket. Must be called in the tick of its accept. */
export function acceptConnection(socket: Socket, context: ConnectionContext): void {
  // A reset may come at any time; whoever reads or writes then hears of it.
  socket.on('error', () => undefined);
  socket.setNoDelay(true);
  new Connection(socket, context).admit();
}

class Connection {
  readonly #socket: Socket;
  readonly #context: ConnectionContext;
  readonly #guest: Guest;
  #peer: Peer;
  #reader: ByteReader | undefined;
  #evicted = false;

  constructor(socket: Socket, context: ConnectionContext) {
    this.#socket = socket;
    this.#context = context;
    this.#peer = peerOf(socket);
    this.#guest = {
      enter: () => void this.#serve(),
      evict: () => {
        this.#evict();
      },
    };
  }

  admit(): void {
    const { admission } = this.#context;
    // Whoever is closed while it waits must not be let in afterwards.
    this.#socket.once('close', () => {
      admission.leave(this.#guest);
    });
    admission.request(this.#guest);
  }

  /** Never rejects: every error ends in #report. */
  async #serve(): Promise<void> {
    const { admission, log, penalties } = this.#context;
    const socket = this.#socket;
    let end = (): void => {
      socket.destroySoon();
    };
    try {
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
      this.#report(error);
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
      end();
    }
  }

  async #converse(stream: Socket): Promise<void> {
    const { admission, store, rules, idleMs, lineLimit, passwordDigest, log } = this.#context;
    const reader = new ByteReader(stream, idleMs);
    this.#reader = reader;
    if (this.#evicted) this.#evict();
    await runSession({
      reader,
      writer: new ByteWriter(stream, idleMs),
      peer: this.#peer,
      store,
      rules,
      lineLimit,
      passwordDigest,
      log,
      progress: () => {
        admission.touch(this.#guest);
      },
    });
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
      };
      this.#socket.once('close', () => {
        this.#context.handshakes.leave(guest);
        reject(new PeerClosed('connection closed while it waited for its TLS handshake'));
      });
      this.#context.handshakes.request(guest);
    });
  }

  /** Somebody else needs the place: nothing more is read from this peer. */
  #evict(): void {
    this.#evicted = true;
    this.#reader?.abort(new ConnectionEvicted('closed to make room for others'));
    this.#socket.destroy();
  }

  #report(error: unknown): void {
    const { log } = this.#context;
    const peer = peerText(this.#peer);
    const fields = { event: 'ended', ...peerFields(this.#peer) };
    const message = printable(error instanceof Error ? error.message : String(error));
    if (this.#evicted) {
      log.event(`Connection from ${peer} closed to make room for others`, { ...fields, reason: 'evicted' });
    } else if (error instanceof WrongPassword) {
      log.event(`Invalid password from ${peer}`, { ...fields, reason: 'password' });
    } else if (error instanceof PeerTimeout) {
      log.event(`Connection from ${peer} ${message}`, { ...fields, reason: 'timeout' });
    } else if (error instanceof PeerClosed) {
      log.event(`Connection from ${peer} unexpectedly closed: ${message}`, { ...fields, reason: 'closed' });
    } else if (error instanceof UnknownCommand) {
      log.event(`Unknown command '${message}' from ${peer}`, { ...fields, reason: 'protocol' });
    } else if (error instanceof ProtocolError) {
      log.event(`Connection from ${peer} closed: ${message}`, { ...fields, reason: 'protocol' });
    } else if (error instanceof FileChanged) {
      log.warning(`Connection from ${peer} closed: ${message}`, { ...fields, reason: 'changed' });
    } else {
      const cause = error instanceof Error ? (error.stack ?? error.message) : String(error);
      log.error(`Connection from ${peer} failed: ${printable(cause)}`, { ...fields, reason: 'error' });
    }
  }
}

function printableSubject(subject: string | undefined): string | undefined {
  return subject === undefined ? undefined : printable(Buffer.from(subject).toString('latin1'));
}
