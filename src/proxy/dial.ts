/** Connects to a server of proxy_ip, as the settings say: PROXY header, TLS, password. */
import type { Socket } from 'node:net';
import { connect, type ConnectOptions, type TentacleClient } from '../client/client.ts';
import { openStream } from '../client/connect.ts';
import type { ServerAddress, UpstreamSettings } from '../settings/settings.ts';

/** How connections to upstreams are made. */
export class Dialer {
  readonly #common: Omit<ConnectOptions, 'host' | 'port'> & { readonly idleMs: number };

  /** @param idleMs how long each step may take, in milliseconds (W4) */
  constructor({ tls, password }: UpstreamSettings, idleMs: number) {
    this.#common = { tls, password: password?.reveal(), idleMs };
  }

  /**
   * A conversation with the server.
   * @throws ClientError
   */
  client(server: ServerAddress): Promise<TentacleClient> {
    return connect({ ...this.#common, ...server });
  }

  /**
   * The bare stream, paused. W10: where there is a password, `PASS OK` has been read.
   * @throws ClientError
   */
  async stream(server: ServerAddress): Promise<Socket> {
    if (this.#common.password === undefined) return openStream({ ...this.#common, ...server });
    return (await this.client(server)).release();
  }
}
