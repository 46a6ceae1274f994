/** Makes rates, and the charts' points of the last hour, of counts that only grow. Pure. */
import type { History, HistoryPoint, Rates } from './report.ts';

/** What is looked at now and then. */
export interface Sample {
  /** In milliseconds since the epoch. */
  readonly at: number;
  /** Since the start, as those below. */
  readonly files: number;
  readonly bytes: number;
  readonly connections: number;
  readonly refused: number;
  /** Now. */
  readonly open: number;
}

const STEP_SECONDS = 10;
const POINTS = 360;
const MS = 1000;
/** Rates are over so long. */
const RATE_MS = 10_000;

export class Chronicle {
  readonly #points: HistoryPoint[] = [];
  /** Of the last ten seconds and a little more. */
  #samples: Sample[] = [];
  /** The last one of the step before, and the most open connections since. */
  #step: Sample | undefined;
  #open = 0;

  /** To be called every few seconds. A clock that was set back begins anew. */
  add(sample: Sample): void {
    const last = this.#samples.at(-1);
    if (last !== undefined && sample.at < last.at) this.#forget();
    this.#samples.push(sample);
    this.#samples = this.#samples.filter(
      ({ at }, index, all) => at >= sample.at - RATE_MS || index === all.length - 2,
    );
    this.#open = Math.max(this.#open, sample.open);
    this.#step ??= sample;
    if (sample.at - this.#step.at >= STEP_SECONDS * MS) this.#close(this.#step, sample);
  }

  get rates(): Rates {
    const [first, last] = [this.#samples[0], this.#samples.at(-1)];
    if (first === undefined || last === undefined || last.at === first.at)
      return { files: 0, bytes: 0, connections: 0 };
    const perSecond = perSecondBetween(first, last);
    return {
      files: perSecond('files'),
      bytes: perSecond('bytes'),
      connections: perSecond('connections'),
    };
  }

  get history(): History {
    return { stepSeconds: STEP_SECONDS, points: [...this.#points] };
  }

  #close(from: Sample, to: Sample): void {
    const perSecond = perSecondBetween(from, to);
    this.#points.push({
      at: to.at,
      files: perSecond('files'),
      bytes: perSecond('bytes'),
      connections: perSecond('connections'),
      open: this.#open,
      refused: to.refused - from.refused,
    });
    if (this.#points.length > POINTS) this.#points.shift();
    this.#step = to;
    this.#open = to.open;
  }

  #forget(): void {
    this.#points.length = 0;
    this.#samples = [];
    this.#step = undefined;
    this.#open = 0;
  }
}

function perSecondBetween(from: Sample, to: Sample): (key: 'files' | 'bytes' | 'connections') => number {
  const seconds = (to.at - from.at) / MS;
  return (key) => Math.max(0, to[key] - from[key]) / seconds;
}
