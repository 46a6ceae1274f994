/** Knows of every server of proxy_ip whether it would take a connection, by trying. */
import type { Check, UpstreamReport } from './report.ts';
import { Dialer } from '../proxy/dial.ts';
import { reasonOf } from '../proxy/upstream-reason.ts';
import { endpointText } from '../client/endpoint.ts';
import { duration } from '../log/count.ts';
import type { ServerAddress, UpstreamSettings } from '../settings/settings.ts';

/** Between two tries of one that is up; each leaves a line in its log when that says everything. */
const INTERVAL_MS = 10_000;
/** Of one that is away. */
const SHORT_INTERVAL_MS = 2000;

interface State {
  readonly up: boolean;
  readonly text: string;
  /** When it became so, in milliseconds since the epoch; undefined until it was tried. */
  readonly since: number | undefined;
}

export class UpstreamWatch {
  readonly #probes: readonly Probe[];

  /**
   * @param idleMs how long each step may take, in milliseconds (W4)
   * @param before the one of earlier settings, whose last word counts until the first of this one
   */
  constructor(upstream: UpstreamSettings, idleMs: number, before?: UpstreamWatch) {
    const dialer = new Dialer(upstream, idleMs);
    this.#probes = upstream.servers.map((server) => new Probe(server, dialer, before?.stateOf(server)));
  }

  /** Of one of its servers. */
  stateOf(server: ServerAddress): State | undefined {
    return this.#probes.find((probe) => probe.isOf(server))?.state;
  }

  close(): void {
    for (const probe of this.#probes) probe.close();
  }

  /** In the order of proxy_ip. */
  get reports(): readonly UpstreamReport[] {
    return this.#probes.map(({ report }) => report);
  }

  /** One of them is enough. */
  get check(): Check {
    const reports = this.reports;
    const text = reports.map((each) => `${each.server}: ${each.text}`).join('; ');
    return { name: 'upstream', ok: reports.some(({ up }) => up), text };
  }
}

const UNTRIED: State = { up: false, text: 'not tried yet', since: undefined };

class Probe {
  readonly #server: ServerAddress;
  readonly #dialer: Dialer;
  readonly #closing = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #state: State;

  constructor(server: ServerAddress, dialer: Dialer, before = UNTRIED) {
    this.#server = server;
    this.#dialer = dialer;
    this.#state = before;
    void this.#run();
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#closing.abort();
  }

  get state(): State {
    return this.#state;
  }

  isOf({ host, port }: ServerAddress): boolean {
    return this.#server.host === host && this.#server.port === port;
  }

  get report(): UpstreamReport {
    const { up, text, since } = this.#state;
    const forText = up || since === undefined ? '' : `, for ${duration(Date.now() - since)}`;
    return { server: endpointText(this.#server), up, text: `${text}${forText}`, since };
  }

  /** Never fails. */
  async #run(): Promise<void> {
    const trouble = await this.#try();
    if (this.#closing.signal.aborted) return;
    const up = trouble === undefined;
    const isNew = this.#state.since === undefined || this.#state.up !== up;
    this.#state = { up, text: trouble ?? 'up', since: isNew ? Date.now() : this.#state.since };
    this.#timer = setTimeout(() => void this.#run(), up ? INTERVAL_MS : SHORT_INTERVAL_MS).unref();
  }

  /** P1: as far as a relay goes by itself: TCP, TLS and password, where they are set. */
  async #try(): Promise<string | undefined> {
    try {
      const client = await this.#dialer.client(this.#server, this.#closing.signal);
      client.close();
      return undefined;
    } catch (error) {
      return reasonOf(error, this.#server);
    }
  }
}
