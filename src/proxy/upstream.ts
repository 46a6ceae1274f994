/** One server of proxy_ip: up, or set aside with growing pauses until a connection to it comes about. */
import { endpointText, type HostPort } from '../client/endpoint.ts';
import { duration } from '../log/count.ts';
import type { Logger } from '../log/logger.ts';
import { reasonOf } from './upstream-reason.ts';
import { UpstreamTroubles } from './upstream-troubles.ts';

export const FIRST_PAUSE_MS = 500;
export const LONGEST_PAUSE_MS = 30_000;

export type UpstreamState = { readonly server: HostPort } & (
  | { readonly kind: 'up'; /** Connections with it. */ readonly open: number }
  | { readonly kind: 'away'; readonly forMs: number; readonly reason: string; readonly failures: number }
);

/** How it was when an attempt to connect began; what that comes to is told with it. */
export interface Attempt {
  readonly pause: Pause | undefined;
  readonly returns: number;
}

/** It is set aside. */
interface Pause {
  /** In milliseconds of performance.now(). */
  readonly until: number;
  readonly ms: number;
  /** One connection tries it; the others leave it alone. */
  probed: boolean;
}

export class Upstream {
  readonly server: HostPort;
  readonly #troubles: UpstreamTroubles;
  #open = 0;
  #pause: Pause | undefined;
  #returns = 0;

  constructor(server: HostPort, log: Logger) {
    this.server = server;
    this.#troubles = new UpstreamTroubles(server, log);
  }

  /** Connections with it, and attempts: many at once are spread too. */
  get open(): number {
    return this.#open;
  }

  /** Whether it may be tried: it is up, or its pause is over and nobody else tries it. */
  get ready(): boolean {
    return this.#pause === undefined || (!this.#pause.probed && performance.now() >= this.#pause.until);
  }

  /** Whether it is away, and another connection is finding out whether it still is. */
  get probed(): boolean {
    return this.#pause?.probed === true;
  }

  get state(): UpstreamState {
    const { server } = this;
    const { absence } = this.#troubles;
    if (absence === undefined) return { server, kind: 'up', open: this.#open };
    const { since, reason, failures } = absence;
    return { server, kind: 'away', forMs: performance.now() - since, reason, failures };
  }

  /** A connection is about to be tried. */
  begin(): Attempt {
    this.#open++;
    if (this.#pause !== undefined) this.#pause.probed = true;
    return { pause: this.#pause, returns: this.#returns };
  }

  /** The connection has come about. @returns whether it was away until now */
  succeeded(): boolean {
    if (this.#pause === undefined) return false;
    this.#pause = undefined;
    this.#returns++;
    this.#troubles.back();
    return true;
  }

  /** No connection came about; `next` is tried instead. */
  failed(attempt: Attempt, reason: string, next: HostPort | undefined): void {
    this.abandoned(attempt);
    // One that began before it came back says nothing about it now.
    const late = attempt.returns !== this.#returns;
    if (late || this.#pause !== undefined) this.#troubles.failed(reason);
    else this.#troubles.setAside(reason, next);
    if (!late && attempt.pause === this.#pause) this.#pause = longer(this.#pause);
  }

  /** The attempt was given up, for no fault of the server. */
  abandoned({ pause }: Attempt): void {
    this.#open--;
    if (pause !== undefined) pause.probed = false;
  }

  /** A connection was refused since another was finding out whether it is still away. */
  missed(): void {
    const { absence } = this.#troubles;
    if (absence !== undefined) this.#troubles.failed(absence.reason);
  }

  /** The connection is over. */
  release(): void {
    this.#open--;
  }

  /** A connection that had come about ended before its time. */
  broke(error: Error): void {
    this.#troubles.broke(reasonOf(error, this.server));
  }
}

/** Grows with the time that it is away, not with the number of clients that find it so. */
function longer(pause: Pause | undefined): Pause {
  const now = performance.now();
  if (pause === undefined) return { until: now + FIRST_PAUSE_MS, ms: FIRST_PAUSE_MS, probed: false };
  if (now < pause.until) return pause;
  const ms = Math.min(2 * pause.ms, LONGEST_PAUSE_MS);
  return { until: now + ms, ms, probed: false };
}

/** `10.0.0.1 port 41121: up`, `...: away for 3 minutes (connection timed out)`. */
export function stateText(state: UpstreamState): string {
  const name = endpointText(state.server);
  if (state.kind === 'up') return `${name}: up`;
  return `${name}: away for ${duration(state.forMs)} (${state.reason})`;
}
