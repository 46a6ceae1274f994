/** Connects to a server of proxy_ip, as the settings say: PROXY header, TLS, password. */
import type { Socket } from 'node:net';
import { connect, type ConnectOptions, type TentacleClient } from '../client/client.ts';
import { openStream, type Signal } from '../client/connect.ts';
import type { SettingNames } from '../client/names.ts';
import type { ProxiedConnection } from '../protocol/proxied-connection.ts';
import { formatProxyHeader } from '../protocol/proxy-header.ts';
import type { ServerAddress, UpstreamSettings } from '../settings/settings.ts';

/** What an administrator of a proxy knows these settings by. */
const TOKEN_NAMES: SettingNames = {
  address: 'proxy_ip',
  password: 'proxy_password',
  tls: 'proxy_ssl',
  ca: 'proxy_ssl_ca',
  certificate: 'proxy_ssl_cert, proxy_ssl_key',
};

/** Whom a PROXY header is to name. Asked for only where one is sent: the system is asked for its addresses. */
export type Behalf = () => ProxiedConnection;

type Options = ConnectOptions & { readonly idleMs: number };

/** How connections to upstreams are made. */
export class Dialer {
  readonly #common: Pick<Options, 'tls' | 'password' | 'idleMs'>;
  readonly #proxyProtocol: UpstreamSettings['proxyProtocol'];

  /** @param idleMs how long each step may take, in milliseconds (W4) */
  constructor({ tls, password, proxyProtocol }: UpstreamSettings, idleMs: number) {
    this.#common = { tls, password: password?.reveal(), idleMs };
    this.#proxyProtocol = proxyProtocol;
  }

  /**
   * A conversation with the server; a PROXY header names nobody but this proxy.
   * @param signal ends the attempt; once the conversation has begun, it would end that
   * @throws ClientError, and the signal's reason
   */
  client(server: ServerAddress, signal?: Signal): Promise<TentacleClient> {
    return connect(this.#options(server, signal));
  }

  /**
   * The bare stream, paused. W10: where there is a password, `PASS OK` has been read.
   * @param signal ends the attempt; once the stream is there, it would destroy that
   * @throws ClientError, and the signal's reason
   */
  stream(server: ServerAddress, behalf: Behalf, signal: Signal): Promise<Socket> {
    const options = this.#options(server, signal, behalf);
    if (options.password === undefined) return openStream(options);
    return connect(options).then((client) => client.release());
  }

  /** One literal, for each connection: to spread others into it is slow. */
  #options({ host, port }: ServerAddress, signal?: Signal, behalf?: Behalf): Options {
    const { tls, password, idleMs } = this.#common;
    const version = this.#proxyProtocol;
    const preamble = version && formatProxyHeader(version, behalf?.());
    return { host, port, preamble, tls, password, idleMs, names: TOKEN_NAMES, signal };
  }
}
