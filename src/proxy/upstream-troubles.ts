/** Tells the log about the troubles of one upstream: the first at once, the same again counted, its return. */
import { authority, endpointText, type HostPort } from '../client/endpoint.ts';
import { count, duration } from '../log/count.ts';
import type { Logger } from '../log/logger.ts';

/** For as long after a line, the same trouble is only counted. */
export const QUIET_MS = 60_000;
/** Told apart at a time: an error's text may hold something that differs each time. */
const MOST_REASONS = 8;
const OTHER = 'many different troubles';
const IS_UP = '; it is up now';

/** Since when an upstream is away, in milliseconds of performance.now(), and what it last answered. */
export interface Absence {
  readonly since: number;
  readonly reason: string;
  /** Connections that came to nothing since then. */
  readonly failures: number;
}

/** `failed`: no connection came about. `broke`: one that had come about ended before its time. */
type Kind = 'failed' | 'broke';

/** The same trouble, again and again. */
interface Series {
  readonly kind: Kind;
  readonly reason: string;
  since: number;
  last: number;
  total: number;
  toldAt: number;
  /** Runs while there is something that is not told yet. */
  timer: NodeJS.Timeout | undefined;
}

export class UpstreamTroubles {
  readonly #name: string;
  readonly #upstream: string;
  readonly #log: Logger;
  readonly #series = new Map<string, Series>();
  #absence: Absence | undefined;
  #absenceTold = false;

  constructor(server: HostPort, log: Logger) {
    this.#name = `Upstream ${endpointText(server)}`;
    this.#upstream = authority(server);
    this.#log = log;
  }

  /** Undefined: it is up. */
  get absence(): Absence | undefined {
    return this.#absence;
  }

  /** No connection came about, and it is set aside; `next` is tried instead. */
  setAside(reason: string, next: HostPort | undefined): void {
    this.#absence = { since: performance.now(), reason, failures: 1 };
    this.#absenceTold = false;
    const consequence =
      next === undefined
        ? 'no other upstream is left, so the next connection tries it again'
        : `it is set aside, trying ${endpointText(next)}`;
    this.#add('failed', reason, `${reason}; ${consequence}`);
  }

  /** One more connection came to nothing. */
  failed(reason: string): void {
    const absence = this.#absence;
    if (absence !== undefined) this.#absence = { ...absence, reason, failures: absence.failures + 1 };
    const state = absence === undefined ? IS_UP : `; it has been away for ${since(absence.since)}`;
    this.#add('failed', reason, reason + state);
  }

  /** A connection that had come about ended before its time. */
  broke(reason: string): void {
    this.#add('broke', reason, `a connection broke: ${reason}`);
  }

  /** It is up again. Told when its absence was, so that one that comes and goes does not fill the log. */
  back(): void {
    const absence = this.#absence;
    this.#absence = undefined;
    if (absence === undefined || !this.#absenceTold) return;
    for (const series of this.#series.values()) if (series.kind === 'failed') settle(series);
    const { failures } = absence;
    this.#log.notice(
      `${this.#name} is back after ${since(absence.since)}; ${count(failures, 'connection')} failed meanwhile`,
      { event: 'upstream', upstream: this.#upstream, connections: failures },
    );
  }

  #add(kind: Kind, reason: string, first: string): void {
    const now = performance.now();
    const series = this.#seriesOf(kind, reason);
    if (series.total === 0 || this.#isOver(series)) {
      series.since = now;
      series.total = 0;
    }
    series.total++;
    series.last = now;
    const quietMs = series.toldAt + QUIET_MS - now;
    if (series.total === 1 && quietMs <= 0) this.#tell(series, first);
    else series.timer ??= this.#later(series, quietMs);
  }

  /** Told even if nothing more happens: who reads the log shall not wait for the next trouble. */
  #later(series: Series, ms: number): NodeJS.Timeout {
    const tell = (): void => {
      series.timer = undefined;
      const { reason, total, kind } = series;
      const up = kind === 'failed' && this.#absence === undefined ? IS_UP : '';
      const times = `${since(series.since)}: ${count(total, 'connection')} ${kind}`;
      this.#tell(series, `${reason}, for ${times}${up}`);
    };
    return setTimeout(tell, Math.max(ms, 1)).unref();
  }

  #tell(series: Series, message: string): void {
    series.toldAt = performance.now();
    if (series.kind === 'failed') this.#absenceTold = true;
    const { reason, total } = series;
    this.#log.warning(`${this.#name}: ${message}`, {
      event: 'upstream',
      upstream: this.#upstream,
      reason,
      connections: total,
    });
  }

  /** Whether it was a while ago; while the upstream is away, nobody may have come to find it so again. */
  #isOver({ last }: Series): boolean {
    return last < Math.min(performance.now() - QUIET_MS, this.#absence?.since ?? Infinity);
  }

  #seriesOf(kind: Kind, reason: string): Series {
    const key = `${kind} ${reason}`;
    const known = this.#series.get(key);
    if (known !== undefined) return known;
    if (this.#series.size >= MOST_REASONS) this.#forget();
    if (this.#series.size >= MOST_REASONS && reason !== OTHER) return this.#seriesOf(kind, OTHER);
    const series = { kind, reason, since: 0, last: 0, total: 0, toldAt: -Infinity, timer: undefined };
    this.#series.set(key, series);
    return series;
  }

  #forget(): void {
    for (const [key, series] of this.#series) {
      if (series.timer === undefined && this.#isOver(series)) this.#series.delete(key);
    }
  }
}

/** What was not told yet has been told otherwise. */
function settle(series: Series): void {
  clearTimeout(series.timer);
  series.timer = undefined;
  series.total = 0;
}

function since(time: number): string {
  return duration(performance.now() - time);
}
