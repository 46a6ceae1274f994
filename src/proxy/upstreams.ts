/** Chooses among the servers of proxy_ip: who is up, who is set aside, who has the fewest connections. */
import type { Signal } from '../client/connect.ts';
import { endpointText, type HostPort } from '../client/endpoint.ts';
import type { Logger } from '../log/logger.ts';
import { NoUpstream } from '../protocol/errors.ts';
import { Waiters } from '../protocol/waiters.ts';
import { stateText, Upstream, type UpstreamState } from './upstream.ts';
import { reasonOf } from './upstream-reason.ts';

export interface UpstreamChoice {
  /** In the order of proxy_ip; at least one. */
  readonly servers: readonly HostPort[];
  readonly policy: 'failover' | 'balance';
}

/** An upstream that took a connection. */
export interface Reached<T> {
  readonly server: HostPort;
  readonly value: T;
  /** To be called once, when the conversation with it is over. */
  readonly release: () => void;
  /** It failed in mid-conversation. Told and counted in the log; it is not set aside for it. */
  readonly broke: (error: Error) => void;
}

export class Upstreams {
  readonly #upstreams: readonly Upstream[];
  readonly #policy: UpstreamChoice['policy'];
  /** Whoever waits for an upstream to come back. */
  readonly #waiting = new Waiters();

  constructor({ servers, policy }: UpstreamChoice, log: Logger) {
    this.#upstreams = servers.map((server) => new Upstream(server, log));
    this.#policy = policy;
  }

  /** Each upstream in the order of proxy_ip. */
  get states(): readonly UpstreamState[] {
    return this.#upstreams.map(({ state }) => state);
  }

  /**
   * Connects to one upstream after the other, as the policy says, until `connect` succeeds.
   * @param connect must end by itself in time; whatever it throws sets the upstream aside
   * @param signal for a server that stops: when it is aborted, what `connect` throws is no fault of the upstream. Not
   *   for a client that leaves: its attempt is how a host that takes no connections is found out
   * @throws NoUpstream; what `connect` threw when the signal is aborted
   */
  async reach<T>(
    connect: (server: HostPort) => Promise<T>,
    signal?: Pick<Signal, 'aborted'>,
  ): Promise<Reached<T>> {
    const answers = new Map<Upstream, string>();
    let upstream = this.#choose(answers);
    while (upstream !== undefined) {
      const attempt = upstream.begin();
      try {
        return this.#reached(upstream, await connect(upstream.server));
      } catch (error) {
        if (signal?.aborted === true) {
          upstream.abandoned(attempt);
          throw error;
        }
        const reason = reasonOf(error, upstream.server);
        answers.set(upstream, reason);
        const next = this.#choose(answers);
        upstream.failed(attempt, reason, next?.server);
        upstream = next;
      }
    }
    throw this.#refusal(answers);
  }

  /** Resolves when an upstream that was away is reached, after so many milliseconds, or when the signal is aborted. */
  changed(ms: number, signal: AbortSignal): Promise<void> {
    return this.#waiting.wait(ms, signal);
  }

  /** When none is ready, nobody waits out a pause: a returning upstream is found by the first connection. */
  #choose(tried: ReadonlyMap<Upstream, string>): Upstream | undefined {
    return (
      this.#first((upstream) => upstream.ready && !tried.has(upstream)) ??
      this.#first((upstream) => !upstream.probed && !tried.has(upstream))
    );
  }

  #first(suits: (upstream: Upstream) => boolean): Upstream | undefined {
    if (this.#policy === 'failover') return this.#upstreams.find(suits);
    let best: Upstream | undefined;
    for (const upstream of this.#upstreams) {
      if (suits(upstream) && (best === undefined || upstream.open < best.open)) best = upstream;
    }
    return best;
  }

  #reached<T>(upstream: Upstream, value: T): Reached<T> {
    if (upstream.succeeded()) this.#waiting.wake();
    return {
      server: upstream.server,
      value,
      release: () => {
        upstream.release();
      },
      broke: (error) => {
        upstream.broke(error);
      },
    };
  }

  #refusal(answers: ReadonlyMap<Upstream, string>): NoUpstream {
    const parts = this.#upstreams.map((upstream) => {
      const answer = answers.get(upstream);
      if (answer !== undefined) return `${endpointText(upstream.server)}: ${answer}`;
      const text = stateText(upstream.state);
      upstream.missed();
      return `${text}, another connection is trying it`;
    });
    return new NoUpstream(parts.join('; '));
  }
}
