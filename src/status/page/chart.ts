/** Draws what happened in the last hour as a line, in SVG. */
import { html, type Html } from './html.ts';

export interface Series {
  /** `Files per second`. */
  readonly label: string;
  /** The oldest first. */
  readonly points: readonly Point[];
  /** Milliseconds since the epoch; the right edge. */
  readonly now: number;
  readonly stepSeconds: number;
  /** How large a unit is: 1024 for bytes, so that the scale ends at a round number of them. */
  readonly kilo: 1000 | 1024;
  readonly show: (value: number) => string;
}

export interface Point {
  readonly at: number;
  readonly value: number;
}

const HOUR_MS = 3_600_000;
const WIDTH = 720;
const HEIGHT = 160;
const ROUND = [1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10];

/** The picture stretches with the page; its words are HTML, so that they do not. */
export function chart(series: Series): Html {
  const { points, now, show } = series;
  const top = ceiling(Math.max(0, ...points.map(({ value }) => value)), series.kilo);
  const drawn = runs(series).map((run) =>
    run.map(({ at, value }) => place((at - now) / HOUR_MS, value / top)),
  );
  return html`<figure class="chart">
    <svg viewBox="0 0 ${WIDTH} ${HEIGHT}" preserveAspectRatio="none" role="img">
      <title>${inWords(series)}</title>
      <path class="grid" d="M0 0H${WIDTH}M0 ${HEIGHT / 2}H${WIDTH}M0 ${HEIGHT}H${WIDTH}" />
      <path class="area" d="${drawn.map(area).join('')}" />
      <path class="line" d="${drawn.map(line).join('')}" />
    </svg>
    <div class="scale" aria-hidden="true"><span>${show(top)}</span><span>0</span></div>
    <div class="hour" aria-hidden="true"><span>60 min ago</span><span>30 min</span><span>now</span></div>
  </figure>`;
}

/** `Files per second over the last hour: now 12.4, highest 34.1, average 12.` */
export function inWords({ label, points, show }: Series): string {
  const last = points.at(-1);
  if (last === undefined) return `${label}: no figures yet`;
  const { highest, average } = summary(points);
  return `${label} over the last hour: now ${show(last.value)}, highest ${show(highest)}, average ${show(average)}`;
}

export function summary(points: readonly Point[]): { readonly highest: number; readonly average: number } {
  const values = points.map(({ value }) => value);
  const sum = values.reduce((total, value) => total + value, 0);
  return { highest: Math.max(0, ...values), average: sum / Math.max(values.length, 1) };
}

/** The next round number: the top of the scale. Of nothing it is 1. */
export function ceiling(value: number, kilo: 1000 | 1024): number {
  if (value <= 0) return 1;
  let unit = 1;
  while (value > 999 * unit) unit *= kilo;
  const ten = unit * 10 ** Math.floor(Math.log10(value / unit));
  return (ROUND.find((round) => value <= round * ten * (1 + 1e-9)) ?? 10) * ten;
}

/** Points of the last hour that follow each other: where figures are missing, the line is interrupted. */
function runs({ points, now, stepSeconds }: Series): Point[][] {
  const found: Point[][] = [];
  for (const point of points) {
    if (point.at < now - HOUR_MS) continue;
    const previous = found.at(-1)?.at(-1);
    if (previous === undefined || point.at - previous.at > stepSeconds * 1500) found.push([point]);
    else found.at(-1)?.push(point);
  }
  return found;
}

type Place = readonly [x: number, y: number];

/** @param x from -1, an hour ago, to 0, now; @param y from 0 to 1 */
function place(x: number, y: number): Place {
  return [Math.round((1 + Math.min(x, 0)) * WIDTH), Math.round((1 - y) * HEIGHT)];
}

/** One point alone is a dot. */
function line(run: readonly Place[]): string {
  return `M${run.map((at) => at.join(' ')).join('L')}${run.length === 1 ? 'h0' : ''}`;
}

function area(run: readonly Place[]): string {
  const [first, last] = [run[0]?.[0] ?? 0, run.at(-1)?.[0] ?? 0];
  return `${line(run)}L${String(last)} ${String(HEIGHT)}H${String(first)}Z`;
}
