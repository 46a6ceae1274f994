/** Finds out whom a connection is from, and whether that one may come in. */
import type { Socket } from 'node:net';
import { type Comer, type Gate, TurnedAway, type TurnedAwayBy } from './gate.ts';
import type { Peer } from './peer.ts';
import { readProxyHeader } from './proxied-peer.ts';
import { PassedBy, PeerClosed } from '../protocol/errors.ts';
import { contains, type Network } from '../settings/networks.ts';

/** Somebody at the door. */
export interface Arrival {
  /** Accepted, paused, and not read from. */
  readonly socket: Socket;
  /** As the system names it. */
  readonly peer: Peer;
  /** A PROXY header says that it is somebody else. */
  readonly onNamed: (peer: Peer) => void;
  /** It must go, although it passed. */
  readonly dismiss: () => void;
}

export interface EntranceOptions {
  readonly gate: Gate;
  /** From whom a PROXY protocol header is required. */
  readonly proxyProtocolFrom: readonly Network[];
  /** W4: in milliseconds. */
  readonly idleMs: number;
}

export class Entrance {
  readonly #options: EntranceOptions;
  /** Whether everybody comes in as whom the system says: nobody needs to ask. */
  readonly isOpen: boolean;

  constructor(options: EntranceOptions) {
    this.#options = options;
    this.isOpen = options.gate.isOpen && options.proxyProtocolFrom.length === 0;
  }

  /**
   * Behind a balancer or proxy that is believed, the peer is whom its PROXY header names, and only that one passes the
   * gate: the balancer's own address need not be in allow_from, and has no limits. Where the header names nobody, the
   * balancer speaks for itself, and is judged like anybody else.
   * @throws TurnedAway, PassedBy, PeerClosed; and as readProxyHeader does
   */
  async pass(arrival: Arrival): Promise<void> {
    const { socket, peer, onNamed } = arrival;
    mustHaveAddress(peer);
    if (!contains(this.#options.proxyProtocolFrom, peer.address)) {
      await this.#passGate(arrival);
      return;
    }
    const named = await readProxyHeader(socket, this.#options.idleMs);
    const speaker = { ...peer, ...named };
    onNamed(speaker);
    await this.#passGate({ ...arrival, peer: speaker });
    // Once read from, a socket notices its end, and tells nobody who comes later.
    if (socket.destroyed || socket.readableEnded) {
      const text = 'connection closed behind the PROXY header';
      // A header that names nobody is the balancer's own.
      throw named === undefined ? new PassedBy(text) : new PeerClosed(text);
    }
  }

  /** @throws TurnedAway */
  async #passGate(arrival: Arrival): Promise<void> {
    const refused = await this.#enterGate(arrival);
    if (refused !== undefined) throw new TurnedAway(refused);
  }

  /** @returns what it is refused by, if it is; the gate counts it until it is closed */
  async #enterGate({ socket, peer, dismiss }: Arrival): Promise<TurnedAwayBy | undefined> {
    const { gate } = this.#options;
    const { address, port } = peer;
    const comer: Comer = {
      address,
      client: { address, port },
      // A question to the system, which only libwrap needs.
      get server() {
        return { address: socket.localAddress ?? '', port: socket.localPort ?? 0 };
      },
      arrived: () => socket.bytesRead,
      dismiss,
    };
    const refused = await gate.enter(comer);
    if (socket.destroyed) gate.leave(comer);
    else {
      socket.once('close', () => {
        gate.leave(comer);
      });
    }
    return refused;
  }
}

/**
 * A connection that is reset before it is accepted has none. What it said can still be read, but not who it was:
 * whether a header is due cannot be told, and nobody hears.
 * @throws PassedBy
 */
export function mustHaveAddress({ port }: Peer): void {
  if (port === 0) throw new PassedBy('connection reset before it was accepted');
}
